//! The channel `telegram`: the component that ships, in the real sandbox, against a Bot API server that speaks as the
//! real one does. Its requests leave by the real broker, for permits of the real policy.

pub mod bot_api;

use std::path::Path;
use std::time::Duration;

use claw_core::channel::{self, Abilities, Batch, Failure, Outgoing, OutgoingFile};
use claw_core::effect::{EffectError, EffectReply, EffectRequest, HttpRequest, RequestBody, SecretReply};
use claw_core::grant::Terms;
use claw_core::id::{AgentId, CallId, ComponentName, Digest, RunId, SessionKey, Timestamp, ToolName};
use claw_core::inbound::Origin;
use claw_core::label::Labels;
use claw_core::outcome::ToolOutcome;
use claw_effects::{Dialer, HttpAnswer, HttpBroker, HttpLimits, TrustRoots, plan_http};
use claw_policy::{
    Action, Decision, Facts, Given, Grant, Grants, Permit, Policy, Preset, Subject, ToolInvocation, Trust,
};
use claw_sandbox::{
    Answerer, BodySource, CallFacts, CallLimits, Component, Ground, HostLimits, Sandbox, SandboxConfig, Signal, Walls,
    Wasm, WorkerLimits,
};
use claw_vault::Zeroizing;
use futures_util::StreamExt;
use futures_util::stream::{self, FuturesUnordered};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use self::bot_api::{BotApi, Trouble};
use crate::host::{Home, PROGRAM};

/// Everything here ends long before; a test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(120);
const ABILITIES: Abilities = Abilities { text_limit: 4096, idempotent: false, edits: true, file_limit: 50_000_000 };
const TOKEN: &str = "123456:AAcanary-5d41402abc_4b2a76";

/// The host's side of the calls, without the rest of the host.
struct Desk {
    sandbox: Sandbox,
    policy: Policy,
    http: HttpBroker,
    component: Component,
    subject: Subject,
    ground: Ground,
    _folder: tempfile::TempDir,
}

impl Desk {
    /// With the Bot API at this address, granted by its owner.
    async fn new(url: &str) -> Desk {
        let folder = tempfile::Builder::new().prefix("openclaw-host-test-").tempdir().unwrap();
        let sandbox = Sandbox::open(SandboxConfig {
            program: PROGRAM.into(),
            cache: folder.path().join("cache"),
            cache_key: [7; 32],
            walls: Walls::Required,
            worker: WorkerLimits::default(),
            host: HostLimits::default(),
        });
        let sandbox = sandbox.unwrap();
        let wasm = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/components/telegram.wasm");
        let wasm = Wasm::new(std::fs::read(wasm).unwrap().into());
        let component = sandbox.install(ComponentName::parse("telegram").unwrap(), wasm).await.unwrap();
        let grant = |text: &str| Given::parse(text, Terms::default()).unwrap();
        let own_server = format!("http {url} POST /bot{{{{secret:telegram-token}}}}/");
        let own_files = format!("http {url} GET /file/bot{{{{secret:telegram-token}}}}/");
        let declared = [
            "secret telegram-token",
            "http * POST /bot{{secret:telegram-token}}/",
            "http * GET /file/bot{{secret:telegram-token}}/",
        ];
        let declared: Grants = declared.iter().map(|text| Grant::parse(text).unwrap()).collect();
        let subject = Subject {
            component: component.name.clone(),
            publisher: "test".to_owned(),
            digest: component.digest,
            trust: Trust::Shipped,
            declared: declared.into(),
            grants: [grant("secret telegram-token"), grant(&own_server), grant(&own_files)].into_iter().collect(),
        };
        let http = HttpBroker::new(HttpLimits::default(), Dialer::new(None, &TrustRoots::Public).unwrap());
        let ground = Ground { mounts: Vec::new(), config: vec![("api".to_owned(), format!("{url}/"))] };
        let policy = Policy::load(Preset::Cautious, &[]).unwrap();
        Desk { sandbox, policy, http, component, subject, ground, _folder: folder }
    }

    async fn receive(&self, cursor: Option<&str>) -> Result<Batch, Failure> {
        channel::received(self.call(channel::RECEIVE, channel::receive_arguments(cursor), Vec::new()).await.0)
    }

    async fn send(&self, chat: &str, text: &str) -> Result<String, Failure> {
        self.put(chat, text, None).await
    }

