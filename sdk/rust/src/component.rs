//! From a list of tools to the component's two exports.

use schemars::generate::SchemaSettings;

use crate::bindings::openclaw::manifest::manifest;
use crate::{Tool, ToolError};

#[cfg(test)]
mod tests;

/// Makes a component of tools: implements and exports the interface `openclaw:tool/guest`.
///
/// `name` is 1 to 64 of `a-z 0-9 - _`, `version` a semantic version, `summary` one sentence for people, `tools` types
/// with the [`Tool`] trait, `channel`, which may be left out, a type with the [`crate::Channel`] trait, and `scopes` values
/// made by [`crate::scope`]. With a channel the list of tools may be empty. Use it once, in the `cdylib`'s root.
#[macro_export]
macro_rules! export_component {
    (
        name: $name:expr,
        version: $version:expr,
        summary: $summary:expr,
        tools: [$($tool:ty),+ $(,)?],
        scopes: [$($scope:expr),* $(,)?] $(,)?
    ) => {
        $crate::export_component!(@tools $name, $version, $summary, [$($tool),+], [$($scope),*]);
    };
    (
        name: $name:expr,
        version: $version:expr,
        summary: $summary:expr,
        tools: [$($tool:ty),* $(,)?],
        channel: $channel:ty,
        scopes: [$($scope:expr),* $(,)?] $(,)?
    ) => {
        $crate::export_component!(@tools $name, $version, $summary, [$($tool),*], [$($scope),*]);

        impl $crate::private::ChannelGuest for OpenclawComponent {
            fn get_abilities() -> $crate::private::Abilities {
                $crate::private::get_abilities::<$channel>()
            }

            fn receive(
                cursor: ::std::option::Option<::std::string::String>,
            ) -> ::std::result::Result<$crate::channel::Batch, $crate::channel::Failure> {
                <$channel as $crate::Channel>::receive(cursor)
            }

            fn send(
                message: $crate::channel::Outgoing,
            ) -> ::std::result::Result<::std::string::String, $crate::channel::Failure> {
                <$channel as $crate::Channel>::send(message)
            }

            fn send_file(
                file: $crate::channel::OutgoingFile,
            ) -> ::std::result::Result<::std::string::String, $crate::channel::Failure> {
                <$channel as $crate::Channel>::send_file(file)
            }

            fn fetch(
                attachment: ::std::string::String,
            ) -> ::std::result::Result<::std::vec::Vec<u8>, $crate::channel::Failure> {
                <$channel as $crate::Channel>::fetch(attachment)
            }
        }

        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::channel_bindings::export;
            export!(OpenclawComponent with_types_in $crate::channel_bindings);
        };
    };
    (
        @tools $name:expr, $version:expr, $summary:expr, [$($tool:ty),*], [$($scope:expr),*]
    ) => {
        #[doc(hidden)]
        pub struct OpenclawComponent;

        impl $crate::private::Guest for OpenclawComponent {
            fn describe() -> $crate::private::Manifest {
                $crate::private::Manifest {
                    name: ::std::string::String::from($name),
                    version: ::std::string::String::from($version),
                    summary: ::std::string::String::from($summary),
                    tools: ::std::vec![$($crate::private::describe::<$tool>()),*],
                    scopes: ::std::vec![$($scope),*],
                }
            }

            fn invoke(
                call: $crate::private::Call,
            ) -> ::std::result::Result<::std::string::String, $crate::ToolError> {
                match call.tool.as_str() {
                    $(<$tool as $crate::Tool>::NAME => $crate::private::invoke::<$tool>(&call.arguments),)*
                    other => $crate::private::unknown_tool(other),
                }
            }
        }

        // Only the component has exports: on other targets, where pure logic is tested, their names mean nothing.
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings::export;
            export!(OpenclawComponent with_types_in $crate::bindings);
        };
    };
}

/// The manifest entry of one tool.
pub fn describe<T: Tool>() -> manifest::Tool {
    manifest::Tool {
        name: T::NAME.into(),
        description: T::DESCRIPTION.into(),
        input_schema: input_schema::<T>(),
        untrusted_output: T::UNTRUSTED_OUTPUT,
    }
}

/// Parses the arguments and runs the tool.
///
/// # Errors
/// [`ToolError::InvalidArguments`] if the arguments do not parse, else whatever the tool returns.
pub fn invoke<T: Tool>(arguments: &str) -> Result<String, ToolError> {
    // Some models send nothing at all to a tool whose arguments are all optional.
    let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
    let args = serde_json::from_str(arguments)
        .map_err(|err| ToolError::invalid(format!("the arguments of `{}` do not fit its schema: {err}", T::NAME)))?;
    T::call(args)
}

/// The answer to a call of a tool that this component does not have.
///
/// # Errors
/// Always [`ToolError::NotFound`].
pub fn unknown_tool(name: &str) -> Result<String, ToolError> {
    Err(ToolError::NotFound(format!("this component has no tool `{name}`")))
}

/// The JSON Schema of the arguments, self-contained: model APIs differ in what they make of `$ref` and `$schema`.
fn input_schema<T: Tool>() -> String {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T::Args>();
    // The names and docs of the argument structs speak to Rust readers, not to the model.
    schema.remove("title");
    schema.remove("description");
    schema.as_value().to_string()
}
