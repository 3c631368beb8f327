use std::sync::Arc;

use claw_core::id::{AgentId, SessionKey, Timestamp};
use claw_core::inbound::Source as From;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::*;
use crate::scope::Scopes;

const KEEP_ALIVE: Duration = Duration::from_secs(10);

fn run() -> RunId {
    RunId::parse("r").unwrap()
}

fn session() -> SessionKey {
    SessionKey::parse("main", &AgentId::parse("main").unwrap()).unwrap()
}

fn said(delta: &str) -> HostEvent {
    HostEvent::TextDelta { run: run(), session: session(), delta: delta.into() }
}

fn ended(end: RunEnd) -> HostEvent {
    HostEvent::RunEnded { run: run(), session: session(), end: Arc::new(end), at: Timestamp(1) }
}

fn done(text: &str) -> HostEvent {
    ended(RunEnd::Done {
        text: text.to_owned(),
        usage: Usage { input_tokens: 3, output_tokens: 1, ..Usage::default() },
    })
}

fn answer(usage: UsageChunk) -> (Answer, broadcast::Sender<HostEvent>) {
    let (events, heard) = broadcast::channel(4);
    let (commands, mut calls) = mpsc::channel::<crate::call::Command>(4);
    tokio::spawn(async move {
        while let Some(command) = calls.recv().await {
            let _ = command.reply.send(Ok(json!({"status": "ok", "text": "one two", "endedAt": 1})));
        }
    });
    let link = HostLink::new(commands, events.clone());
    let source = From { channel: "http".to_owned(), account: "owner".to_owned() };
    let caller = Caller { source, scopes: Scopes::NONE, device: None };
    let label = Label { id: "chatcmpl-r".to_owned(), model: "openclaw".to_owned(), created: 5 };
    (Answer::new(label, usage, link, caller, run(), Source::Events(heard)), events)
}

async fn rest(mut answer: Answer) -> String {
    let mut all = String::new();
    while let Some(part) = answer.next(KEEP_ALIVE).await {
        all.push_str(&part);
    }
    all
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_by_a_comment_every_ten_seconds() {
    let (mut answer, events) = answer(UsageChunk::Omitted);
    assert!(answer.next(KEEP_ALIVE).await.unwrap().contains(r#""role":"assistant""#));
    let before = Instant::now();
    for _ in 0..3 {
        assert_eq!(answer.next(KEEP_ALIVE).await.unwrap(), ": keep-alive\n\n");
    }
    assert_eq!(before.elapsed(), KEEP_ALIVE * 3);
    events.send(said("late")).unwrap();
    assert!(answer.next(KEEP_ALIVE).await.unwrap().contains(r#""content":"late""#));
}

#[tokio::test]
async fn the_chunks_are_those_of_openai() {
    let (answer, events) = answer(UsageChunk::Sent);
    events.send(said("one ")).unwrap();
    events.send(said("two")).unwrap();
    events.send(done("one two")).unwrap();
    expect_test::expect![[r#"
        data: {"id":"chatcmpl-r","object":"chat.completion.chunk","created":5,"model":"openclaw","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

        data: {"id":"chatcmpl-r","object":"chat.completion.chunk","created":5,"model":"openclaw","choices":[{"index":0,"delta":{"content":"one "},"finish_reason":null}]}

        data: {"id":"chatcmpl-r","object":"chat.completion.chunk","created":5,"model":"openclaw","choices":[{"index":0,"delta":{"content":"two"},"finish_reason":null}]}

        data: {"id":"chatcmpl-r","object":"chat.completion.chunk","created":5,"model":"openclaw","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

        data: {"id":"chatcmpl-r","object":"chat.completion.chunk","created":5,"model":"openclaw","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}

        data: [DONE]

    "#]]
    .assert_eq(&rest(answer).await);
}

#[tokio::test]
async fn an_answer_that_was_never_streamed_comes_at_once() {
    let (answer, events) = answer(UsageChunk::Omitted);
    events.send(done("whole")).unwrap();
    let all = rest(answer).await;
    assert!(all.contains(r#""content":"whole""#) && !all.contains("usage"), "{all}");
}

#[tokio::test]
async fn a_hole_in_the_events_is_filled_from_the_result() {
    let (mut answer, events) = answer(UsageChunk::Omitted);
    answer.next(KEEP_ALIVE).await;
    events.send(said("one")).unwrap();
    answer.next(KEEP_ALIVE).await;
    (0..9).for_each(|_| drop(events.send(said("lost"))));
    let all = rest(answer).await;
    assert!(all.contains(r#""content":" two""#) && all.ends_with("data: [DONE]\n\n"), "{all}");
}

#[tokio::test]
async fn a_failed_run_ends_the_stream_with_an_error() {
    let (answer, events) = answer(UsageChunk::Omitted);
    events.send(ended(RunEnd::Failed { kind: "rate_limit".to_owned(), message: "slow down".to_owned() })).unwrap();
    let all = rest(answer).await;
    assert!(all.contains(r#""type":"rate_limit_error""#) && all.contains("slow down"), "{all}");
    assert!(all.ends_with("data: [DONE]\n\n"), "{all}");
}
