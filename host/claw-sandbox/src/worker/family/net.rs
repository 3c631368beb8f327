//! `openclaw:net`: connections that the host holds.

use claw_core::effect::{ConnectRequest, EffectReply, EffectRequest, NetMessage, NetReply, NetRequest};
use wasmtime::component::Resource;

use super::{other_family, table_full};
use crate::worker::bindings::openclaw::net::net;
use crate::worker::bindings::openclaw::types::types::Error;
use crate::worker::guest::Guest;

/// An open WebSocket, by its number in the host.
pub struct WebSocket {
    handle: u32,
    protocol: String,
}

/// An open TCP connection, by its number in the host.
pub struct Connection {
    handle: u32,
}

/// A WebSocket's "normal closure".
const NORMAL: u16 = 1000;
/// What the host says of a connection that broke.
const BROKEN: u16 = 1006;

impl net::Host for Guest {}

impl Guest {
    fn net(&mut self, request: NetRequest) -> Result<NetReply, Error> {
        match self.ask(EffectRequest::Net(request))? {
            EffectReply::Net(reply) => Ok(reply),
            _ => Err(other_family()),
        }
    }

    fn open(&mut self, request: ConnectRequest) -> Result<(u32, String), Error> {
        match self.net(NetRequest::Connect(request))? {
            NetReply::Opened { handle, protocol } => Ok((handle, protocol)),
            _ => Err(other_family()),
        }
    }

    /// Nobody waits for the end of a connection that is dropped; when the call is over the host closes it anyway.
    fn close_connection(&mut self, handle: u32) {
        let _ = self.net(NetRequest::Close { handle, code: NORMAL, reason: String::new() });
    }

    fn web_socket(&self, socket: &Resource<WebSocket>) -> &WebSocket {
        self.table.get(socket).expect("net: the engine checks handles")
    }

    fn connection(&self, connection: &Resource<Connection>) -> u32 {
        self.table.get(connection).expect("net: the engine checks handles").handle
    }
}

impl net::HostWebsocket for Guest {
    fn connect(
        &mut self,
        url: String,
        headers: Vec<(String, String)>,
        protocols: Vec<String>,
    ) -> Result<Resource<WebSocket>, Error> {
        if !url.starts_with("ws:") && !url.starts_with("wss:") {
            return Err(Error::Invalid("the URL of a WebSocket begins with `ws://` or `wss://`".to_owned()));
        }
        let headers = headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
        let (handle, protocol) = self.open(ConnectRequest { url, headers, protocols })?;
        self.table.push(WebSocket { handle, protocol }).map_err(table_full)
    }

    fn protocol(&mut self, socket: Resource<WebSocket>) -> String {
        self.web_socket(&socket).protocol.clone()
    }

    fn send(&mut self, socket: Resource<WebSocket>, message: net::Message) -> Result<(), Error> {
        let handle = self.web_socket(&socket).handle;
        let message = match message {
            net::Message::Text(text) => NetMessage::Text(text),
            net::Message::Binary(bytes) => NetMessage::Binary(bytes),
        };
        self.net(NetRequest::Send { handle, message }).map(drop)
    }

    fn receive(&mut self, socket: Resource<WebSocket>, wait_ms: u64) -> Result<net::Incoming, Error> {
        let handle = self.web_socket(&socket).handle;
        match self.net(NetRequest::Receive { handle, max_bytes: u64::MAX, wait_ms })? {
            NetReply::Message(NetMessage::Text(text)) => Ok(net::Incoming::Message(net::Message::Text(text))),
            NetReply::Message(NetMessage::Binary(bytes)) => Ok(net::Incoming::Message(net::Message::Binary(bytes))),
            NetReply::Nothing => Ok(net::Incoming::Nothing),
            NetReply::Closed { code, reason } => Ok(net::Incoming::Closed(net::Close { code, reason })),
            NetReply::Opened { .. } | NetReply::Done => Err(other_family()),
        }
    }

    fn close(&mut self, socket: Resource<WebSocket>, code: u16, reason: String) -> Result<(), Error> {
        let handle = self.web_socket(&socket).handle;
        self.net(NetRequest::Close { handle, code, reason }).map(drop)
    }

    fn drop(&mut self, socket: Resource<WebSocket>) -> wasmtime::Result<()> {
        let WebSocket { handle, .. } = self.table.delete(socket)?;
        self.close_connection(handle);
        Ok(())
    }
}

impl net::HostConnection for Guest {
    fn connect(&mut self, host: String, port: u16, tls: bool) -> Result<Resource<Connection>, Error> {
        let scheme = if tls { "tls" } else { "tcp" };
        let url = if host.contains(':') && !host.starts_with('[') {
            format!("{scheme}://[{host}]:{port}")
        } else {
            format!("{scheme}://{host}:{port}")
        };
        let (handle, _) = self.open(ConnectRequest { url, headers: Vec::new(), protocols: Vec::new() })?;
        self.table.push(Connection { handle }).map_err(table_full)
    }

    fn write(&mut self, connection: Resource<Connection>, bytes: Vec<u8>) -> Result<(), Error> {
        let handle = self.connection(&connection);
        self.net(NetRequest::Send { handle, message: NetMessage::Binary(bytes) }).map(drop)
    }

    fn read(&mut self, connection: Resource<Connection>, max_bytes: u64, wait_ms: u64) -> Result<net::Chunk, Error> {
        let handle = self.connection(&connection);
        match self.net(NetRequest::Receive { handle, max_bytes, wait_ms })? {
            NetReply::Message(NetMessage::Binary(bytes)) => Ok(net::Chunk::Bytes(bytes)),
            NetReply::Nothing => Ok(net::Chunk::Nothing),
            NetReply::Closed { code: BROKEN, .. } => Err(Error::Unavailable("the connection broke".to_owned())),
            NetReply::Closed { .. } => Ok(net::Chunk::End),
            NetReply::Message(NetMessage::Text(_)) | NetReply::Opened { .. } | NetReply::Done => Err(other_family()),
        }
    }

    fn shutdown(&mut self, connection: Resource<Connection>) -> Result<(), Error> {
        let handle = self.connection(&connection);
        self.net(NetRequest::Shutdown { handle }).map(drop)
    }

    fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        let Connection { handle } = self.table.delete(connection)?;
        self.close_connection(handle);
        Ok(())
    }
}
