//! A call of a plain component's function, by its types.

use wasmtime::Store;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{ComponentExportIndex, InstancePre, Val};

use super::guest::{Guest, wit};
use crate::plain::Signature;

/// Calls the function at a path; what it gives becomes text. As for our own world, an error of the guest's is a value.
///
/// # Errors
/// If the guest traps, or a limit ends it.
pub(super) fn invoke(
    pre: &InstancePre<Guest>,
    store: &mut Store<Guest>,
    path: &str,
    arguments: &str,
) -> wasmtime::Result<Result<String, wit::ToolError>> {
    let Some((signature, index)) = find(pre, path) else {
        return Ok(Err(wit::ToolError::NotFound(format!("the component has no function `{path}` that can be called"))));
    };
    // Nothing of the guest has run yet.
    let params = match signature.arguments(arguments) {
        Ok(params) => params,
        Err(mismatch) => return Ok(Err(wit::ToolError::InvalidArguments(mismatch.to_string()))),
    };
    let instance = pre.instantiate(&mut *store)?;
    let function = instance.get_func(&mut *store, index);
    let function =
        function.ok_or_else(|| wasmtime::Error::msg("an export of the component is none of its instance"))?;
    let mut results = vec![Val::Bool(false); signature.results()];
    function.call(&mut *store, &params, &mut results)?;
    let failed = |message| wit::ToolError::Failed(wit::Failure { message, sent: false });
    Ok(signature.answer(&results).map_err(failed))
}

fn find(pre: &InstancePre<Guest>, path: &str) -> Option<(Signature, ComponentExportIndex)> {
    let component = pre.component();
    let (interface, name) = match path.rsplit_once('#') {
        Some((interface, name)) => (Some(component.get_export_index(None, interface)?), name),
        None => (None, path),
    };
    match component.get_export(interface.as_ref(), name)? {
        (ComponentItem::ComponentFunc(ty), index) => Some((Signature::of(&ty).ok()?, index)),
        _ => None,
    }
}
