//! One WebSocket connection, from the challenge to the close. Runs in the connection's task; spawns none.

use std::sync::Arc;
use std::sync::PoisonError;
use std::time::Duration;

use claw_core::id::AgentId;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tracing::{debug, info};

use crate::call::{Call, Caller, ChatSend};
use crate::clock;
use crate::frame::{Audience, EventFrame, Request, RpcError, Urgency, failed_response, response};
use crate::handshake::{self, Admitted, Facts, Guess, Locality, Refusal, Welcome};
use crate::link::{Answer, Owed};
use crate::listener::{Peer, Shared};
use crate::method::{self, Method};
use crate::outbox::{Close, Next, Outbox};
use crate::preauth::{Gate, Limited};
use crate::turn::{self, Acceptance};

/// How long a client gets to take in the end of its connection.
const FAREWELL: Duration = Duration::from_secs(1);

/// Read and written at a time; small, because there is one of each per connection.
const BUFFER_BYTES: usize = 16 * 1024;

type Socket<S> = WebSocketStream<Limited<S>>;

/// Serves one upgraded connection until either side ends it.
pub(crate) async fn run<S>(shared: &Shared, peer: &Peer, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limits = &shared.config.limits;
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(Some(limits.frame_bytes))
        .max_frame_size(Some(limits.frame_bytes));
    let (stream, gate) = Limited::new(stream, limits.preauth_frame_bytes);
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
    let opening = timeout(limits.handshake, open(shared, peer, &mut socket, &gate));
    let opened = tokio::select! {
        opened = opening => opened,
        () = shared.shutdown.cancelled() => return part(socket, close(1012, "service restart")).await,
    };
    let end = match opened {
        Ok(Ok((admitted, hello))) => {
            gate.open();
            converse(shared, &mut socket, admitted, hello).await
        }
        Ok(Err(end)) => end,
        Err(_) => Some(close(1008, "handshake timeout")),
    };
    match end {
        Some(end) => part(socket, Some(end)).await,
        None => debug!(peer = %peer.address, "client left"),
    }
}

fn close(code: u16, reason: &str) -> Close {
    Close { code, reason: reason.to_owned() }
}

// === handshake ===

/// Challenges the peer and decides on its first frame. `Err` says how to part, or nothing when the peer has left.
async fn open<S>(
    shared: &Shared,
    peer: &Peer,
    socket: &mut Socket<S>,
    gate: &Gate,
) -> Result<(Admitted, String), Option<Close>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let nonce = clock::random_name();
    let payload = json!({"nonce": nonce, "ts": clock::now()});
    let challenge = EventFrame::new("connect.challenge", &payload, None, Audience::Everybody, Urgency::Kept);
    socket.send(Message::text(challenge.unnumbered())).await.map_err(|_| None)?;
    let text = first_text(socket, gate).await?;
    let request = match Request::parse(&text) {
        Ok(request) => request,
        Err(bad) => {
            let refusal = handshake::refuse(bad.error, "invalid handshake");
            return Err(say_refusal(shared, peer, socket, &bad.id, refusal).await);
        }
    };
    let id = request.id.clone();
    let address = peer.address.ip();
    let locked = shared.attempts.lock().unwrap_or_else(PoisonError::into_inner).locked(address, Instant::now());
    let locality = if peer.is_local() { Locality::Local } else { Locality::Remote };
    let facts = Facts { nonce, origin: peer.origin, locality, locked, now: clock::now() };
    match handshake::admit(request, &shared.config.auth, &facts) {
        Ok(admitted) => {
            shared.attempts.lock().unwrap_or_else(PoisonError::into_inner).succeeded(address);
            let connection = clock::random_name();
            let uptime = shared.started.elapsed();
            let welcome = Welcome { config: &shared.config, connection: &connection, uptime, now: clock::now() };
            let hello = response(&id, Ok(&handshake::hello(&admitted, &welcome)));
            info!(peer = %peer.address, connection, device = admitted.device, "client connected");
            Ok((admitted, hello))
        }
        Err(refusal) => Err(say_refusal(shared, peer, socket, &id, refusal).await),
    }
}

async fn first_text<S>(socket: &mut Socket<S>, gate: &Gate) -> Result<String, Option<Close>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Binary(_))) => return Err(Some(close(1003, "binary frames are not supported"))),
            _ if gate.exceeded() => return Err(Some(close(1009, "preauth payload too large"))),
            Some(Err(WsError::Capacity(_))) => return Err(Some(close(1009, "preauth payload too large"))),
            Some(Ok(Message::Close(_) | Message::Frame(_)) | Err(_)) | None => return Err(None),
        }
    }
}