    /// Sends a message, or changes the one of this id.
    async fn put(&self, chat: &str, text: &str, replaces: Option<&str>) -> Result<String, Failure> {
        let (reply_to, replaces) = (Some("1".into()), replaces.map(str::to_owned));
        let outgoing = Outgoing { key: "k1".into(), chat: chat.into(), text: text.into(), reply_to, replaces };
        channel::sent(self.call(channel::SEND, outgoing.arguments(), Vec::new()).await.0)
    }

    /// Sends a file of these bytes.
    async fn put_file(&self, chat: &str, media_type: &str, bytes: &[u8]) -> Result<String, Failure> {
        let (key, name, caption, reply_to) = ("k1".into(), "a \"b\".bin".into(), Some("once".into()), Some("1".into()));
        let (digest, size) = (Digest([7; 32]), bytes.len() as u64);
        let media_type = media_type.into();
        let file = OutgoingFile { key, chat: chat.into(), name, media_type, digest, size, caption, reply_to };
        channel::sent(self.call(channel::SEND_FILE, file.arguments(), bytes.to_vec()).await.0)
    }

    async fn fetch(&self, attachment: &str) -> Result<Vec<u8>, Failure> {
        let (outcome, fetched) = self.call(channel::FETCH, channel::fetch_arguments(attachment), Vec::new()).await;
        channel::fetched(outcome).map(|()| fetched)
    }

