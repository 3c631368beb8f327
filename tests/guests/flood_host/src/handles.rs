//! Handles that are never given back.

use std::mem::forget;

use openclaw_sdk::JsonSchema;
use serde::Deserialize;
use wasip2::cli::{stdin, stdout};
use wasip2::http::types::{Fields, OutgoingRequest};
use wasip2::sockets::network::IpAddressFamily;
use wasip2::sockets::{instance_network, tcp_create_socket, udp_create_socket};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Fields,
    Requests,
    InputStreams,
    OutputStreams,
    Networks,
    TcpSockets,
    UdpSockets,
}

impl Kind {
    pub fn take(&self, count: usize) {
        for _ in 0..count {
            match self {
                Kind::Fields => forget(Fields::new()),
                Kind::Requests => forget(OutgoingRequest::new(Fields::new())),
                Kind::InputStreams => forget(stdin::get_stdin()),
                Kind::OutputStreams => forget(stdout::get_stdout()),
                Kind::Networks => forget(instance_network::instance_network()),
                Kind::TcpSockets => forget(tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4)),
                Kind::UdpSockets => forget(udp_create_socket::create_udp_socket(IpAddressFamily::Ipv4)),
            }
        }
    }
}
