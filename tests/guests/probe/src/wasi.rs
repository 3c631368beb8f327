//! The interfaces of WASI that std does not lead to.

mod upload;

use openclaw_sdk::JsonSchema;
use openclaw_sdk::serde_json::{Value, json};
use serde::Deserialize;
use wasip2::cli::{stdin, terminal_stderr, terminal_stdin, terminal_stdout};
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, FutureIncomingResponse, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::random::{insecure, insecure_seed, random};
use wasip2::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::{instance_network, ip_name_lookup, tcp_create_socket, udp_create_socket};

use crate::outcome::{Failure, Outcome};

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// What standard input gives.
    Stdin,
    /// Whether any of the three standard streams is a terminal.
    Terminals,
    /// The resolutions of both clocks in nanoseconds.
    Resolutions,
    /// How many bytes each source of random numbers gives when asked for this many.
    RandomBytes {
        bytes: u64,
    },
    /// Binds a TCP socket to a port of 127.0.0.1.
    TcpBind {
        port: u16,
    },
    TcpConnect {
        port: u16,
    },
    TcpListen,
    UdpBind {
        port: u16,
    },
    /// A UDP socket with this peer.
    UdpStream {
        port: u16,
    },
    Resolve {
        name: String,
    },
    /// A request without body to `http://AUTHORITY/`.
    HttpHandle {
        authority: String,
    },
    /// Requests without body to `http://AUTHORITY/N`, all begun before the first one is waited for.
    HttpTogether {
        authority: String,
        times: u32,
    },
    HttpUpload(upload::Upload),
}

impl Op {
    pub fn run(self) -> Outcome {
        match self {
            Op::Stdin => match stdin::get_stdin().blocking_read(1024) {
                Ok(bytes) => Ok(json!(bytes.len())),
                Err(err) => Ok(json!(err.to_string())),
            },
            Op::Terminals => Ok(json!(
                terminal_stdin::get_terminal_stdin().is_some()
                    || terminal_stdout::get_terminal_stdout().is_some()
                    || terminal_stderr::get_terminal_stderr().is_some()
            )),
            Op::Resolutions => {
                let wall = wall_clock::resolution();
                Ok(json!([monotonic_clock::resolution(), wall.seconds * 1_000_000_000 + u64::from(wall.nanoseconds)]))
            }
            Op::RandomBytes { bytes } => Ok(json!({
                "secure": random::get_random_bytes(bytes).len(),
                "insecure": insecure::get_insecure_random_bytes(bytes).len(),
                "words": [random::get_random_u64() != 0, insecure::get_insecure_random_u64() != 0],
                "seed": insecure_seed::insecure_seed() != (0, 0),
            })),
            Op::TcpBind { port } => {
                let socket = tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4)?;
                socket.start_bind(&instance_network::instance_network(), local(port))?;
                Ok(json!(socket.finish_bind()?))
            }
            Op::TcpConnect { port } => {
                let socket = tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4)?;
                socket.start_connect(&instance_network::instance_network(), local(port))?;
                socket.subscribe().block();
                socket.finish_connect()?;
                Ok(Value::Null)
            }
            Op::TcpListen => {
                let socket = tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4)?;
                socket.start_listen()?;
                Ok(json!(socket.finish_listen()?))
            }
            Op::UdpBind { port } => {
                let socket = udp_create_socket::create_udp_socket(IpAddressFamily::Ipv4)?;
                socket.start_bind(&instance_network::instance_network(), local(port))?;
                Ok(json!(socket.finish_bind()?))
            }
            Op::UdpStream { port } => {
                let socket = udp_create_socket::create_udp_socket(IpAddressFamily::Ipv4)?;
                socket.stream(Some(local(port)))?;
                Ok(Value::Null)
            }
            Op::Resolve { name } => resolve(&name),
            Op::HttpHandle { authority } => answered(&begun(&authority, "/")?),
            Op::HttpTogether { authority, times } => {
                let begun = (0..times).map(|number| begun(&authority, &format!("/{number}")));
                let begun = begun.collect::<Result<Vec<_>, _>>()?;
                begun.iter().map(answered).collect::<Result<Vec<_>, _>>().map(Value::from)
            }
            Op::HttpUpload(upload) => upload.run(),
        }
    }
}

fn local(port: u16) -> IpSocketAddress {
    IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (127, 0, 0, 1) })
}

fn resolve(name: &str) -> Outcome {
    let addresses = ip_name_lookup::resolve_addresses(&instance_network::instance_network(), name)?;
    addresses.subscribe().block();
    Ok(json!(addresses.resolve_next_address()?.is_some()))
}

fn begun(authority: &str, path: &str) -> Result<FutureIncomingResponse, Failure> {
    let request = OutgoingRequest::new(Fields::new());
    let refused = |()| Failure::of_probe("the request is malformed");
    request.set_scheme(Some(&Scheme::Http)).map_err(refused)?;
    request.set_authority(Some(authority)).map_err(refused)?;
    request.set_path_with_query(Some(path)).map_err(refused)?;
    let body = request.body().map_err(refused)?;
    let answer = outgoing_handler::handle(request, None).map_err(|code| http(&code))?;
    OutgoingBody::finish(body, None).map_err(|code| http(&code))?;
    Ok(answer)
}

fn answered(answer: &FutureIncomingResponse) -> Outcome {
    answer.subscribe().block();
    match answer.get() {
        Some(Ok(Ok(response))) => Ok(json!(response.status())),
        Some(Ok(Err(code))) => Err(http(&code)),
        Some(Err(())) | None => Err(Failure::of_probe("the answer is not there")),
    }
}

fn http(code: &wasip2::http::types::ErrorCode) -> Failure {
    Failure::of_interface("http", format!("{code:?}"))
}

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Self {
        Failure::of_interface(code.name(), code.message().to_owned())
    }
}
