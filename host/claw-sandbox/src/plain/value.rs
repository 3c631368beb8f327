//! Values of components to JSON and back.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Number, Value};
use wasmtime::component::Val;

use super::form::{Form, Int, SAFE, Signature};

/// Models forget padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Characters of a string that an error quotes.
const QUOTED: usize = 40;

/// An argument that does not fit its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// Where, as a JSON pointer.
    path: String,
    /// What is wrong there.
    what: String,
}

impl Mismatch {
    fn new(what: impl Into<String>) -> Mismatch {
        Mismatch { path: String::new(), what: what.into() }
    }

    fn expected(form: &Form, found: &Value) -> Mismatch {
        let found = match found {
            Value::Null | Value::Bool(_) | Value::Number(_) => found.to_string(),
            Value::String(text) if text.chars().count() <= QUOTED => found.to_string(),
            Value::String(_) => "a string".to_owned(),
            Value::Array(_) => "an array".to_owned(),
            Value::Object(_) => "an object".to_owned(),
        };
        Mismatch::new(format!("{} is expected, not {found}", expectation(form)))
    }

    /// The same, seen from what it lies in.
    fn within(self, step: impl fmt::Display) -> Mismatch {
        let step = step.to_string().replace('~', "~0").replace('/', "~1");
        Mismatch { path: format!("/{step}{}", self.path), ..self }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "the arguments do not fit: {}", self.what),
            path => write!(f, "`{path}` does not fit: {}", self.what),
        }
    }
}

impl Signature {
    /// The parameters that JSON arguments stand for.
    ///
    /// # Errors
    /// Names the first place that does not fit.
    pub(crate) fn arguments(&self, text: &str) -> Result<Vec<Val>, Mismatch> {
        let json: Value =
            serde_json::from_str(text).map_err(|err| Mismatch::new(format!("they are not JSON ({err})")))?;
        Ok(fields(&self.params, &json)?.into_iter().map(|(_, val)| val).collect())
    }

    /// How many results the function gives.
    pub(crate) fn results(&self) -> usize {
        usize::from(self.result.is_some())
    }

    /// What came back, as text: a string as it is, anything else as JSON. An error of the function is an error.
    pub(crate) fn answer(&self, results: &[Val]) -> Result<String, String> {
        let (Some(form), [val]) = (&self.result, results) else { return Ok("done".to_owned()) };
        let text = |form: &Option<Box<Form>>, val: &Option<Box<Val>>, nothing: &str| match (form, val) {
            (Some(form), Some(val)) => form.text(val),
            _ => nothing.to_owned(),
        };
        match (form, val) {
            (Form::Result(ok, _), Val::Result(Ok(val))) => Ok(text(ok, val, "done")),
            (Form::Result(_, err), Val::Result(Err(val))) => Err(text(err, val, "it failed and does not say why")),
            _ => Ok(form.text(val)),
        }
    }
}

impl Form {
    fn text(&self, val: &Val) -> String {
        match self.json(val) {
            Value::String(text) if *self == Form::String => text,
            json => json.to_string(),
        }
    }

