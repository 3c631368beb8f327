use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use wasmtime::component::Val;

use super::docs::Words;
use super::form::{Form, Int, Signature};

const INTS: [Int; 8] = [Int::S8, Int::U8, Int::S16, Int::U16, Int::S32, Int::U32, Int::S64, Int::U64];

fn names() -> impl Strategy<Value = Vec<String>> {
    (1..5_usize).prop_map(|count| (0..count).map(|at| format!("name-{at}")).collect())
}

fn a_form() -> impl Strategy<Value = Form> {
    let leaf = prop_oneof![
        Just(Form::Bool),
        prop::sample::select(&INTS[..]).prop_map(Form::Int),
        Just(Form::F32),
        Just(Form::F64),
        Just(Form::Char),
        Just(Form::String),
        Just(Form::Bytes),
        names().prop_map(Form::Enum),
        names().prop_map(Form::Flags),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let some = prop::option::of(inner.clone());
        let boxed = || some.clone().prop_map(|form| form.map(Box::new));
        let named = |form: BoxedStrategy<Option<Form>>| {
            vec(form, 1..4).prop_map(|forms| {
                let named = forms.into_iter().enumerate().map(|(at, form)| (format!("name-{at}"), form));
                named.collect::<Vec<_>>()
            })
        };
        prop_oneof![
            inner
                .clone()
                .prop_filter("that is `Bytes`", |form| *form != Form::Int(Int::U8))
                .prop_map(|it| Form::List(Box::new(it))),
            inner.clone().prop_map(|it| Form::Option(Box::new(it))),
            vec(inner.clone(), 1..4).prop_map(Form::Tuple),
            named(inner.clone().prop_map(Some).boxed()).prop_map(|fields| {
                Form::Record(fields.into_iter().filter_map(|(name, form)| Some((name, form?))).collect())
            }),
            named(some.clone().boxed()).prop_map(Form::Variant),
            (boxed(), boxed()).prop_map(|(ok, err)| Form::Result(ok, err)),
        ]
    })
}

fn a_number(int: Int) -> BoxedStrategy<Val> {
    let (least, most) = int.range();
    let any = (least..=most).prop_map(move |number| int.value(number).unwrap());
    let edge = prop::sample::select(vec![least, most, 0]).prop_map(move |number| int.value(number).unwrap());
    prop_oneof![any, edge].boxed()
}

fn in_a_box(form: Option<Box<Form>>) -> BoxedStrategy<Option<Box<Val>>> {
    match form {
        Some(form) => a_value(*form).prop_map(|val| Some(Box::new(val))).boxed(),
        None => Just(None).boxed(),
    }
}

fn a_value(form: Form) -> BoxedStrategy<Val> {
    use proptest::num::{f32, f64};
    match form {
        Form::Bool => any::<bool>().prop_map(Val::Bool).boxed(),
        Form::Int(int) => a_number(int),
        Form::F32 => (f32::NORMAL | f32::ZERO).prop_map(Val::Float32).boxed(),
        Form::F64 => (f64::NORMAL | f64::ZERO).prop_map(Val::Float64).boxed(),
        Form::Char => any::<char>().prop_map(Val::Char).boxed(),
        Form::String => any::<String>().prop_map(Val::String).boxed(),
        Form::Bytes => vec(any::<u8>().prop_map(Val::U8), 0..20).prop_map(Val::List).boxed(),
        Form::List(item) => vec(a_value(*item), 0..4).prop_map(Val::List).boxed(),
        Form::Record(fields) => {
            let fields: Vec<_> = fields.into_iter().map(|(name, form)| (Just(name), a_value(form))).collect();
            fields.prop_map(Val::Record).boxed()
        }
        Form::Tuple(forms) => forms.into_iter().map(a_value).collect::<Vec<_>>().prop_map(Val::Tuple).boxed(),
        Form::Variant(cases) => prop::sample::select(cases)
            .prop_flat_map(|(name, form)| (Just(name), in_a_box(form.map(Box::new))))
            .prop_map(|(name, val)| Val::Variant(name, val))
            .boxed(),
        Form::Enum(names) => prop::sample::select(names).prop_map(Val::Enum).boxed(),
        Form::Option(inner) => prop::option::of(a_value(*inner)).prop_map(|it| Val::Option(it.map(Box::new))).boxed(),
        Form::Result(ok, err) => prop_oneof![
            in_a_box(ok).prop_map(|it| Val::Result(Ok(it))),
            in_a_box(err).prop_map(|it| Val::Result(Err(it)))
        ]
        .boxed(),
        Form::Flags(names) => prop::sample::subsequence(names.clone(), 0..=names.len()).prop_map(Val::Flags).boxed(),
    }
}

