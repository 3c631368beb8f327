//! Types whose values can be carried in JSON.

use serde_json::{Map, Value, json};
use wasmtime::component::types::ComponentFunc;
use wasmtime::component::{Type, Val};

/// Parts of all the types of a function; a type that is used twice counts twice. Types can be nested so that they have
/// more parts than a computer has memory.
const PARTS: usize = 2000;
/// Whole numbers beyond this are not safe in JSON: most programs that read it make floating-point numbers of them.
pub(super) const SAFE: i128 = (1 << 53) - 1;
/// Longer signatures are cut.
const SIGNATURE_BYTES: usize = 1000;

/// A type, as far as its values can be carried in JSON.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Form {
    Bool,
    Int(Int),
    F32,
    F64,
    Char,
    String,
    /// `list<u8>`.
    Bytes,
    List(Box<Form>),
    Record(Vec<(String, Form)>),
    Tuple(Vec<Form>),
    Variant(Vec<(String, Option<Form>)>),
    Enum(Vec<String>),
    Option(Box<Form>),
    Result(Option<Box<Form>>, Option<Box<Form>>),
    Flags(Vec<String>),
}

/// A type of whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Int {
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
}

/// What a function takes and gives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Signature {
    pub(super) params: Vec<(String, Form)>,
    pub(super) result: Option<Form>,
}

// === impl Form ===

impl Form {
    /// Reads a type.
    ///
    /// # Errors
    /// Says what of it no JSON carries, as the end of "it needs …".
    fn of(ty: &Type, left: &mut usize) -> Result<Form, String> {
        *left = left.checked_sub(1).ok_or_else(|| format!("types with more than {PARTS} parts"))?;
        let name = |name: &str| name.to_owned();
        let names = |names: &mut dyn Iterator<Item = &str>, left: &mut usize| {
            let names: Vec<_> = names.map(str::to_owned).collect();
            *left = left.saturating_sub(names.len());
            names
        };
        let some = |ty: Option<Type>, left: &mut usize| ty.map(|ty| Form::of(&ty, left)).transpose();
        Ok(match ty {
            Type::Bool => Form::Bool,
            Type::S8 => Form::Int(Int::S8),
            Type::U8 => Form::Int(Int::U8),
            Type::S16 => Form::Int(Int::S16),
            Type::U16 => Form::Int(Int::U16),
            Type::S32 => Form::Int(Int::S32),
            Type::U32 => Form::Int(Int::U32),
            Type::S64 => Form::Int(Int::S64),
            Type::U64 => Form::Int(Int::U64),
            Type::Float32 => Form::F32,
            Type::Float64 => Form::F64,
            Type::Char => Form::Char,
            Type::String => Form::String,
            Type::List(list) if list.ty() == Type::U8 => Form::Bytes,
            Type::List(list) => Form::List(Box::new(Form::of(&list.ty(), left)?)),
            Type::Record(record) => {
                let fields = record.fields().map(|field| Ok((name(field.name), Form::of(&field.ty, left)?)));
                Form::Record(fields.collect::<Result<_, String>>()?)
            }
            Type::Tuple(tuple) => Form::Tuple(tuple.types().map(|ty| Form::of(&ty, left)).collect::<Result<_, _>>()?),
            Type::Variant(variant) => {
                let cases = variant.cases().map(|case| Ok((name(case.name), some(case.ty, left)?)));
                Form::Variant(cases.collect::<Result<_, String>>()?)
            }
            Type::Enum(cases) => Form::Enum(names(&mut cases.names(), left)),
            Type::Option(option) => Form::Option(Box::new(Form::of(&option.ty(), left)?)),
            Type::Result(result) => {
                let (ok, err) = (some(result.ok(), left)?, some(result.err(), left)?);
                Form::Result(ok.map(Box::new), err.map(Box::new))
            }
            Type::Flags(flags) => Form::Flags(names(&mut flags.names(), left)),
            Type::Own(_) | Type::Borrow(_) => return Err("a resource, which lives no longer than a call".to_owned()),
            Type::Future(_) | Type::Stream(_) | Type::ErrorContext => {
                return Err("a stream or a future, and calls are not asynchronous".to_owned());
            }
            Type::Map(_) | Type::FixedLengthList(_) => return Err("a kind of type that is not supported".to_owned()),
        })
    }

