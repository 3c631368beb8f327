//! The port: binds it, takes connections, and lets them finish when the host stops. A host for one client of its own
//! process has none.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use claw_core::event::HostEvent;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::attempts::Attempts;
use crate::call::Command;
use crate::config::{Auth, GatewayConfig};
use crate::fanout::{self, Approvers, Audience};
use crate::http;
use crate::link::HostLink;
use crate::rebinding::{self, BrowserOrigin};
use crate::slots::{Slot, Slots};
use crate::socket;

/// Why the gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Another program has the port.
    #[error("port {} of {} is taken; stop the other program or choose another port", addr.port(), addr.ip())]
    PortTaken {
        /// What was asked for.
        addr: SocketAddr,
    },
    /// Everybody on the network could use the assistant.
    #[error("refusing to listen on {addr} without a token; set a gateway token or bind to 127.0.0.1")]
    ExposedWithoutAuth {
        /// What was asked for.
        addr: SocketAddr,
    },
    /// A token that everybody knows.
    #[error("the gateway token is empty; set one, e.g. 32 random hex digits")]
    EmptyToken,
    /// The system refuses the address.
    #[error("cannot listen on {addr}; choose an address of this machine and a port above 1023")]
    Bind {
        /// What was asked for.
        addr: SocketAddr,
        /// What the system said.
        #[source]
        err: io::Error,
    },
}

/// A bound port, or the connection of an only client, that serves nobody yet.
#[derive(Debug)]
pub struct Gateway {
    entrance: Entrance,
    config: GatewayConfig,
    audience: Arc<Audience>,
}

/// Where clients come from.
#[derive(Debug)]
enum Entrance {
    Port(TcpListener, SocketAddr),
    /// The other end of the only client's connection. Nobody else can find it.
    Only(UnixStream),
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: GatewayConfig,
    pub(crate) link: HostLink,
    pub(crate) audience: Arc<Audience>,
    pub(crate) attempts: Mutex<Attempts>,
    pub(crate) started: Instant,
    pub(crate) shutdown: CancellationToken,
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) origin: BrowserOrigin,
}

/// A request that has become a WebSocket, for its connection's task to pick up.
pub(crate) type Upgraded = Mutex<Option<(OnUpgrade, Peer)>>;