/// Answers a refused handshake; a wrong secret is answered late.
async fn say_refusal<S>(
    shared: &Shared,
    peer: &Peer,
    socket: &mut Socket<S>,
    id: &str,
    refusal: Refusal,
) -> Option<Close>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    info!(peer = %peer.address, reason = refusal.reason, "client refused");
    if refusal.guess == Guess::WrongSecret {
        let delay = shared.wrong_secret(peer.address.ip());
        sleep(delay).await;
    }
    socket.send(Message::text(response(id, Err(&refusal.error)))).await.ok()?;
    Some(close(refusal.close, &refusal.reason))
}

/// Says why the connection ends, and waits until the peer has had the chance to read it: closing a socket with
/// unread bytes in it resets it, and the peer would never see the reason.
async fn part<S>(mut socket: Socket<S>, end: impl Into<Option<Close>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some(end) = end.into() else { return };
    debug!(code = end.code, reason = end.reason, "connection ends");
    // The reason of a close frame has at most 123 bytes.
    let reason = end.reason[..end.reason.floor_char_boundary(123)].to_owned();
    let frame = CloseFrame { code: CloseCode::from(end.code), reason: reason.into() };
    let farewell = async {
        socket.send(Message::Close(Some(frame))).await.ok()?;
        let mut rest = [0; 4096];
        let stream = socket.get_mut().inner_mut();
        while stream.read(&mut rest).await.ok()? > 0 {}
        Some(())
    };
    // Whether it was read or not, the connection is over.
    let _ = timeout(FAREWELL, farewell).await;
}

// === conversation ===

/// One admitted client, as its pending calls see it.
struct Client<'a> {
    shared: &'a Shared,
    caller: Caller,
    /// Whom it means where it names no agent.
    agent: AgentId,
    outbox: Arc<Outbox>,
}

type Pending<'a> = FuturesUnordered<BoxFuture<'a, ()>>;

/// Reads, answers and writes until the connection ends; says how to part, or nothing when the client has left.
async fn converse<S>(shared: &Shared, socket: &mut Socket<S>, admitted: Admitted, hello: String) -> Option<Close>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let outbox = Outbox::new(admitted.scopes, admitted.tool_events, shared.config.limits.buffered_bytes);
    // Queued before any event can be: the hello is the first frame that a client takes.
    outbox.reply(hello);
    let _seat = shared.audience.join(&outbox);
    let source = admitted.source();
    let agent = shared.config.routes.agent(&source.whence(None));
    let caller = Caller { source, scopes: admitted.scopes, device: admitted.device };
    let client = Client { shared, caller, agent, outbox: Arc::clone(&outbox) };
    if shared.shutdown.is_cancelled() {
        outbox.close(1012, "service restart");
    }
    let (sink, stream) = socket.split();
    tokio::select! {
        end = write(sink, &outbox) => end,
        end = read(stream, &client) => end,
    }
}

/// Writes what is queued until the connection is to end.
async fn write<S>(mut sink: SplitSink<&mut Socket<S>, Message>, outbox: &Outbox) -> Option<Close>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let message = match outbox.next().await {
            Next::Text(text) => Message::text(text),
            Next::Ping => Message::Ping(Vec::new().into()),
            Next::Close(end) => return Some(end),
        };
        let send = async {
            sink.feed(message).await?;
            if outbox.is_empty() { sink.flush().await } else { Ok(()) }
        };
        tokio::select! {
            sent = send => sent.ok()?,
            // The client has been given up: `next` says why.
            () = outbox.given_up() => {}
        }
    }
}

/// Reads requests, keeps time, and lets pending calls finish.
async fn read<S>(mut stream: SplitStream<&mut Socket<S>>, client: &Client<'_>) -> Option<Close>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (tick, window) = (client.shared.config.tick, client.shared.config.limits.pong_window);
    let mut ticks = interval_at(Instant::now() + tick, tick);
    let mut pings = interval_at(Instant::now() + window, window);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard_since_ping = true;
    let mut pending = Pending::new();
    loop {
        tokio::select! {
            message = stream.next() => {
                heard_since_ping = true;
                match message {
                    Some(Ok(Message::Text(text))) => client.take(text.as_str(), &mut pending).await,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Binary(_))) => return Some(close(1003, "binary frames are not supported")),
                    Some(Err(WsError::Capacity(_))) => return Some(close(1009, "payload too large")),
                    Some(Err(WsError::Utf8(_))) => return Some(close(1007, "text frames must be UTF-8")),
                    Some(Err(WsError::Protocol(_))) => return Some(close(1002, "not a WebSocket frame")),
                    Some(Ok(Message::Close(_) | Message::Frame(_)) | Err(_)) | None => return None,
                }
            }
            Some(()) = pending.next() => {}
            _ = ticks.tick() => client.outbox.offer(&tick_frame()),
            _ = pings.tick() => {
                if !std::mem::replace(&mut heard_since_ping, false) {
                    return Some(close(1008, "no answer to ping"));
                }
                client.outbox.ping();
            }
        }
    }
}