    /// Its JSON Schema.
    pub(super) fn schema(&self) -> Value {
        match self {
            Form::Bool => json!({"type": "boolean"}),
            Form::Int(int) => int.schema(),
            Form::F32 | Form::F64 => json!({"type": "number"}),
            Form::Char => json!({"type": "string", "minLength": 1, "maxLength": 1}),
            Form::String => json!({"type": "string"}),
            Form::Bytes => json!({"type": "string", "contentEncoding": "base64", "description": "Bytes in base64."}),
            Form::List(item) => json!({"type": "array", "items": item.schema()}),
            Form::Record(fields) => object(fields),
            Form::Tuple(items) => json!({
                "type": "array",
                "prefixItems": items.iter().map(Form::schema).collect::<Vec<_>>(),
                "minItems": items.len(),
                "maxItems": items.len(),
            }),
            Form::Variant(cases) => choice(cases.iter().map(|(name, form)| (name.as_str(), form.as_ref()))),
            Form::Enum(names) => json!({"type": "string", "enum": names}),
            Form::Option(inner) => json!({"anyOf": [some(inner), {"type": "null"}]}),
            Form::Result(ok, err) => choice([("ok", ok.as_deref()), ("err", err.as_deref())].into_iter()),
            Form::Flags(names) => {
                json!({"type": "array", "items": {"type": "string", "enum": names}, "uniqueItems": true})
            }
        }
    }

    /// The type in WIT's words, with what it is made of in its place.
    fn write(&self, text: &mut String) {
        if text.len() > SIGNATURE_BYTES {
            return;
        }
        match self {
            Form::Bool => text.push_str("bool"),
            Form::Int(int) => text.push_str(int.word()),
            Form::F32 => text.push_str("f32"),
            Form::F64 => text.push_str("f64"),
            Form::Char => text.push_str("char"),
            Form::String => text.push_str("string"),
            Form::Bytes => text.push_str("list<u8>"),
            Form::List(item) => within(text, "list<", [&**item], ">"),
            Form::Record(fields) => {
                text.push_str("record { ");
                write_named(fields, text);
                text.push_str(" }");
            }
            Form::Tuple(items) => within(text, "tuple<", items, ">"),
            Form::Variant(cases) => {
                text.push_str("variant { ");
                for (at, (name, form)) in cases.iter().enumerate() {
                    text.push_str(if at > 0 { ", " } else { "" });
                    text.push_str(name);
                    form.iter().for_each(|form| within(text, "(", [form], ")"));
                }
                text.push_str(" }");
            }
            Form::Enum(names) => text.push_str(&format!("enum {{ {} }}", names.join(", "))),
            Form::Option(inner) => within(text, "option<", [&**inner], ">"),
            Form::Result(None, None) => text.push_str("result"),
            Form::Result(ok, None) => within(text, "result<", ok.as_deref(), ">"),
            Form::Result(None, err) => within(text, "result<_, ", err.as_deref(), ">"),
            Form::Result(ok, err) => {
                within(text, "result<", [ok.as_deref(), err.as_deref()].into_iter().flatten(), ">")
            }
            Form::Flags(names) => text.push_str(&format!("flags {{ {} }}", names.join(", "))),
        }
    }

    /// The type in WIT's words.
    pub(super) fn words(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        cut(text)
    }
}

/// The schema of what is in an option. An option in an option is `{"some": …}`, or nobody could tell which is empty.
fn some(inner: &Form) -> Value {
    match inner {
        Form::Option(_) => choice([("some", Some(inner))].into_iter()),
        other => other.schema(),
    }
}

/// `"case"`, or `{"case": …}` for a case with something in it.
fn choice<'a>(cases: impl Iterator<Item = (&'a str, Option<&'a Form>)>) -> Value {
    let (mut plain, mut schemas) = (Vec::new(), Vec::new());
    for (name, form) in cases {
        match form {
            None => plain.push(name),
            Some(form) => schemas.push(object(&[(name.to_owned(), form)])),
        }
    }
    if !plain.is_empty() {
        schemas.insert(0, json!({"type": "string", "enum": plain}));
    }
    if schemas.len() == 1 { schemas.remove(0) } else { json!({"anyOf": schemas}) }
}

fn object<F: std::borrow::Borrow<Form>>(fields: &[(String, F)]) -> Value {
    let is_needed = |form: &Form| !matches!(form, Form::Option(_));
    let needed: Vec<_> = fields.iter().filter(|(_, form)| is_needed(form.borrow())).map(|(name, _)| name).collect();
    let properties: Map<_, _> = fields.iter().map(|(name, form)| (name.clone(), form.borrow().schema())).collect();
    json!({"type": "object", "properties": properties, "required": needed, "additionalProperties": false})
}