impl Gateway {
    /// Binds the port.
    ///
    /// # Errors
    /// [`GatewayError`] says what to change.
    pub async fn bind(config: GatewayConfig) -> Result<Gateway, GatewayError> {
        let addr = config.bind;
        match &config.auth {
            Auth::None if !addr.ip().to_canonical().is_loopback() => {
                return Err(GatewayError::ExposedWithoutAuth { addr });
            }
            Auth::Token(secret) if secret.is_blank() => return Err(GatewayError::EmptyToken),
            Auth::None | Auth::Token(_) => {}
        }
        let refused = |err: io::Error| match err.kind() {
            io::ErrorKind::AddrInUse => GatewayError::PortTaken { addr },
            _ => GatewayError::Bind { addr, err },
        };
        let listener = TcpListener::bind(addr).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Gateway { entrance: Entrance::Port(listener, address), config, audience: Arc::default() })
    }

    /// Serves the client at the other end of `connection` and nobody else; no socket listens. That client counts as a
    /// program of this machine.
    pub fn for_one(connection: UnixStream, config: GatewayConfig) -> Gateway {
        Gateway { entrance: Entrance::Only(connection), config, audience: Arc::default() }
    }

    /// Tells whether anybody is connected who may answer approvals.
    pub fn approvers(&self) -> Approvers {
        Approvers(Arc::clone(&self.audience))
    }

    /// The bound address, with the port that was really taken; none if no socket listens.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.entrance {
            Entrance::Port(_, address) => Some(*address),
            Entrance::Only(_) => None,
        }
    }

    /// Serves until `shutdown` is cancelled, or an only client has left, then says goodbye and waits at most `limits.drain` for connections.
    ///
    /// Calls go to `commands`; a full queue is waited for five seconds, then the call is refused as retryable.
    /// `events` needs a capacity of at least some hundred: who falls behind fetches again.
    pub async fn serve(
        self,
        commands: mpsc::Sender<Command>,
        events: broadcast::Sender<HostEvent>,
        shutdown: CancellationToken,
    ) {
        let Gateway { entrance, config, audience } = self;
        let (drain, slots) =
            (config.limits.drain, Slots::new(config.limits.connections, config.limits.connections_per_address));
        let heard = events.subscribe();
        let shared = Arc::new(Shared {
            config,
            link: HostLink::new(commands, events),
            audience: Arc::clone(&audience),
            attempts: Mutex::default(),
            started: Instant::now(),
            shutdown: shutdown.clone(),
        });
        let (mut fanout, mut tasks) = (JoinSet::new(), JoinSet::new());
        fanout.spawn(fanout::run(Arc::clone(&audience), heard));
        let listener = match entrance {
            Entrance::Port(listener, address) => {
                info!(%address, "gateway listens");
                Some(listener)
            }
            Entrance::Only(stream) => {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                let slot = slots.take(address.ip()).expect("listener: the first connection has a place");
                tasks.spawn(connection(Arc::clone(&shared), stream, address, slot));
                None
            }
        };
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = next(listener.as_ref()) => accept(accepted, &shared, &slots, &mut tasks).await,
                Some(ended) = tasks.join_next() => {
                    note(ended);
                    if listener.is_none() {
                        break;
                    }
                }
                Some(ended) = fanout.join_next() => {
                    note(ended);
                    error!("the event task ended; the gateway stops");
                    break;
                }
            }
        }
        drop(listener);
        shutdown.cancel();
        audience.dismiss();
        let all_left = async { while tasks.join_next().await.is_some() {} };
        if timeout(drain, all_left).await.is_err() {
            warn!(connections = tasks.len(), "connections were cut off");
        }
        tasks.shutdown().await;
        fanout.shutdown().await;
        info!("gateway stopped");
    }
}

fn note(ended: Result<(), tokio::task::JoinError>) {
    if let Err(err) = ended
        && err.is_panic()
    {
        error!(error = %err, "a connection's task panicked");
    }
}

/// The next connection; never, if no socket listens.
async fn next(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

async fn accept(
    accepted: io::Result<(TcpStream, SocketAddr)>,
    shared: &Arc<Shared>,
    slots: &Arc<Slots>,
    tasks: &mut JoinSet<()>,
) {
    match accepted {
        Ok((stream, address)) => match slots.take(address.ip()) {
            Some(slot) => {
                // Small frames must not wait for each other.
                if let Err(err) = stream.set_nodelay(true) {
                    debug!(%address, error = %err, "cannot set TCP_NODELAY");
                }
                tasks.spawn(connection(Arc::clone(shared), stream, address, slot));
            }
            None => warn!(%address, "no place left for a connection"),
        },
        Err(err) => {
            // Usually out of file descriptors: trying again at once would only spin.
            warn!(error = %err, "cannot accept a connection");
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// One connection: HTTP requests, and a WebSocket if one of them asks for it.
async fn connection<S>(shared: Arc<Shared>, stream: S, address: SocketAddr, _slot: Slot)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let upgraded: Arc<Upgraded> = Arc::default();
    let service = service_fn(|request| {
        let (shared, upgraded) = (Arc::clone(&shared), Arc::clone(&upgraded));
        async move { http::answer(shared, address, request, &upgraded).await }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.config.limits.handshake)
        .max_headers(100)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = shared.shutdown.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(err) = ended {
        debug!(%address, error = %err, "connection ended");
    }
    let upgrade = upgraded.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((upgrade, peer)) = upgrade
        && let Ok(stream) = upgrade.await
    {
        socket::run(&shared, &peer, TokioIo::new(stream)).await;
    }
}

impl Peer {
    /// Whether it is a program on this machine.
    pub(crate) fn is_local(&self) -> bool {
        rebinding::is_local(self.address)
    }
}

impl Shared {
    /// Counts a wrong secret. Says how long to wait before answering.
    pub(crate) fn wrong_secret(&self, address: IpAddr) -> Duration {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).failed(address, Instant::now())
    }
}