fn tick_frame() -> Arc<EventFrame> {
    EventFrame::new("tick", &json!({"ts": clock::now()}), None, Audience::Everybody, Urgency::Droppable)
}

impl<'a> Client<'a> {
    /// Takes one text frame. Calls are handed to the host in the order in which they came.
    async fn take(&self, text: &str, pending: &mut Pending<'a>)
    where
        Self: 'a,
    {
        let request = match Request::parse(text) {
            Ok(request) => request,
            Err(bad) => return self.outbox.reply(response(&bad.id, Err(&bad.error))),
        };
        if let Err(error) = self.dispatch(request.id.clone(), request, pending).await {
            self.outbox.reply(response(&error.0, Err(&error.1)));
        }
    }

    async fn dispatch(
        &self,
        id: String,
        request: Request,
        pending: &mut Pending<'a>,
    ) -> Result<(), (String, RpcError)> {
        let call = match self.check(request) {
            Ok(method::Request::Host(call)) => call,
            Ok(method::Request::Here(answer)) => {
                self.outbox.reply(response(&id, Ok(&answer)));
                return Ok(());
            }
            Err(error) => return Err((id, error)),
        };
        if pending.len() >= self.shared.config.limits.pending_calls {
            let error = RpcError::unavailable("too many calls of this connection are waiting; try again later");
            return Err((id, error));
        }
        let waiter = Waiter { shared: self.shared, caller: self.caller.clone(), outbox: Arc::clone(&self.outbox), id };
        match call {
            Call::Agent(turn) => waiter.start_agent(turn, pending).await,
            Call::Refused { method, scope } => {
                let told = self.shared.link.enqueue(self.caller.clone(), Call::Refused { method, scope }).await;
                pending.push(Box::pin(async move {
                    if let Ok(owed) = told {
                        let _ = owed.answer().await;
                    }
                    waiter.reply(Err(RpcError::missing_scope(scope)));
                }));
                Ok(())
            }
            call => match self.shared.link.enqueue(self.caller.clone(), call).await {
                Ok(owed) => {
                    pending.push(Box::pin(waiter.answer(owed)));
                    Ok(())
                }
                Err(error) => Err((waiter.id, error)),
            },
        }
    }

    fn check(&self, request: Request) -> Result<method::Request, RpcError> {
        if request.method == "connect" {
            return Err(RpcError::invalid("this connection is already connected"));
        }
        let method = Method::find(&request.method)?;
        if !self.caller.scopes.allows(method.scope) {
            return Ok(method::Request::Host(Call::Refused { method: method.name, scope: method.scope }));
        }
        method.read(request.params, &self.agent)
    }
}

/// Waits for the host's answer to one request and passes it on.
struct Waiter<'a> {
    shared: &'a Shared,
    caller: Caller,
    outbox: Arc<Outbox>,
    id: String,
}

impl<'a> Waiter<'a> {
    async fn answer(self, owed: Owed) {
        self.reply(owed.answer().await);
    }

    fn reply(&self, answer: Answer) {
        self.outbox.reply(response(&self.id, answer.as_ref()));
    }

    /// An agent call is answered twice: when the run is accepted, and when it has ended.
    async fn start_agent(self, turn: ChatSend, pending: &mut Pending<'a>) -> Result<(), (String, RpcError)> {
        let run = turn.run.clone();
        // Subscribed before the host hears of the run: its end cannot be missed.
        let mut events = self.shared.link.subscribe();
        let owed = match self.shared.link.enqueue(self.caller.clone(), Call::Agent(turn)).await {
            Ok(owed) => owed,
            Err(error) => return Err((self.id, error)),
        };
        pending.push(Box::pin(async move {
            let mut accepted = match owed.answer().await {
                Ok(accepted) => accepted,
                Err(error) => return self.reply(Err(error)),
            };
            let acceptance = Acceptance::of(&accepted);
            if acceptance == Acceptance::Over {
                // Any other status would make the client take this for the result.
                accepted["status"] = json!("accepted");
            }
            self.reply(Ok(accepted));
            let link = &self.shared.link;
            let ended = match acceptance {
                Acceptance::InFlight => return,
                Acceptance::Running => turn::watch(link, &self.caller, &run, &mut events).await,
                Acceptance::Over => turn::ask(link, &self.caller, &run).await,
            };
            match ended.map(|ended| ended.payload(&run)) {
                Ok((payload, None)) => self.reply(Ok(payload)),
                Ok((payload, Some(error))) => self.outbox.reply(failed_response(&self.id, &payload, &error)),
                Err(error) => self.reply(Err(error)),
            }
        }));
        Ok(())
    }
}
