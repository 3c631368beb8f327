//! Opens permitted connections.

use std::sync::Arc;

use claw_core::effect::{ConnectPlan, EffectError, Target};
use claw_core::id::ComponentName;
use claw_policy::{Action, Permit};
use reqwest::header::{self, HeaderMap, HeaderValue};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, handshake::client::Request};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::dial::{self, CONNECT, Dialer};
use crate::limit::{self, Slots};
use crate::net::connection::{Channel, Connection};
use crate::net::plan::NetLimits;
use crate::net::socket::{Socket, Wire};
use crate::secret::{self, Filled, Secrets};

/// Bytes that are read from a WebSocket's connection at a time.
const READ_BYTES: usize = 16 * 1024;

/// Opens connections for guests.
#[derive(Debug)]
pub struct NetBroker {
    limits: NetLimits,
    dialer: Dialer,
    slots: Arc<Slots>,
}

impl NetBroker {
    /// A broker within `limits`.
    pub fn new(limits: NetLimits, dialer: Dialer) -> Self {
        NetBroker { limits, dialer, slots: Arc::default() }
    }

    /// Opens the permitted connection for `owner`. The placeholders in the handshake's header fields are filled from
    /// `secrets`, and what is received is masked with what was filled in. `cancel` ends the wait, and later every wait
    /// of the connection.
    ///
    /// Cancel-safe: dropping the future closes the connection.
    /// # Errors
    /// [`EffectError::Denied`] with `E_NET_ADDR` if the name leads to an address that may not be reached by name, or to
    /// the host's own gateway, and with `E_SECRET_SCOPE` if a secret is not there; [`EffectError::Limit`] with
    /// `E_NET_LIMIT` at the time-out, with `E_BUSY` if the owner has too many connections open;
    /// [`EffectError::Cancelled`]; [`EffectError::Unavailable`] if the server cannot be reached, its certificate is not
    /// valid (`E_NET_TLS`), or it does not want a WebSocket.
    pub async fn connect(
        &self,
        permit: Permit,
        owner: &ComponentName,
        secrets: Secrets<'_>,
        cancel: &CancellationToken,
    ) -> Result<Connection, EffectError> {
        match permit.into_action() {
            Action::OpenConnection(plan) => self.connect_plan(plan, owner, secrets, cancel).await,
            other => Err(EffectError::Other(format!("a permit for `{}` does not open a connection", other.name()))),
        }
    }

    pub(crate) async fn connect_plan(
        &self,
        plan: ConnectPlan,
        owner: &ComponentName,
        secrets: Secrets<'_>,
        cancel: &CancellationToken,
    ) -> Result<Connection, EffectError> {
        self.dialer.check(&plan.target)?;
        let slot = self.slots.take(owner)?;
        let ConnectPlan { target, headers, protocols } = plan;
        let Filled { headers, mask, .. } = secret::fill("", headers, secrets)?;
        let opened = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(EffectError::Cancelled),
            opened = timeout(CONNECT, self.open(&target, headers, &protocols)) => opened,
        };
        let late = |_| {
            let seconds = CONNECT.as_secs();
            limit::reached(format_args!("`{}` could not be connected to within {seconds} s", target.host))
        };
        let (channel, protocol) = opened.map_err(late)??;
        debug!(host = %target.host, scheme = %target.scheme, "connected");
        Ok(Connection::new(channel, protocol, self.limits.clone(), mask, cancel.clone(), slot))
    }

    /// The open connection and the subprotocol that the server chose.
    async fn open(
        &self,
        target: &Target,
        headers: HeaderMap,
        protocols: &[String],
    ) -> Result<(Channel, String), EffectError> {
        let stream = self.dialer.dial(target).await?;
        // Whoever speaks in turns must not wait for a packet to fill.
        stream.set_nodelay(true).map_err(|err| dial::explain(&target.host, &err))?;
        let wire = match target.scheme.as_str() {
            "wss" => Wire::Tls(Box::new(self.dialer.secure(target, &["http/1.1"], stream).await?)),
            "tls" => Wire::Tls(Box::new(self.dialer.secure(target, &[], stream).await?)),
            _ => Wire::Plain(stream),
        };
        let socket = Socket::new(wire, self.limits.max_total_bytes);
        if matches!(target.scheme.as_str(), "tcp" | "tls") {
            return Ok((Channel::Plain(socket), String::new()));
        }
        let (socket, protocol) = self.shake_hands(target, headers, protocols, socket).await?;
        Ok((Channel::WebSocket(Box::new(socket)), protocol))
    }

    async fn shake_hands(
        &self,
        target: &Target,
        headers: HeaderMap,
        protocols: &[String],
        socket: Socket,
    ) -> Result<(WebSocketStream<Socket>, String), EffectError> {
        let request = handshake(target, headers, protocols)?;
        let most = self.limits.max_message_bytes;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            // Every message is written at once.
            .write_buffer_size(0)
            .max_write_buffer_size(2 * most)
            .max_message_size(Some(most))
            .max_frame_size(Some(most));
        let shaken = client_async_with_config(request, socket, Some(config)).await;
        let (socket, response) = shaken.map_err(|err| refused(&target.host, err))?;
        let protocol = response.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
        let protocol = protocol.and_then(|name| name.to_str().ok()).unwrap_or_default().to_owned();
        Ok((socket, protocol))
    }
}

fn handshake(target: &Target, headers: HeaderMap, protocols: &[String]) -> Result<Request, EffectError> {
    let invalid = |_| EffectError::Invalid("the plan's URL is not valid".into());
    let mut request = target.url().into_client_request().map_err(invalid)?;
    // What was decided on is what is sent, letter for letter.
    if request.uri().path_and_query().map(|path| path.as_str()) != Some(&target.path_and_query) {
        return Err(EffectError::Invalid("the plan's path is not valid".into()));
    }
    request.headers_mut().extend(headers);
    if !protocols.is_empty() {
        let protocols = HeaderValue::from_str(&protocols.join(", "));
        let protocols = protocols.map_err(|_| EffectError::Invalid("the plan's subprotocol is not valid".into()))?;
        request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, protocols);
    }
    Ok(request)
}

/// What the guest is told. Nothing of what was sent is repeated: it may hold a secret.
fn refused(host: &str, err: tungstenite::Error) -> EffectError {
    use tungstenite::Error;
    match err {
        Error::Io(err) => dial::explain(host, &err),
        Error::Http(answer) => {
            let status = answer.status().as_u16();
            EffectError::Unavailable(format!("`{host}` does not open a WebSocket: it answered with status {status}"))
        }
        Error::Protocol(err) => EffectError::Unavailable(format!("`{host}` does not open a WebSocket: {err}")),
        Error::AttackAttempt | Error::Capacity(_) => {
            limit::reached(format_args!("the answer of `{host}` has too many or too long header fields"))
        }
        _ => EffectError::Unavailable(format!("`{host}` does not open a WebSocket: its answer makes no sense")),
    }
}

#[cfg(test)]
mod tests;
