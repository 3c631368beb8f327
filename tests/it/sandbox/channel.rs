//! Channels: what their components offer is found at install, and called as tools are.

use claw_core::channel::{self, Abilities, Failure, MAX_FETCHED_BYTES, MAX_FILE_BYTES, Outgoing, OutgoingFile};
use claw_core::id::Digest;
use claw_sandbox::Refusal;

use super::*;
use crate::wasm::{number, section};

const GUEST: &str = "openclaw:tool/guest@0.1.0";

fn outgoing(text: &str) -> Outgoing {
    let (key, chat, reply_to) = ("k1".into(), "c\"1".into(), Some("m1".into()));
    Outgoing { key, chat, text: text.into(), reply_to, replaces: Some("m0".into()) }
}

/// A component that exports empty instances under these names.
fn exporting(names: &[&str]) -> Vec<u8> {
    let one = |name: &&str| [&[0x00][..], &number(name.len()), name.as_bytes(), &[0x05, 0, 0]].concat();
    let exports: Vec<u8> = names.iter().flat_map(one).collect();
    let exports = section(11, &[number(names.len()), exports].concat());
    [&b"\0asm\x0d\0\x01\0"[..], &section(5, &[1, 0x01, 0]), &exports].concat()
}

#[tokio::test]
async fn a_channel_says_at_install_what_it_can_do() {
    let lab = Lab::with_defaults();
    let channel = lab.install("channel").await;
    assert_eq!(
        channel.manifest.channel,
        Some(Abilities { text_limit: 4096, idempotent: true, edits: false, file_limit: u32::MAX })
    );
    assert!(channel.manifest.tools.is_empty());
    // What was found is kept with its code.
    assert_eq!(lab.install("channel").await.manifest, channel.manifest);
    assert_eq!(lab.install("echo").await.manifest.channel, None);
}

#[tokio::test]
async fn messages_come_in_after_a_cursor() {
    let lab = Lab::with_defaults();
    let channel = lab.install("channel").await;
    let receive = async |cursor: Option<&str>| {
        let arguments = channel::receive_arguments(cursor);
        channel::received(lab.call(&channel, channel::RECEIVE, &arguments, CallLimits::default()).await)
    };
    let first = receive(None).await.unwrap();
    assert_eq!((first.messages.len(), first.cursor.as_str(), first.wait_ms), (0, "first", 250));
    let next = receive(Some("f\"irst\n")).await.unwrap();
    assert_eq!((next.messages[0].text.as_str(), next.messages[0].chat.as_str()), ("after f\"irst\n", "c\"1"));
    assert_eq!((next.messages[0].sent_ms, next.messages[0].direct), (1_700_000_000_123, true));
    let attached = &next.messages[0].attachments[0];
    assert_eq!((attached.name.as_str(), attached.media_type.as_str(), attached.size), ("a b.png", "image/png", 7));
    assert_eq!(receive(Some("limited")).await, Err(Failure::Limited(1500)));
    let Err(Failure::Unavailable(why)) = receive(Some("trap")).await else { panic!("a trap gave messages") };
    assert!(why.contains("E_TRAP") && why.contains("as told"), "{why}");
}

#[tokio::test]
async fn a_message_goes_out_and_what_happened_is_told_apart() {
    let lab = Lab::with_defaults();
    let channel = lab.install("channel").await;
    let send = async |message: &str| {
        let arguments = outgoing(message).arguments();
        channel::sent(lab.call(&channel, channel::SEND, &arguments, CallLimits::default()).await)
    };
    assert_eq!(send("hello").await, Ok("c\"1/k1/m1/m0".to_owned()));
    assert_eq!(send("rejected").await, Err(Failure::Rejected("no such chat".into())));
    assert_eq!(send("limited").await, Err(Failure::Limited(1500)));
    assert_eq!(send("unavailable").await, Err(Failure::Unavailable("down".into())));
    assert_eq!(send("unknown").await, Err(Failure::Unknown("timed out".into())));
    assert!(matches!(send("trap").await, Err(Failure::Unknown(_))));
    let nonsense = lab.call(&channel, channel::SEND, "{}", CallLimits::default()).await;
    assert!(matches!(channel::sent(nonsense), Err(Failure::Rejected(_))));
}

