use claw_core::channel::Abilities;
use claw_core::effect::{EffectRequest, ExecRequest, HttpRequest, NetRequest, RequestBody};
use claw_core::id::ToolName;
use claw_core::outcome::ToolOutcome;
use claw_fuzz::{Campaign, Meter, peak_bytes};
use serde::Serialize;

use super::*;
use crate::frame::{BodyPart, Trace};
use crate::limits::{CallLimits, FRAME_BYTES};
use crate::manifest::{Scope, ToolManifest};

#[global_allocator]
static METER: Meter = Meter;

/// What the decoding of one frame may take at most: its bytes, what they become, and lists that grow by doubling.
const MOST_BYTES: usize = 4 * FRAME_BYTES;

fn a_manifest() -> Manifest {
    Manifest {
        name: "probe".to_owned(),
        version: "1.0.0".to_owned(),
        summary: "A summary.".to_owned(),
        tools: vec![ToolManifest {
            name: ToolName::parse("probe_tool").unwrap(),
            description: "What it does.".to_owned(),
            schema: r#"{"type":"object"}"#.to_owned(),
            untrusted_output: true,
        }],
        scopes: vec![
            Scope::Fs { folder: "workspace".to_owned(), write: true },
            Scope::Http { pattern: "*".to_owned(), methods: vec!["GET".to_owned()], paths: vec!["/v1/".to_owned()] },
            Scope::Exec(vec!["git".to_owned(), "**".to_owned()]),
            Scope::Other("kv cache".to_owned()),
        ],
        channel: Some(Abilities { text_limit: 4096, idempotent: false, edits: true, file_limit: 9 }),
    }
}

fn a_request(headers: Vec<(String, Vec<u8>)>) -> FromWorker {
    let request = HttpRequest {
        method: "POST".to_owned(),
        url: "https://example.test/".to_owned(),
        headers,
        body: RequestBody::Whole(b"body".to_vec()),
        first_byte_timeout_ms: 300,
    };
    FromWorker::Effect { id: 1, effect: 2, request: EffectRequest::Http(request) }
}

/// One of most kinds, each alone and all in a row.
fn some_frames() -> Vec<Vec<u8>> {
    let exec = ExecRequest {
        argv: vec!["git".to_owned(), "status".to_owned()],
        cwd: String::new(),
        env: vec![("LANG".to_owned(), "C".to_owned())],
        stdin: vec![1, 2, 3],
        timeout_ms: 1000,
        max_output_bytes: 1 << 20,
    };
    let receive = NetRequest::Receive { handle: 3, max_bytes: 4096, wait_ms: 10 };
    let effect = |request| FromWorker::Effect { id: 300, effect: 7, request };
    let frames = [
        FromWorker::Ready { version: frame::VERSION },
        effect(EffectRequest::Exec(exec)),
        effect(EffectRequest::Net(receive)),
        a_request(vec![("accept".to_owned(), b"*/*".to_vec())]),
        FromWorker::BodyCredit { id: 1, effect: 2, bytes: 1 << 18 },
        FromWorker::RequestPart { id: 1, effect: 2, part: BodyPart::Chunk(b"part".to_vec()) },
        FromWorker::Progress { id: 1, percent: Some(50), note: "half".to_owned() },
        FromWorker::Done { id: 1, outcome: ToolOutcome::Done { text: "done".to_owned() }, trace: Trace::default() },
        FromWorker::Fault { id: 1 },
        FromWorker::Described { id: 1, manifest: Ok(a_manifest()) },
        FromWorker::Described { id: 1, manifest: Err("it has none".to_owned()) },
    ];
    let host = [ToWorker::Cancel { id: 1 }, ToWorker::Describe { id: 1, limits: CallLimits::default() }];
    let written = |frame: &FromWorker| frame::encode(frame).unwrap();
    let mut all: Vec<Vec<u8>> = frames.iter().map(written).collect();
    all.push(all.concat());
    all.extend(host.iter().map(|frame| frame::encode(frame).unwrap()));
    all
}

#[test]
fn no_frames_of_a_worker_break_the_host_or_take_its_memory() {
    let target = |data: &[u8]| {
        let peak = peak_bytes(|| frames(data));
        assert!(peak <= MOST_BYTES, "{} bytes took {peak} bytes of memory", data.len());
    };
    Campaign::new("frames", target).examples(some_frames()).run();
}

/// A body whose byte `0` at `at`, the length of an empty list, became as many of `element` as a frame holds.
fn swollen(frame: &FromWorker, at: impl Fn(&[u8]) -> usize, element: &impl Serialize) -> Vec<u8> {
    let small = postcard::to_stdvec(element).unwrap();
    let mut body = frame::encode(frame).unwrap().split_off(4);
    let times = (FRAME_BYTES - body.len() - 8) / small.len();
    let list = [postcard::to_stdvec(&times).unwrap(), small.repeat(times)].concat();
    let at = at(&body);
    assert_eq!(body[at], 0, "an empty list");
    body.splice(at..=at, list);
    body
}