    /// The value that JSON stands for.
    ///
    /// # Errors
    /// Names the first place that does not fit.
    pub(super) fn val(&self, json: &Value) -> Result<Val, Mismatch> {
        let mismatch = || Mismatch::expected(self, json);
        match (self, json) {
            (Form::Bool, Value::Bool(value)) => Ok(Val::Bool(*value)),
            (Form::Int(int), _) => int_of(*int, json).ok_or_else(mismatch),
            (Form::F32, Value::Number(number)) => {
                // The nearest one; what is too large has none.
                #[expect(clippy::cast_possible_truncation, reason = "as said")]
                let value = number.as_f64().map(|value| value as f32).filter(|value| value.is_finite());
                value.map(Val::Float32).ok_or_else(mismatch)
            }
            (Form::F64, Value::Number(number)) => number.as_f64().map(Val::Float64).ok_or_else(mismatch),
            (Form::Char, Value::String(text)) => {
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (Some(one), None) => Ok(Val::Char(one)),
                    _ => Err(mismatch()),
                }
            }
            (Form::String, Value::String(text)) => Ok(Val::String(text.clone())),
            (Form::Bytes, Value::String(text)) => {
                let bytes = BASE64.decode(text).map_err(|err| Mismatch::new(format!("it is not base64: {err}")))?;
                Ok(Val::List(bytes.into_iter().map(Val::U8).collect()))
            }
            (Form::List(item), Value::Array(items)) => {
                let vals = items.iter().enumerate().map(|(at, json)| item.val(json).map_err(|err| err.within(at)));
                Ok(Val::List(vals.collect::<Result<_, _>>()?))
            }
            (Form::Record(forms), _) => Ok(Val::Record(fields(forms, json)?)),
            (Form::Tuple(forms), Value::Array(items)) if forms.len() == items.len() => {
                let vals = forms.iter().zip(items).enumerate();
                let vals = vals.map(|(at, (form, json))| form.val(json).map_err(|err| err.within(at)));
                Ok(Val::Tuple(vals.collect::<Result<_, _>>()?))
            }
            (Form::Variant(cases), _) => {
                let (name, val) = case(self, json, |name| {
                    cases.iter().find(|(known, _)| known == name).map(|(_, form)| form.as_ref())
                })?;
                Ok(Val::Variant(name, val))
            }
            (Form::Enum(names), Value::String(name)) if names.contains(name) => Ok(Val::Enum(name.clone())),
            (Form::Option(_), Value::Null) => Ok(Val::Option(None)),
            (Form::Option(inner), _) => Ok(Val::Option(Some(Box::new(match &**inner {
                Form::Option(_) => match case(self, json, |name| (name == "some").then_some(Some(&**inner)))? {
                    (_, Some(val)) => *val,
                    (_, None) => return Err(mismatch()),
                },
                inner => inner.val(json)?,
            })))),
            (Form::Result(ok, err), _) => {
                let (name, val) = case(self, json, |name| match name {
                    "ok" => Some(ok.as_deref()),
                    "err" => Some(err.as_deref()),
                    _ => None,
                })?;
                Ok(Val::Result(if name == "ok" { Ok(val) } else { Err(val) }))
            }
            (Form::Flags(names), Value::Array(set)) => {
                let set = set.iter().enumerate().map(|(at, json)| match json {
                    Value::String(_) if set[..at].contains(json) => {
                        Err(Mismatch::new("it is there already").within(at))
                    }
                    Value::String(name) if names.contains(name) => Ok(name.clone()),
                    _ => Err(Mismatch::expected(&Form::Enum(names.clone()), json).within(at)),
                });
                Ok(Val::Flags(set.collect::<Result<_, _>>()?))
            }
            _ => Err(mismatch()),
        }
    }

    /// A value as JSON. One of another type, which no function gives, is `null`.
    pub(super) fn json(&self, val: &Val) -> Value {
        let named = |name: &str, json: Value| Value::Object(Map::from_iter([(name.to_owned(), json)]));
        let case = |name: &str, form: Option<&Form>, val: &Option<Box<Val>>| match (form, val) {
            (Some(form), Some(val)) => named(name, form.json(val)),
            _ => Value::from(name),
        };
        match (self, val) {
            (Form::Bool, Val::Bool(value)) => Value::from(*value),
            (Form::Int(_), _) => number(val),
            (Form::F32, Val::Float32(value)) => {
                // By its shortest text: as a wider number it would get digits that nobody wrote.
                float(value.to_string().parse().unwrap_or(f64::from(*value)))
            }
            (Form::F64, Val::Float64(value)) => float(*value),
            (Form::Char, Val::Char(value)) => Value::from(value.to_string()),
            (Form::String, Val::String(text)) => Value::from(text.as_str()),
            (Form::Bytes, Val::List(items)) => {
                let bytes = items.iter().map(|item| if let Val::U8(byte) = item { *byte } else { 0 });
                Value::from(BASE64.encode(bytes.collect::<Vec<u8>>()))
            }
            (Form::List(item), Val::List(items)) => items.iter().map(|val| item.json(val)).collect(),
            (Form::Record(forms), Val::Record(vals)) => {
                let fields = forms.iter().zip(vals).map(|((name, form), (_, val))| (name.clone(), form.json(val)));
                Value::Object(fields.collect())
            }
            (Form::Tuple(forms), Val::Tuple(vals)) => {
                forms.iter().zip(vals).map(|(form, val)| form.json(val)).collect()
            }
            (Form::Variant(cases), Val::Variant(name, val)) => {
                let form = cases.iter().find(|(known, _)| known == name).and_then(|(_, form)| form.as_ref());
                case(name, form, val)
            }
            (Form::Enum(_), Val::Enum(name)) => Value::from(name.as_str()),
            (Form::Option(inner), Val::Option(Some(val))) => match &**inner {
                Form::Option(_) => named("some", inner.json(val)),
                inner => inner.json(val),
            },
            (Form::Result(ok, _), Val::Result(Ok(val))) => case("ok", ok.as_deref(), val),
            (Form::Result(_, err), Val::Result(Err(val))) => case("err", err.as_deref(), val),
            (Form::Flags(_), Val::Flags(names)) => names.iter().map(|name| Value::from(name.as_str())).collect(),
            _ => Value::Null,
        }
    }
}