    /// What came of a call, and the attachment that it has fetched.
    async fn call(&self, function: &str, arguments: String, file: Vec<u8>) -> (ToolOutcome, Vec<u8>) {
        let invocation = ToolInvocation {
            call: CallId::parse("call_1").unwrap(),
            tool: ToolName::parse(function).unwrap(),
            arguments,
        };
        let permit = self.permit(Action::CallTool(invocation)).unwrap();
        let Facts { run, session, origin, .. } = facts();
        let facts = CallFacts { run, session, origin, seed: [7; 32], begins: Timestamp(0), clock: None, file };
        let limits = CallLimits { wall_ms: 40_000, ..CallLimits::default() };
        let mut running = self.sandbox.start(&self.component, permit, facts, &self.ground, limits).await.unwrap();
        let answerer = running.answerer();
        let ended = async {
            // A body that is read takes signals, too.
            let mut answers = FuturesUnordered::new();
            loop {
                let signal = tokio::select! {
                    signal = running.next() => signal,
                    Some(()) = answers.next() => continue,
                };
                match signal {
                    Signal::Done { outcome, trace } => return (outcome, trace.fetched),
                    Signal::Effect { effect, request } => answers.push(self.answer(&answerer, effect, request)),
                    Signal::Progress { .. } | Signal::Log { .. } => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("the call ends")
    }

    async fn answer(&self, answerer: &Answerer, effect: u32, request: EffectRequest) {
        match request {
            EffectRequest::Secret(_) => answerer.answer(effect, Ok(EffectReply::Secret(SecretReply::Held))).await,
            EffectRequest::Http(request) => match self.http(answerer, effect, &request).await {
                Ok(HttpAnswer { head, mut body }) => {
                    let sink = answerer.answer_with_body(effect, EffectReply::Http(head)).await;
                    while let Some(chunk) = body.next().await.unwrap() {
                        // What the component is told must not hold the token.
                        assert!(!String::from_utf8_lossy(&chunk).contains("AAcanary"));
                        sink.send(chunk).await.unwrap();
                    }
                    sink.end(Ok(())).await;
                }
                Err(err) => {
                    assert!(!err.to_string().contains("AAcanary"), "{err}");
                    answerer.answer(effect, Err(err)).await;
                }
            },
            other => panic!("a channel wants {other:?}"),
        }
    }

    async fn http(&self, answerer: &Answerer, effect: u32, request: &HttpRequest) -> Result<HttpAnswer, EffectError> {
        assert!(request.url.contains("bot{{secret:telegram-token}}/"), "{}", request.url);
        let permit = self.permit(Action::SendRequest(plan_http(request, &HttpLimits::default())?))?;
        let token = |name: &str| (name == "telegram-token").then(|| Zeroizing::new(TOKEN.to_owned()));
        let next = |mut source: BodySource| async { Ok(source.next().await?.map(|part| (part, source))) };
        let parts = match request.body {
            RequestBody::Whole(_) => None,
            RequestBody::Streamed { .. } => Some(stream::try_unfold(answerer.body(effect).await, next).boxed()),
        };
        self.http.send(permit, parts, &self.component.name, &token, &CancellationToken::new()).await
    }

    fn permit(&self, action: Action) -> Result<Permit, EffectError> {
        match self.policy.decide(&self.subject, &facts(), action) {
            Decision::Allow(permit) => Ok(permit),
            _ => Err(EffectError::denied("E_POLICY_DENY", "that is not granted")),
        }
    }
}

fn facts() -> Facts {
    Facts {
        session: SessionKey::parse("main", &AgentId::parse("main").unwrap()).unwrap(),
        run: RunId::parse("r1").unwrap(),
        origin: Origin::Owner,
        person_present: false,
        labels: Labels::default(),
        mode: claw_core::mode::Mode::Act,
        at: Timestamp(0),
    }
}

#[tokio::test]
async fn messages_come_in_once_they_are_asked_for_with_the_next_cursor() {
    let api = BotApi::start(TOKEN).await;
    let desk = Desk::new(&api.url).await;
    assert_eq!(desk.component.manifest.channel, Some(ABILITIES));
    let id = api.say(42, "hello");
    api.message(-7, serde_json::json!({"photo": [{"file_id": "x"}], "caption": "look"}));
    let batch = desk.receive(None).await.unwrap();
    let seen: Vec<_> = batch.messages.iter().map(|it| (it.chat.as_str(), it.direct, it.text.as_str())).collect();
    assert_eq!(seen, [("42", true, "hello"), ("-7", false, "look")]);
    assert_eq!((batch.messages[0].attachments.len(), batch.messages[1].attachments[0].id.as_str()), (0, "x"));
    assert_eq!(batch.messages[0].id, id.to_string());
    // An answer that got lost: the same cursor gives the same messages.
    assert_eq!(desk.receive(None).await.unwrap(), batch);
    assert_eq!(api.confirmed(), 0);
    // The next one confirms them, and waits for more.
    let (next, ()) = tokio::join!(desk.receive(Some(&batch.cursor)), async {
        api.all_confirmed().await;
        api.say(42, "more");
    });
    assert_eq!(next.unwrap().messages[0].text, "more");
    assert_eq!(api.confirmed().to_string(), batch.cursor);
}

#[tokio::test]
async fn a_message_goes_out_as_html_and_as_it_is_where_that_cannot_be_read() {
    let api = BotApi::start(TOKEN).await;
    let desk = Desk::new(&api.url).await;
    api.join(42);
    let id = desk.send("42", "**bold** <x> [a](https://a.example)").await.unwrap();
    let sent = &api.sent_at_least(1).await[0];
    assert_eq!(sent["text"], "<b>bold</b> &lt;x&gt; <a href=\"https://a.example\">a</a>");
    assert_eq!((&sent["parse_mode"], &sent["link_preview_options"]["is_disabled"]), (&"HTML".into(), &true.into()));
    assert_eq!(sent["reply_parameters"]["message_id"], 1);
    assert_eq!(id, "1");
    api.trouble("sendMessage", [Trouble::Refused(400, "Bad Request: can't parse entities: no")]);
    desk.send("42", "**bold**").await.unwrap();
    let plain = &api.sent()[1];
    assert_eq!((&plain["text"], plain.get("parse_mode")), (&"**bold**".into(), None));
    // A group that is a supergroup now is found again, and its topics.
    api.join(-7);
    api.upgrade(-7, -1_007);
    desk.send("-7/3", "hello").await.unwrap();
    let moved = &api.sent()[2];
    assert_eq!((&moved["chat_id"], &moved["message_thread_id"]), (&(-1_007).into(), &3.into()));
}

#[tokio::test]
async fn a_picture_goes_as_a_photo_and_all_else_as_a_document() {
    let api = BotApi::start(TOKEN).await;
    let desk = Desk::new(&api.url).await;
    api.join(42);
    let png = [&b"\x89PNG\r\n\x1a\n\r\n--openclaw-k"[..], &[0, 255]].concat();
    assert_eq!(desk.put_file("42/3", "image/png", &png).await, Ok("1".to_owned()));
    let sent = &api.sent()[0];
    let file = json!({"field": "photo", "name": "a %22b%22.bin", "type": "image/png"});
    assert_eq!((&sent["chat_id"], &sent["message_thread_id"], &sent["file"]), (&json!(42), &json!(3), &file));
    assert_eq!((&sent["caption"], &sent["reply_parameters"]["message_id"]), (&json!("once"), &json!(1)));
    assert_eq!(api.file(sent), png);
    // Larger than what travels with its request in one piece.
    let large: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).take(8 << 20).collect();
    desk.put_file("42", "application/octet-stream", &large).await.unwrap();
    assert_eq!(api.sent()[1]["file"]["field"], "document");
    assert!(api.file(&api.sent()[1]) == large, "it came otherwise");
    // What Telegram cannot show is sent all the same.
    desk.put_file("42", "image/png", b"no picture").await.unwrap();
    assert_eq!(api.sent()[2]["file"]["field"], "document");
    // A group that is a supergroup now is found again.
    api.join(-7);
    api.upgrade(-7, -1_007);
    desk.put_file("-7", "image/png", &png).await.unwrap();
    assert_eq!(api.sent()[3]["chat_id"], -1_007);
}

#[tokio::test]
async fn what_went_wrong_with_a_file_is_told_apart() {
    let api = BotApi::start(TOKEN).await;
    let desk = Desk::new(&api.url).await;
    api.join(42);
    let meets = async |trouble: Trouble| {
        api.trouble("sendDocument", [trouble]);
        desk.put_file("42", "text/plain", b"hello").await.unwrap_err()
    };
    assert_eq!(meets(Trouble::Flood(7)).await, Failure::Limited(7_000));
    assert!(matches!(meets(Trouble::Refused(403, "Forbidden: bot was blocked")).await, Failure::Rejected(_)));
    assert!(matches!(meets(Trouble::Page(502)).await, Failure::Unavailable(_)));
    assert!(matches!(meets(Trouble::Dropped).await, Failure::Unknown(_)));
    assert_eq!(api.sent().len(), 0);
    assert!(matches!(meets(Trouble::LostAnswer).await, Failure::Unknown(_)));
    assert_eq!(api.sent().len(), 1);
    assert!(matches!(desk.put_file("43", "image/png", b"\x89PNG\r\n\x1a\n").await, Err(Failure::Rejected(_))));
}

#[tokio::test]
async fn an_attachment_is_fetched_from_where_the_service_says() {
    let api = BotApi::start(TOKEN).await;
    let desk = Desk::new(&api.url).await;
    let picture: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    api.upload("x1", &picture);
    let photo = json!([{"file_id": "small", "file_size": 7}, {"file_id": "x1", "file_size": picture.len()}]);
    api.message(42, json!({"photo": photo}));
    let message = desk.receive(None).await.unwrap().messages.remove(0);
    let attached = &message.attachments[0];
    assert_eq!((attached.id.as_str(), attached.media_type.as_str(), attached.size), ("x1", "image/jpeg", 300_000));
    assert_eq!((message.attachments.len(), message.text.as_str()), (1, ""));
    assert_eq!(desk.fetch("x1").await, Ok(picture));
    assert!(matches!(desk.fetch("gone").await, Err(Failure::Unavailable(why)) if why.contains("wrong file_id")));
    api.upload("large", &vec![1; channel::MAX_FETCHED_BYTES + 1]);
    assert!(matches!(desk.fetch("large").await, Err(Failure::Rejected(why)) if why.contains("more than")));
    // Without the grant for files it is refused, and nothing else is.
    let only_messages = format!("http {} POST /bot{{{{secret:telegram-token}}}}/", api.url);
    let grants = ["secret telegram-token", &only_messages].map(|text| Given::parse(text, Terms::default()).unwrap());
    let desk = Desk { subject: Subject { grants: grants.into_iter().collect(), ..desk.subject.clone() }, ..desk };
    assert!(matches!(desk.fetch("x1").await, Err(Failure::Unavailable(why)) if why.contains("not granted")));
}

#[tokio::test]
async fn a_message_is_changed_and_what_went_wrong_is_told_apart() {
    let api = BotApi::start(TOKEN).await;
    let desk = Desk::new(&api.url).await;
    api.join(42);
    let id = desk.send("42", "hel").await.unwrap();
    let change = async |text: &str| desk.put("42", text, Some(&id)).await;
    assert_eq!(change("**hello**").await, Ok(id.clone()));
    let shown = &api.sent()[0];
    assert_eq!((&shown["text"], &shown["parse_mode"]), (&"<b>hello</b>".into(), &"HTML".into()));
    assert_eq!(shown["link_preview_options"]["is_disabled"], true);
    // What it says already is what was wanted.
    assert_eq!(change("**hello**").await, Ok(id.clone()));
    assert_eq!(api.edits(), 1);
    api.trouble("editMessageText", [Trouble::Refused(400, "Bad Request: can't parse entities: no")]);
    change("**you**").await.unwrap();
    assert_eq!((&api.sent()[0]["text"], api.sent()[0].get("parse_mode")), (&"**you**".into(), None));
    let meets = async |trouble: Trouble| {
        api.trouble("editMessageText", [trouble]);
        change("else").await.unwrap_err()
    };
    assert_eq!(meets(Trouble::Flood(7)).await, Failure::Limited(7_000));
    assert!(matches!(meets(Trouble::Page(502)).await, Failure::Unavailable(_)));
    assert!(matches!(meets(Trouble::Dropped).await, Failure::Unknown(_)));
    let locked = meets(Trouble::Refused(400, "Bad Request: message can't be edited")).await;
    assert!(matches!(&locked, Failure::Rejected(why) if why.contains("can't be edited")), "{locked:?}");
    api.delete(id.parse().unwrap());
    let gone = change("else").await.unwrap_err();
    assert!(matches!(&gone, Failure::Rejected(why) if why.contains("message to edit not found")), "{gone:?}");
    assert!(matches!(desk.put("42", "else", Some("x")).await, Err(Failure::Rejected(_))));
    assert_eq!(api.sent().len(), 1, "nothing was sent beside it");
}

#[tokio::test]
async fn what_went_wrong_is_told_apart() {
    let api = BotApi::start(TOKEN).await;
    let desk = Desk::new(&api.url).await;
    api.join(42);
    let meets = async |trouble: Trouble| {
        api.trouble("sendMessage", [trouble]);
        desk.send("42", "hello").await.unwrap_err()
    };
    assert_eq!(meets(Trouble::Flood(7)).await, Failure::Limited(7_000));
    let blocked = meets(Trouble::Refused(403, "Forbidden: bot was blocked by the user")).await;
    assert!(matches!(&blocked, Failure::Rejected(why) if why.contains("was blocked")), "{blocked:?}");
    assert!(matches!(meets(Trouble::Page(502)).await, Failure::Unavailable(_)));
    assert!(matches!(meets(Trouble::Dropped).await, Failure::Unknown(_)));
    assert_eq!(api.sent().len(), 0);
    assert!(matches!(meets(Trouble::LostAnswer).await, Failure::Unknown(_)));
    assert_eq!(api.sent().len(), 1);
    let stranger = desk.send("43", "hello").await.unwrap_err();
    assert!(matches!(&stranger, Failure::Rejected(why) if why.contains("chat not found")), "{stranger:?}");
    assert!(matches!(desk.send("x", "hello").await, Err(Failure::Rejected(_))));
    // A poll loses nothing, whatever happens to it.
    api.trouble("getUpdates", [Trouble::Flood(3), Trouble::LostAnswer]);
    assert_eq!(desk.receive(None).await, Err(Failure::Limited(3_000)));
    assert!(matches!(desk.receive(None).await, Err(Failure::Unavailable(_) | Failure::Unknown(_))));
    let conflict = "Conflict: terminated by other getUpdates request";
    api.trouble("getUpdates", [Trouble::Refused(409, conflict)]);
    let conflict = desk.receive(None).await.unwrap_err();
    assert!(matches!(&conflict, Failure::Unavailable(why) if why.contains("only one can")), "{conflict:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_or_not_granted_has_got_nothing() {
    let api = BotApi::start("another").await;
    let desk = Desk::new(&api.url).await;
    let unknown = desk.send("42", "hello").await.unwrap_err();
    assert!(matches!(&unknown, Failure::Rejected(why) if why.contains("telegram-token")), "{unknown:?}");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nowhere = Desk::new(&format!("http://{free}")).await;
    assert!(matches!(nowhere.send("42", "hello").await, Err(Failure::Unavailable(_))));
    let not_granted = Desk { subject: Subject { grants: Grants::default().into(), ..desk.subject.clone() }, ..desk };
    let refused = not_granted.send("42", "hello").await.unwrap_err();
    assert!(matches!(&refused, Failure::Unavailable(why) if why.contains("not granted")), "{refused:?}");
    assert_eq!(api.sent().len(), 0);
}

#[test]
fn a_component_says_that_it_is_a_channel() {
    let home = Home::new();
    let _running = home.start();
    let list = home.json(&["component", "list"]);
    let of = |name: &str| list["components"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone();
    assert_eq!(
        of("telegram")["channel"],
        json!({"textLimit": 4096, "idempotent": false, "edits": true, "fileLimit": 8 << 20})
    );
    assert_eq!(of("clock")["channel"], Value::Null);
    let table = String::from_utf8(home.run(&["component", "list"]).stdout).unwrap();
    let rows: Vec<_> = table.lines().filter(|line| line.contains("(a channel)")).collect();
    assert!(rows.len() == 1 && rows[0].starts_with("telegram"), "{table}");
}
