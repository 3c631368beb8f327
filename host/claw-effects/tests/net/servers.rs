//! Who answers on the network: a resolver that follows a script, a public server, and canaries that count.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::network::{FORBIDDEN, PUBLIC};

/// The ports that canaries watch.
const PORTS: [u16; 4] = [22, 80, 443, 8443];
/// The DNS types of addresses.
const A: u16 = 1;
const AAAA: u16 = 28;

/// What a name leads to: one list for each lookup, the last again and again.
pub type Script<'a> = &'a [(&'a str, &'a [&'a [&'a str]])];

/// All servers. They end with the runtime.
pub struct Servers {
    pub resolver: Arc<Resolver>,
    /// Connections to forbidden addresses.
    caught: Arc<AtomicUsize>,
    /// Connections to the public server.
    served: Arc<AtomicUsize>,
}

/// Answers lookups and notes them.
pub struct Resolver {
    answers: HashMap<String, Vec<Vec<IpAddr>>>,
    asked: Mutex<Vec<(String, u16)>>,
}

impl Servers {
    /// Starts them all; the public server gives each connection to `answer`.
    pub async fn start<F, A>(script: Script<'_>, answer: A) -> Servers
    where
        F: Future<Output = ()> + Send + 'static,
        A: Fn(TcpStream) -> F + Clone + Send + 'static,
    {
        let resolver = Arc::new(Resolver::new(script));
        let socket = UdpSocket::bind("127.0.0.1:53").await.unwrap();
        tokio::spawn(Arc::clone(&resolver).run(socket));
        let (caught, served) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        for port in PORTS {
            for address in FORBIDDEN {
                listen((address, port).into(), &caught, |_| async {}).await;
            }
            listen((PUBLIC, port).into(), &served, answer.clone()).await;
        }
        Servers { resolver, caught, served }
    }

    /// The number of connections to forbidden addresses.
    pub fn caught(&self) -> usize {
        self.caught.load(Ordering::SeqCst)
    }

    /// The number of connections to the public server.
    pub fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }
}

async fn listen<F, A>(at: SocketAddr, count: &Arc<AtomicUsize>, answer: A)
where
    F: Future<Output = ()> + Send + 'static,
    A: Fn(TcpStream) -> F + Send + 'static,
{
    let listener = TcpListener::bind(at).await.unwrap();
    let count = Arc::clone(count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(answer(stream));
        }
    });
}

/// Answers every request on a connection with `text`.
pub fn always(text: &'static str) -> impl Fn(TcpStream) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> + Clone {
    move |mut stream| {
        Box::pin(async move {
            while read_head(&mut stream).await.is_some() {
                if stream.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
        })
    }
}

/// The head of a request; nothing once the connection is closed.
pub async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

impl Resolver {
    fn new(script: Script<'_>) -> Resolver {
        let parse = |lists: &[&[&str]]| {
            lists.iter().map(|list| list.iter().map(|address| address.parse().unwrap()).collect()).collect()
        };
        let answers = script.iter().map(|(name, lists)| ((*name).to_owned(), parse(lists))).collect();
        Resolver { answers, asked: Mutex::default() }
    }

    /// The names that were looked up, in order.
    pub fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(_, kind)| *kind == A).map(|(name, _)| name.clone()).collect()
    }

    async fn run(self: Arc<Self>, socket: UdpSocket) {
        let mut packet = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut packet).await {
            if let Some(answer) = self.answer(&packet[..length]) {
                socket.send_to(&answer, from).await.unwrap();
            }
        }
    }

    /// Answers a question of one name (RFC 1035, section 4).
    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let mut labels = Vec::new();
        let mut at = 12;
        while *question.get(at)? != 0 {
            let end = at + 1 + usize::from(question[at]);
            labels.push(String::from_utf8_lossy(question.get(at + 1..end)?).to_lowercase());
            at = end;
        }
        let kind = u16::from_be_bytes(question.get(at + 1..at + 3)?.try_into().ok()?);
        let found = self.look_up(&labels.join("."), kind);
        let count = u16::try_from(found.len()).ok()?;
        let mut answer = question[..2].to_vec();
        // An answer without errors, or "no such name".
        answer.extend_from_slice(&[0x81, if self.answers.contains_key(&labels.join(".")) { 0x80 } else { 0x83 }]);
        answer.extend([1, count, 0, 0].iter().flat_map(|number: &u16| number.to_be_bytes()));
        answer.extend_from_slice(question.get(12..at + 5)?);
        for address in found {
            let bytes = match address {
                IpAddr::V4(v4) => v4.octets().to_vec(),
                IpAddr::V6(v6) => v6.octets().to_vec(),
            };
            // The name of the question, of class Internet, for no time at all.
            answer.extend_from_slice(&[0xc0, 12]);
            answer.extend([kind, 1, 0, 0, bytes.len() as u16].iter().flat_map(|number| number.to_be_bytes()));
            answer.extend(bytes);
        }
        Some(answer)
    }

    fn look_up(&self, name: &str, kind: u16) -> Vec<IpAddr> {
        let mut asked = self.asked.lock().unwrap();
        let earlier = asked.iter().filter(|known| **known == (name.to_owned(), kind)).count();
        asked.push((name.to_owned(), kind));
        let Some(lists) = self.answers.get(name) else { return Vec::new() };
        let list = &lists[earlier.min(lists.len() - 1)];
        let fits = |address: &&IpAddr| (kind == A && address.is_ipv4()) || (kind == AAAA && address.is_ipv6());
        list.iter().filter(fits).copied().collect()
    }
}