fn some_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9-]{0,8}".prop_map(Value::from),
        Just(json!("name-0")),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("name-[0-3]|ok|err|some", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn valid(form: &Form, json: &Value) -> bool {
    jsonschema::validator_for(&form.schema()).unwrap().is_valid(json)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_value_comes_back_from_json_and_fits_its_schema(
        (form, val) in a_form().prop_flat_map(|form| (Just(form.clone()), a_value(form)))
    ) {
        let json: Value = serde_json::from_str(&form.json(&val).to_string()).unwrap();
        prop_assert_eq!(form.val(&json), Ok(val), "{} as {}", form.words(), json);
        prop_assert!(valid(&form, &json), "{} against {}", json, form.schema());
    }

    #[test]
    fn whatever_json_comes_it_is_taken_as_the_schema_says_or_refused_with_its_place(
        form in a_form(), json in some_json()
    ) {
        match form.val(&json) {
            Ok(val) => {
                prop_assert!(valid(&form, &json), "{} was taken against {}", json, form.schema());
                prop_assert_eq!(form.val(&form.json(&val)), Ok(val));
            }
            Err(mismatch) => prop_assert!(mismatch.to_string().contains(" fit: "), "{}", mismatch),
        }
    }
}

fn signature(params: &[(&str, Form)]) -> Signature {
    Signature { params: params.iter().map(|(name, form)| ((*name).to_owned(), form.clone())).collect(), result: None }
}

#[track_caller]
fn refused(form: Form, json: &str, expected: &str) {
    let signature = signature(&[("x", form)]);
    let mismatch = signature.arguments(&format!(r#"{{"x":{json}}}"#)).unwrap_err();
    assert_eq!(mismatch.to_string(), expected);
}

#[test]
fn arguments_that_do_not_fit_are_told_where_and_what_is_expected() {
    refused(Form::Int(Int::U8), "256", "`/x` does not fit: a whole number from 0 to 255 is expected, not 256");
    refused(Form::Bool, "\"yes\"", "`/x` does not fit: `bool` is expected, not \"yes\"");
    refused(Form::Char, "\"ab\"", "`/x` does not fit: a single character is expected, not \"ab\"");
    let point = || Form::Record(vec![("lat".to_owned(), Form::F64), ("name/of".to_owned(), Form::String)]);
    refused(
        Form::List(Box::new(point())),
        r#"[{"lat":1,"name/of":"a"},{"lat":1,"name/of":7}]"#,
        "`/x/1/name~1of` does not fit: `string` is expected, not 7",
    );
    refused(point(), r#"{"lat":1}"#, "`/x/name~1of` does not fit: it is missing; `string` is expected");
    refused(
        point(),
        r#"{"lat":1,"name/of":"","lon":1}"#,
        "`/x/lon` does not fit: there is no such field; there are: lat, name/of",
    );
    refused(
        Form::Variant(vec![("none".to_owned(), None), ("circle".to_owned(), Some(Form::F32))]),
        r#"{"circle":1e300}"#,
        "`/x/circle` does not fit: `f32` is expected, not 1e+300",
    );
    let flags = || Form::Flags(vec!["bold".to_owned(), "dotted".to_owned()]);
    refused(flags(), r#"["bold","bald"]"#, "`/x/1` does not fit: one of bold, dotted is expected, not \"bald\"");
    refused(flags(), r#"["bold","bold"]"#, "`/x/1` does not fit: it is there already");
    let wrong = signature(&[]).arguments("[").unwrap_err().to_string();
    assert!(wrong.starts_with("the arguments do not fit: they are not JSON"), "{wrong}");
    let deep = signature(&[("x", Form::String)]).arguments(&format!("{{\"x\":{}", "[".repeat(100_000)));
    assert!(deep.is_err());
}

#[test]
fn numbers_that_json_cannot_carry_safely_are_strings() {
    let long = Form::Int(Int::U64);
    assert_eq!(long.json(&Val::U64(9_007_199_254_740_991)), json!(9_007_199_254_740_991_u64));
    assert_eq!(long.json(&Val::U64(u64::MAX)), json!("18446744073709551615"));
    assert_eq!(long.val(&json!("18446744073709551615")), Ok(Val::U64(u64::MAX)));
    assert_eq!(long.val(&json!(3.0)), Ok(Val::U64(3)));
    for wrong in [json!(9_007_199_254_740_992_u64), json!("18446744073709551616"), json!("-1"), json!(""), json!("1x")]
    {
        assert!(long.val(&wrong).is_err(), "{wrong}");
    }
    assert_eq!(Form::F64.json(&Val::Float64(f64::NAN)), json!("NaN"));
    assert_eq!(Form::F32.json(&Val::Float32(f32::NEG_INFINITY)), json!("-Infinity"));
    assert_eq!(Form::F32.json(&Val::Float32(0.1)).to_string(), "0.1");
}

#[test]
fn an_option_in_an_option_shows_which_of_them_is_empty() {
    let form = Form::Option(Box::new(Form::Option(Box::new(Form::Bool))));
    let cases = [
        (json!(null), Val::Option(None)),
        (json!({"some": null}), Val::Option(Some(Box::new(Val::Option(None))))),
        (json!({"some": true}), Val::Option(Some(Box::new(Val::Option(Some(Box::new(Val::Bool(true)))))))),
    ];
    for (json, val) in cases {
        assert_eq!((form.val(&json), form.json(&val)), (Ok(val.clone()), json));
    }
    assert!(form.val(&json!(true)).is_err());
}

#[test]
fn an_answer_is_text_as_it_is_or_json_and_an_error_is_one() {
    let answer = |result: Form, val: Val| Signature { params: Vec::new(), result: Some(result) }.answer(&[val]);
    let result = || Form::Result(Some(Box::new(Form::Bytes)), Some(Box::new(Form::String)));
    assert_eq!(answer(Form::String, Val::String("a\nb".to_owned())), Ok("a\nb".to_owned()));
    assert_eq!(answer(Form::Char, Val::Char('x')), Ok("\"x\"".to_owned()));
    let bytes = Val::List(vec![Val::U8(0), Val::U8(255)]);
    assert_eq!(answer(result(), Val::Result(Ok(Some(Box::new(bytes))))), Ok("\"AP8=\"".to_owned()));
    let failed = Val::Result(Err(Some(Box::new(Val::String("no".to_owned())))));
    assert_eq!(answer(result(), failed), Err("no".to_owned()));
    assert_eq!(answer(Form::Result(None, None), Val::Result(Ok(None))), Ok("done".to_owned()));
    assert!(answer(Form::Result(None, None), Val::Result(Err(None))).is_err());
    assert_eq!(signature(&[]).answer(&[]), Ok("done".to_owned()));
}

#[test]
fn a_signature_is_wit_with_everything_in_its_place() {
    let shape = Form::Variant(vec![("none".to_owned(), None), ("circle".to_owned(), Some(Form::F64))]);
    let params = [("n", Form::Int(Int::S32)), ("shapes", Form::List(Box::new(shape)))];
    let result = Some(Form::Result(None, Some(Box::new(Form::Tuple(vec![Form::Bytes, Form::Char])))));
    let whole = Signature { result, ..signature(&params) };
    let expected = "func(n: s32, shapes: list<variant { none, circle(f64) }>) -> result<_, tuple<list<u8>, char>>";
    assert_eq!(whole.words(), expected);
    let long = signature(&[("x", Form::Enum(vec!["case".to_owned(); 1000]))]).words();
    assert!(long.len() < 1100 && long.ends_with('…'));
}

#[test]
fn documentation_is_found_where_each_kind_of_tool_puts_it() {
    let docs = json!({
        "docs": "A package.",
        "worlds": {"calc": {
            "docs": "A world.",
            "func_exports": {"add": {"docs": " Adds. "}},
            "funcs": {"sub": "Takes away."},
            "interface_exports": {"inline": {"funcs": {"f": {"docs": "In a line."}}}},
        }},
        "interfaces": {"ops": {"funcs": {"mul": {"docs": "Multiplies."}}}},
    });
    let mut words = Words::default();
    words.take("package-docs", format!("\u{1}{docs}").as_bytes());
    let found = |path: &str| words.of_function(path);
    assert_eq!(found("add"), Some("Adds."));
    assert_eq!(found("sub"), Some("Takes away."));
    assert_eq!(found("docs:calculator/ops@1.0.0#mul"), Some("Multiplies."));
    assert_eq!(found("inline#f"), Some("In a line."));
    assert_eq!((found("mul"), found("docs:calculator/other#mul")), (None, None));
    assert_eq!((words.summary(), words.version()), (Some("A package."), None));
    words.take("description", b"What registries show.");
    words.take("version", b"1.2.0");
    assert_eq!((words.summary(), words.version()), (Some("What registries show."), Some("1.2.0")));
    for odd in [&b""[..], b"\x02{}", b"\x01{", b"\x01[[[[", b"\x01\xff", b"\x01{\"worlds\": 7}"] {
        let mut words = Words::default();
        words.take("package-docs", odd);
        assert_eq!(words.of_function("add"), None);
    }
}
