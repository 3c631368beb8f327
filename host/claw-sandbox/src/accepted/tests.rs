use bytes::Bytes;
use claw_core::id::ComponentName;

use super::*;
use crate::wasm::Wasm;

/// A manifest with something of everything. A new part of it has to have a default here, and to be left out of `TEXT`.
fn a_manifest() -> Manifest {
    let tool = |name: &str, description: &str, schema: &str, untrusted_output| ToolManifest {
        name: ToolName::parse(name).unwrap(),
        description: description.to_owned(),
        schema: schema.to_owned(),
        untrusted_output,
    };
    let http = |pattern: &str, methods: &[&str], paths: &[&str]| Scope::Http {
        pattern: pattern.to_owned(),
        methods: methods.iter().map(ToString::to_string).collect(),
        paths: paths.iter().map(ToString::to_string).collect(),
    };
    Manifest {
        name: "weather".to_owned(),
        version: "1.2.0".to_owned(),
        summary: "Tells the weather.".to_owned(),
        tools: vec![
            tool("forecast", "The weather of \"a\" place.", r#"{"type": "object"}"#, true),
            tool("units", "", "{}", false),
        ],
        scopes: vec![
            Scope::Fs { folder: "workspace".to_owned(), write: true },
            Scope::Fs { folder: "scratch".to_owned(), write: false },
            http("https://a.example", &["GET"], &["/v1/"]),
            http("*", &[], &[]),
            Scope::Exec(vec!["git".to_owned(), "*".to_owned()]),
            Scope::Other("kv cache".to_owned()),
        ],
        channel: None,
    }
}

fn component(manifest: Manifest, plain: Option<Plain>) -> Component {
    let wasm = Wasm::new(Bytes::from_static(b"its bytes"));
    let name = ComponentName::parse(&manifest.name).unwrap();
    Component { name, digest: wasm.digest, manifest, plain: plain.map(Arc::new), wasm }
}

/// What homes hold. It may not be changed: a release that wrote or read it otherwise would put what is installed off.
const TEXT: &str = concat!(
    r#"{"form":1,"name":"weather","version":"1.2.0","summary":"Tells the weather.","tools":["#,
    r#"{"name":"forecast","description":"The weather of \"a\" place.","schema":"{\"type\": \"object\"}","untrusted-output":true},"#,
    r#"{"name":"units","schema":"{}"}],"#,
    r#""scopes":[{"fs":{"folder":"workspace","write":true}},{"fs":{"folder":"scratch"}},"#,
    r#"{"http":{"pattern":"https://a.example","methods":["GET"],"paths":["/v1/"]}},{"http":{"pattern":"*"}},"#,
    r#"{"exec":["git","*"]},{"other":"kv cache"}]}"#,
);
const CHANNEL: &str = r#""channel":{"text-limit":4096,"edits":true,"file-limit":9}"#;

fn with_channel() -> (Manifest, String) {
    let channel = Some(Abilities { text_limit: 4096, idempotent: false, edits: true, file_limit: 9 });
    (Manifest { channel, ..a_manifest() }, format!("{},{CHANNEL}}}", TEXT.strip_suffix('}').unwrap()))
}

#[test]
fn the_text_is_written_and_read_as_it_has_always_been() {
    for (manifest, text) in [(a_manifest(), TEXT.to_owned()), with_channel()] {
        assert_eq!(component(manifest.clone(), None).told(), text);
        assert_eq!(Manifest::from_told(&text).unwrap(), manifest);
        assert_eq!(component(manifest.clone(), None).as_told(&text).unwrap().manifest, manifest);
    }
}

#[test]
fn what_says_something_else_is_not_what_was_accepted() {
    let other = |change: fn(&mut Manifest)| {
        let mut manifest = a_manifest();
        change(&mut manifest);
        component(manifest, None).as_told(TEXT)
    };
    let others: [fn(&mut Manifest); 6] = [
        |it| it.summary.push('!'),
        |it| it.tools[1].description.push('x'),
        |it| it.tools[0].schema = r#"{"type":"object"}"#.to_owned(),
        |it| it.tools[0].untrusted_output = false,
        |it| drop(it.scopes.pop()),
        |it| it.channel = with_channel().0.channel,
    ];
    for (at, change) in others.into_iter().enumerate() {
        assert!(matches!(other(change), Err(AcceptedError::Changed)), "{at}");
    }
    assert!(other(|_| {}).is_ok());
}

#[test]
fn a_text_of_a_later_release_is_not_guessed_at() {
    let later = [
        TEXT.replace(r#""form":1"#, r#""form":2"#),
        TEXT.replace(r#""form":1"#, r#""form":1,"cost":3"#),
        TEXT.replace(r#"{"exec""#, r#"{"gpu""#),
        TEXT.replace(r#""schema":"{}""#, r#""schema":"[]""#),
        String::new(),
    ];
    for text in later {
        let read = component(a_manifest(), None).as_told(&text);
        assert!(matches!(read, Err(AcceptedError::Unreadable(_))), "{text}");
    }
}

#[test]
fn digests_of_earlier_releases_are_known_again() {
    // SHA-256 of what the structs of those releases were as JSON; made without this program.
    let without = "cacd84b3cae8f5df00132cae7dfefdc073b96426887f982966eb2d98ac391411";
    let with_none = "5a84337e20507d52a5e0b1815c2792f09a1ee9bfd6683dd1b704829392fa092d";
    let with_one = "f5ea1e6fbd4aac04ba5f8918541b3502a71b96eef3a5416f8551907095269c61";
    let had = |manifest: &Manifest, digest: &str| {
        component(manifest.clone(), None).had_digest(&Digest::parse(digest).unwrap())
    };
    let (channel, _) = with_channel();
    assert!(had(&a_manifest(), without) && had(&a_manifest(), with_none) && had(&channel, with_one));
    assert!(!had(&a_manifest(), with_one) && !had(&channel, with_none) && !had(&channel, without));
    let other = Manifest { summary: "Tells the whether.".to_owned(), ..a_manifest() };
    assert!(!had(&other, without) && !had(&other, with_none));
}

fn plain(paths: &[&str], description: &str) -> (Manifest, Plain) {
    let function = |path: &&str| Function {
        path: (*path).to_owned(),
        description: description.to_owned(),
        schema: "{}".to_owned(),
    };
    let functions = paths.iter().map(function).collect();
    let plain = Plain { version: "1.0.0".to_owned(), functions, ..Plain::default() };
    (plain.manifest(&ComponentName::parse("calc").unwrap()).unwrap(), plain)
}

// Its texts are the host's words for the same bytes: a release that finds others, or makes tools of more functions, changes
// nothing of what is installed.
#[test]
fn what_does_not_describe_itself_stays_as_it_was_accepted() {
    let (manifest, accepted) = plain(&["b", "a:x/y#c"], "Calls it.");
    let text = component(manifest.clone(), Some(accepted)).told();
    let expected = concat!(
        r#"{"form":1,"name":"calc","version":"1.0.0","tools":["#,
        r#"{"name":"calc_b","description":"Calls it.","schema":"{}","function":"b"},"#,
        r#"{"name":"calc_c","description":"Calls it.","schema":"{}","function":"a:x/y#c"}]}"#
    );
    assert_eq!(text, expected);
    let (later, derived) = plain(&["a", "a:x/y#c", "b"], "Calls this.");
    let derived = component(later, Some(derived));
    assert!(derived.had_digest(&Digest([0; 32])), "nothing but its bytes says what it is");
    let component = derived.as_told(&text).unwrap();
    assert_eq!(component.manifest, manifest);
    let path = |tool: &str| component.plain.as_ref().unwrap().path(&component.manifest, tool).map(str::to_owned);
    assert_eq!((path("calc_b").as_deref(), path("calc_c").as_deref()), (Some("b"), Some("a:x/y#c")));
    assert_eq!(path("calc_a"), None);
}

#[test]
fn what_may_bring_in_text_from_outside_is_marked_even_if_it_was_not_when_it_was_accepted() {
    let (manifest, accepted) = plain(&["b"], "Calls it.");
    let text = component(manifest, Some(accepted.clone())).told();
    let families = [claw_policy::Family::Http].into();
    let plain = Plain { families, ..accepted };
    let manifest = plain.manifest(&ComponentName::parse("calc").unwrap()).unwrap();
    let told = component(manifest, Some(plain)).as_told(&text).unwrap();
    assert!(told.manifest.tools[0].untrusted_output);
}