#[tokio::test]
async fn a_file_goes_out_byte_by_byte_and_an_attachment_comes_in() {
    let lab = Lab::with_defaults();
    let channel = lab.install("channel").await;
    let send = async |name: &str, bytes: Vec<u8>| {
        let (digest, size) = (Digest([7; 32]), bytes.len() as u64);
        let (key, media_type) = ("k1".into(), "image/png".into());
        let (caption, reply_to) = (Some("look".into()), None);
        let file =
            OutgoingFile { key, chat: "c1".into(), name: name.into(), media_type, digest, size, caption, reply_to };
        channel::sent(lab.call_with(&channel, channel::SEND_FILE, &file.arguments(), bytes).await.0)
    };
    assert_eq!(send("a.png", vec![1, 0, 255]).await, Ok("c1/a.png/image/png/3/[1, 255]/look".to_owned()));
    let largest = send("a.png", vec![3; MAX_FILE_BYTES]).await;
    assert_eq!(largest, Ok(format!("c1/a.png/image/png/{MAX_FILE_BYTES}/[3, 3]/look")));
    assert_eq!(send("limited", vec![1]).await, Err(Failure::Limited(1500)));
    assert!(matches!(send("trap", vec![1]).await, Err(Failure::Unknown(_))));
    let fetch = async |attachment: &str| {
        let arguments = channel::fetch_arguments(attachment);
        let (outcome, fetched) = lab.call_with(&channel, channel::FETCH, &arguments, Vec::new()).await;
        channel::fetched(outcome).map(|()| fetched)
    };
    assert_eq!(fetch("3").await, Ok(vec![7; 3]));
    assert_eq!(fetch(&MAX_FETCHED_BYTES.to_string()).await.map(|bytes| bytes.len()), Ok(MAX_FETCHED_BYTES));
    let Err(Failure::Unavailable(why)) = fetch(&(MAX_FETCHED_BYTES + 1).to_string()).await else {
        panic!("it was too much")
    };
    assert!(why.contains("at most 4194304"), "{why}");
    assert_eq!(fetch("rejected").await, Err(Failure::Rejected("no such chat".into())));
}

#[tokio::test]
async fn only_a_channel_has_the_functions_of_one() {
    let lab = Lab::with_defaults();
    let channel = lab.install("channel").await;
    let echo = lab.install("echo").await;
    for (component, tool) in
        [(&echo, channel::SEND), (&echo, channel::FETCH), (&channel, "openclaw"), (&channel, "get-abilities")]
    {
        let refused = failure(lab.call(component, tool, &outgoing("hello").arguments(), CallLimits::default()).await);
        assert_eq!(refused.kind, FailureKind::NotFound, "{tool}: {refused}");
    }
}

#[tokio::test]
pub async fn what_only_looks_like_a_channel_is_refused() {
    let lab = Lab::with_defaults();
    let refused = async |wasm: Vec<u8>| match lab.sandbox.install(name("odd"), Wasm::new(wasm.into())).await {
        Err(SandboxError::Refused { why, .. }) => why,
        other => panic!("it was to be refused: {other:?}"),
    };
    let odd = refused(std::fs::read(test_guest("odd_channel")).unwrap()).await;
    assert!(matches!(odd, Refusal::Channel { .. }), "{odd:?}");
    let text = odd.to_string();
    assert!(text.contains("its function `send` is `func(message: record {"), "{text}");
    assert!(text.contains("result<u64,") && text.contains("and the interface has"), "{text}");
    let missing = refused(exporting(&[GUEST, channel::INTERFACE])).await.to_string();
    assert!(missing.contains("its function `get-abilities` is missing"), "{missing}");
    let later = refused(exporting(&[GUEST, "openclaw:channel/guest@0.2.0"])).await.to_string();
    assert!(later.contains("this host knows `openclaw:channel/guest@0.1.0`"), "{later}");
    let alone = refused(exporting(&[channel::INTERFACE])).await.to_string();
    assert!(alone.contains("a channel describes itself"), "{alone}");
}