/// What stands for a type in the words of an error.
fn expectation(form: &Form) -> String {
    match form {
        Form::Int(int) => {
            let (least, most) = int.range();
            let how = if most > SAFE { format!(", beyond {SAFE} as a string of digits") } else { String::new() };
            format!("a whole number from {least} to {most}{how}")
        }
        Form::Char => "a single character".to_owned(),
        Form::Record(_) => "an object".to_owned(),
        Form::Tuple(forms) => format!("an array of {}", forms.len()),
        Form::Enum(names) | Form::Flags(names) => format!("one of {}", names.join(", ")),
        other => format!("`{}`", other.words()),
    }
}

/// The values of a record's fields, or of parameters. What is optional may be missing.
fn fields(forms: &[(String, Form)], json: &Value) -> Result<Vec<(String, Val)>, Mismatch> {
    let Value::Object(given) = json else { return Err(Mismatch::expected(&Form::Record(Vec::new()), json)) };
    if let Some(unknown) = given.keys().find(|name| !forms.iter().any(|(known, _)| known == *name)) {
        let known: Vec<_> = forms.iter().map(|(name, _)| name.as_str()).collect();
        let what = format!("there is no such field; there are: {}", known.join(", "));
        return Err(Mismatch::new(what).within(unknown));
    }
    let vals = forms.iter().map(|(name, form)| {
        let val = match (given.get(name), form) {
            (Some(json), form) => form.val(json),
            (None, Form::Option(_)) => Ok(Val::Option(None)),
            (None, form) => Err(Mismatch::new(format!("it is missing; {} is expected", expectation(form)))),
        };
        val.map(|val| (name.clone(), val)).map_err(|err| err.within(name))
    });
    vals.collect()
}

/// `"case"`, or `{"case": …}` for one with something in it. `known` gives what is in a case.
fn case<'a>(
    form: &Form,
    json: &Value,
    known: impl Fn(&str) -> Option<Option<&'a Form>>,
) -> Result<(String, Option<Box<Val>>), Mismatch> {
    let mismatch = || Mismatch::expected(form, json);
    match json {
        Value::String(name) => match known(name) {
            Some(None) => Ok((name.clone(), None)),
            Some(Some(_)) | None => Err(mismatch()),
        },
        Value::Object(only) if only.len() == 1 => {
            let (name, json) = only.iter().next().ok_or_else(mismatch)?;
            let inner = known(name).flatten().ok_or_else(mismatch)?;
            let val = inner.val(json).map_err(|err| err.within(name))?;
            Ok((name.clone(), Some(Box::new(val))))
        }
        _ => Err(mismatch()),
    }
}

fn int_of(int: Int, json: &Value) -> Option<Val> {
    let number = match json {
        Value::Number(number) => {
            let whole = number.as_i128().or_else(|| {
                // JSON Schema counts 3.0 as a whole number.
                #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and is checked below")]
                number.as_f64().filter(|float| float.fract() == 0.0).map(|float| float as i128)
            });
            // Larger ones may have been rounded on their way.
            whole.filter(|whole| (-SAFE..=SAFE).contains(whole))?
        }
        Value::String(digits) if int.range().1 > SAFE => {
            // As in the schema: as many digits as its largest number has.
            let (plain, most) = match int {
                Int::S64 => (digits.strip_prefix('-').unwrap_or(digits), 19),
                _ => (digits.as_str(), 20),
            };
            if plain.is_empty() || plain.len() > most || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            digits.parse().ok()?
        }
        _ => return None,
    };
    int.value(number)
}

fn number(val: &Val) -> Value {
    let whole: i128 = match val {
        Val::S8(number) => (*number).into(),
        Val::U8(number) => (*number).into(),
        Val::S16(number) => (*number).into(),
        Val::U16(number) => (*number).into(),
        Val::S32(number) => (*number).into(),
        Val::U32(number) => (*number).into(),
        Val::S64(number) => (*number).into(),
        Val::U64(number) => (*number).into(),
        _ => return Value::Null,
    };
    match i64::try_from(whole) {
        Ok(number) if (-SAFE..=SAFE).contains(&whole) => Value::from(number),
        _ => Value::from(whole.to_string()),
    }
}

/// JSON has no words for what is no number.
fn float(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => Value::from("NaN"),
        None => Value::from(if value > 0.0 { "Infinity" } else { "-Infinity" }),
    }
}
