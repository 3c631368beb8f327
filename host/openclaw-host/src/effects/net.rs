//! Connections: opened for one call, and closed with it.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use claw_core::effect::{ConnectRequest, EffectError, NetReply, NetRequest};
use claw_core::label::Labels;
use claw_effects::{Connection, plan_connect};
use claw_policy::Action;
use tokio::sync::Mutex;

use super::Effects;

/// Connections that one call holds at a time.
const CONNECTIONS: usize = 8;

/// The open connections of one call, by the numbers that its guest knows.
pub(super) type Connections = Mutex<HashMap<u32, Connection>>;

impl Effects {
    pub(super) async fn net(&self, request: NetRequest) -> Result<NetReply, EffectError> {
        match request {
            NetRequest::Connect(request) => self.connect(request).await,
            NetRequest::Send { handle, message } => {
                let mut connections = self.connections.lock().await;
                open(&mut connections, handle)?.send(message).await?;
                Ok(NetReply::Done)
            }
            NetRequest::Receive { handle, max_bytes, wait_ms } => {
                let mut connections = self.connections.lock().await;
                open(&mut connections, handle)?.receive(max_bytes, Duration::from_millis(wait_ms)).await
            }
            NetRequest::Shutdown { handle } => {
                let mut connections = self.connections.lock().await;
                open(&mut connections, handle)?.shutdown().await?;
                Ok(NetReply::Done)
            }
            NetRequest::Close { handle, code, reason } => {
                let connection = self.connections.lock().await.remove(&handle);
                match connection {
                    Some(connection) => connection.close(code, &reason).await.map(|()| NetReply::Done),
                    None => Err(closed()),
                }
            }
        }
    }

    async fn connect(&self, request: ConnectRequest) -> Result<NetReply, EffectError> {
        if self.connections.lock().await.len() >= CONNECTIONS {
            let message = format!("E_BUSY: a call may hold {CONNECTIONS} connections at a time; close one first");
            return Err(EffectError::Limit(message));
        }
        let plan = plan_connect(&request)?;
        let secrets = self.secrets_for(&plan.headers, &plan.target).await?;
        // It goes both ways for as long as it is open, so what the server will say counts before it is opened.
        self.label(Labels::tainted(&format!("a connection to {}", plan.target.host))).await?;
        let (permit, index) = self.admit(Action::OpenConnection(plan)).await?;
        let broker = &self.context.host.net;
        let opened = broker.connect(permit, self.name(), &|name| secrets.value(name), &self.context.cancel).await;
        let summary = opened.as_ref().map_or_else(ToString::to_string, |_| "connected".to_owned());
        self.ended(index, summary).await?;
        let connection = opened?;
        let protocol = connection.protocol().to_owned();
        let handle = self.next_connection.fetch_add(1, Ordering::Relaxed);
        self.connections.lock().await.insert(handle, connection);
        Ok(NetReply::Opened { handle, protocol })
    }
}

fn open(connections: &mut HashMap<u32, Connection>, handle: u32) -> Result<&mut Connection, EffectError> {
    connections.get_mut(&handle).ok_or_else(closed)
}

fn closed() -> EffectError {
    EffectError::Invalid("this connection is closed".to_owned())
}