fn within<'a>(text: &mut String, before: &str, forms: impl IntoIterator<Item = &'a Form>, after: &str) {
    text.push_str(before);
    for (at, form) in forms.into_iter().enumerate() {
        text.push_str(if at > 0 { ", " } else { "" });
        form.write(text);
    }
    text.push_str(after);
}

fn write_named(fields: &[(String, Form)], text: &mut String) {
    for (at, (name, form)) in fields.iter().enumerate() {
        text.push_str(if at > 0 { ", " } else { "" });
        text.push_str(name);
        text.push_str(": ");
        form.write(text);
    }
}

fn cut(mut text: String) -> String {
    if text.len() > SIGNATURE_BYTES {
        text.truncate(text.floor_char_boundary(SIGNATURE_BYTES));
        text.push('…');
    }
    text
}

// === impl Int ===

impl Int {
    /// Its name in WIT.
    pub(super) fn word(self) -> &'static str {
        match self {
            Int::S8 => "s8",
            Int::U8 => "u8",
            Int::S16 => "s16",
            Int::U16 => "u16",
            Int::S32 => "s32",
            Int::U32 => "u32",
            Int::S64 => "s64",
            Int::U64 => "u64",
        }
    }

    /// Its value for a number, if it has one.
    pub(super) fn value(self, number: i128) -> Option<Val> {
        Some(match self {
            Int::S8 => Val::S8(number.try_into().ok()?),
            Int::U8 => Val::U8(number.try_into().ok()?),
            Int::S16 => Val::S16(number.try_into().ok()?),
            Int::U16 => Val::U16(number.try_into().ok()?),
            Int::S32 => Val::S32(number.try_into().ok()?),
            Int::U32 => Val::U32(number.try_into().ok()?),
            Int::S64 => Val::S64(number.try_into().ok()?),
            Int::U64 => Val::U64(number.try_into().ok()?),
        })
    }

    /// The least and the greatest number.
    pub(super) fn range(self) -> (i128, i128) {
        match self {
            Int::S8 => (i8::MIN.into(), i8::MAX.into()),
            Int::U8 => (0, u8::MAX.into()),
            Int::S16 => (i16::MIN.into(), i16::MAX.into()),
            Int::U16 => (0, u16::MAX.into()),
            Int::S32 => (i32::MIN.into(), i32::MAX.into()),
            Int::U32 => (0, u32::MAX.into()),
            Int::S64 => (i64::MIN.into(), i64::MAX.into()),
            Int::U64 => (0, u64::MAX.into()),
        }
    }

    fn schema(self) -> Value {
        let (least, most) = self.range();
        let number = |value: i128| i64::try_from(value.clamp(-SAFE, SAFE)).unwrap_or_default();
        let mut schema = json!({"type": "integer", "minimum": number(least), "maximum": number(most)});
        if most > SAFE {
            schema["type"] = json!(["integer", "string"]);
            schema["pattern"] = json!(if least < 0 { "^-?[0-9]{1,19}$" } else { "^[0-9]{1,20}$" });
            schema["description"] = json!(format!("Beyond {SAFE} as a string of digits."));
        }
        schema
    }
}

// === impl Signature ===

impl Signature {
    /// Reads a function's type.
    ///
    /// # Errors
    /// Says what of it no JSON carries, as the end of "it needs …".
    pub(crate) fn of(function: &ComponentFunc) -> Result<Signature, String> {
        if function.async_() {
            return Err("calls to be asynchronous".to_owned());
        }
        let mut left = PARTS;
        let params = function.params().map(|(name, ty)| Ok((name.to_owned(), Form::of(&ty, &mut left)?)));
        let params = params.collect::<Result<_, String>>()?;
        let result = function.results().next().map(|ty| Form::of(&ty, &mut left)).transpose()?;
        Ok(Signature { params, result })
    }

    /// The JSON Schema of the arguments, as text.
    pub(crate) fn schema(&self) -> String {
        object(&self.params).to_string()
    }

    /// The type in WIT's words, e.g. `func(a: s32) -> string`.
    pub(crate) fn words(&self) -> String {
        let mut text = "func(".to_owned();
        write_named(&self.params, &mut text);
        text.push(')');
        if let Some(result) = &self.result {
            text.push_str(" -> ");
            result.write(&mut text);
        }
        cut(text)
    }
}