// RS-16: what is small on the wire can be fifty times as large in memory.
#[test]
fn a_frame_of_millions_of_empty_elements_is_refused_before_it_is_in_memory() {
    let after_url = |body: &[u8]| body.windows(6).position(|bytes| bytes == b".test/").unwrap() + 6;
    let headers = swollen(&a_request(Vec::new()), after_url, &(String::new(), Vec::<u8>::new()));
    let plain = Manifest { scopes: Vec::new(), channel: None, ..a_manifest() };
    let described = FromWorker::Described { id: 1, manifest: Ok(plain) };
    // Behind the scopes comes only that there is no channel.
    let scopes = swollen(&described, |body| body.len() - 2, &Scope::Exec(Vec::new()));
    for body in [headers, scopes] {
        assert!(body.len() > FRAME_BYTES - 16 && body.len() <= FRAME_BYTES, "{}", body.len());
        let peak = peak_bytes(|| assert!(frame::decode::<FromWorker>(&body).is_err()));
        assert!(peak <= MOST_BYTES, "{peak} bytes of memory");
    }
}

#[test]
fn the_largest_frames_that_a_worker_sends_are_read() {
    let FromWorker::Effect { id, effect, request: EffectRequest::Http(http) } = a_request(Vec::new()) else {
        unreachable!("it was made of one");
    };
    let largest = HttpRequest {
        body: RequestBody::Whole(vec![7; 8 << 20]),
        headers: vec![("a".to_owned(), vec![7]); 1000],
        ..http
    };
    let encoded = frame::encode(&FromWorker::Effect { id, effect, request: EffectRequest::Http(largest) }).unwrap();
    let peak = peak_bytes(|| assert!(frame::decode::<FromWorker>(&encoded[4..]).is_ok()));
    assert!(peak <= MOST_BYTES, "{peak} bytes of memory");
}

#[test]
fn a_manifest_that_a_worker_has_not_checked_is_not_taken() {
    let spoilt: [fn(&mut Manifest); 8] = [
        |manifest| manifest.name = "Not a name".to_owned(),
        |manifest| manifest.tools[0].name = ToolName::parse("channel-send").unwrap(),
        |manifest| manifest.channel = Some(Abilities { text_limit: 0, idempotent: true, edits: false, file_limit: 0 }),
        |manifest| (manifest.tools, manifest.channel) = (Vec::new(), None),
        |manifest| manifest.tools[0].schema = "[]".to_owned(),
        |manifest| manifest.tools[0].description = "x".repeat(5000),
        |manifest| manifest.tools.push(manifest.tools[0].clone()),
        |manifest| manifest.scopes = vec![Scope::Exec(Vec::new()); 65],
    ];
    for (number, spoil) in spoilt.iter().enumerate() {
        let mut manifest = a_manifest();
        spoil(&mut manifest);
        let sent = frame::encode(&FromWorker::Described { id: 1, manifest: Ok(manifest) }).unwrap();
        assert!(frame::decode::<FromWorker>(&sent[4..]).is_err(), "{number}");
    }
    let example = frame::encode(&a_manifest()).unwrap().split_off(4);
    Campaign::new("manifest", manifest).examples(vec![example]).run();
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id, u8::try_from(content.len()).unwrap()], content].concat()
}

/// A component with one core module (memory, function, data) that exports an empty instance under this name.
fn component(export: &str) -> Vec<u8> {
    let function = [section(1, &[1, 0x60, 0, 1, 0x7f]), section(3, &[1, 0]), section(5, &[1, 0, 1])].concat();
    let content = [section(10, &[1, 4, 0, 0x41, 7, 0x0b]), section(11, &[1, 0, 0x41, 0, 0x0b, 2, 1, 2])].concat();
    let module = [b"\0asm\x01\0\0\0", &function[..], &content].concat();
    let name = [&[1, 0, u8::try_from(export.len()).unwrap()], export.as_bytes(), &[5, 0, 0]].concat();
    [HEADER, &section(1, &module), &section(5, &[1, 1, 0]), &section(11, &name)].concat()
}

#[test]
fn a_strangers_file_is_refused_or_compiled_and_nothing_else() {
    // RS-18, SU-11
    let whole = component("openclaw:tool/guest@0.1.0");
    assert!(engine::compile(&whole).is_ok(), "{:?}", engine::compile(&whole).err());
    Campaign::new("admission", admission).examples(vec![whole, HEADER.to_vec()]).run();
}

#[test]
fn no_path_of_a_guest_leads_elsewhere_than_a_walker_of_a_few_lines() {
    // FS-01, FS-03, FS-05
    Campaign::new("path", path).run();
}
