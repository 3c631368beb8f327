//! Sockets and names, through std.

use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

use openclaw_sdk::JsonSchema;
use openclaw_sdk::serde_json::json;
use serde::Deserialize;

use crate::outcome::Outcome;

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// `address` is `ip:port`, or `name:port` for a lookup as well.
    TcpConnect {
        address: String,
    },
    TcpListen {
        address: String,
    },
    /// Binds `from` and sends one datagram to `to`.
    UdpSend {
        from: String,
        to: String,
    },
    Lookup {
        name: String,
    },
}

impl Op {
    pub fn run(self) -> Outcome {
        match self {
            Op::TcpConnect { address } => Ok(json!(TcpStream::connect(address)?.peer_addr()?.to_string())),
            Op::TcpListen { address } => Ok(json!(TcpListener::bind(address)?.local_addr()?.to_string())),
            Op::UdpSend { from, to } => Ok(json!(UdpSocket::bind(from)?.send_to(b"probe", to)?)),
            Op::Lookup { name } => {
                let addresses = (name.as_str(), 80).to_socket_addrs()?;
                Ok(json!(addresses.map(|address| address.ip().to_string()).collect::<Vec<_>>()))
            }
        }
    }
}
