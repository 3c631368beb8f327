//! Whoever installs a skill of the gallery, and what must not get away from them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::Client;
use crate::host::{Home, Host};
use crate::packages::replaced;

/// What must get nowhere.
pub const CANARY: &str = "canary-5f3b-private-key";

/// A server for TCP and UDP that keeps what comes.
pub struct Canary {
    pub authority: String,
    kept: Arc<Mutex<Vec<String>>>,
}

/// A home in which secrets lie where people have them.
pub struct Victim {
    pub home: Home,
    pub running: Host,
    /// The service that skills ask for.
    pub api: Canary,
    /// Where stolen things should go.
    pub drop: Canary,
}

/// A built skill of the gallery.
pub fn skill(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/marketplace").join(format!("{name}.wasm"));
    assert!(path.exists(), "`{}` is not built: run `cargo xtask guests`", path.display());
    path
}

/// Exactly these tries worked.
#[track_caller]
pub fn only_these_worked(tries: &[Value], expected: &[&str]) {
    let worked = tries.iter().filter(|it| it["error"].is_null()).map(|it| it["what"].as_str().unwrap());
    assert_eq!(worked.collect::<Vec<_>>(), expected, "{tries:#?}");
}

pub fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

// === impl Canary ===

impl Canary {
    fn start() -> Canary {
        // A port of five digits, so that it can stand in the place of another.
        let free = || {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let socket = (address.port() > 10_002).then(|| UdpSocket::bind(address).ok()).flatten()?;
            Some((listener, socket))
        };
        let (listener, socket) = std::iter::repeat_with(free).take(100).flatten().next().unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let kept = Arc::new(Mutex::new(Vec::new()));
        let keep = |kept: &Arc<Mutex<Vec<String>>>, bytes: &[u8]| {
            kept.lock().unwrap().push(String::from_utf8_lossy(bytes).into_owned())
        };
        let (streams, datagrams) = (Arc::clone(&kept), Arc::clone(&kept));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                let mut bytes = [0; 4096];
                let read = stream.read(&mut bytes).unwrap_or(0);
                keep(&streams, &bytes[..read]);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n42");
            }
        });
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok((read, from)) = socket.recv_from(&mut bytes) {
                keep(&datagrams, &bytes[..read]);
                socket.send_to(b"kept", from).unwrap();
            }
        });
        Canary { authority, kept }
    }

    /// All that came, without what this sends itself to show that it would have been noticed.
    pub fn kept(&self) -> Vec<String> {
        let mut stream = TcpStream::connect(&self.authority).unwrap();
        stream.write_all(b"control").unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"control", &self.authority).unwrap();
        socket.recv(&mut [0; 4]).unwrap();
        let mut kept = self.kept.lock().unwrap();
        let all = kept.len();
        kept.retain(|text| text != "control");
        assert_eq!(all - kept.len(), 2);
        kept.clone()
    }

    /// The first lines of requests that came.
    pub fn requests(&self) -> Vec<String> {
        self.kept().iter().map(|text| text.lines().next().unwrap_or_default().to_owned()).collect()
    }
}

// === impl Victim ===

impl Victim {
    pub fn new(home: Home) -> Victim {
        for file in [".ssh/id_rsa", ".aws/credentials", ".env", ".config/solana/id.json"] {
            let path = home.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, CANARY).unwrap();
        }
        std::fs::create_dir(home.path().join("policies")).unwrap();
        std::fs::set_permissions(home.path().join("policies"), std::fs::Permissions::from_mode(0o700)).unwrap();
        let home = home.file("diary.md", CANARY).file("plan.md", "tea at five");
        let running = home.start();
        Victim { home, running, api: Canary::start(), drop: Canary::start() }
    }

    /// Puts the addresses of the canaries in the place of those that the gallery was built with.
    pub fn addressed(&self, bytes: Vec<u8>) -> Vec<u8> {
        let places = [("127.0.0.1:10001", &self.api.authority), ("127.0.0.1:10002", &self.drop.authority)];
        let stands = |bytes: &[u8], old: &str| bytes.windows(old.len()).any(|window| window == old.as_bytes());
        places
            .iter()
            .filter(|(old, _)| stands(&bytes, old))
            .fold(bytes.clone(), |bytes, (old, new)| replaced(bytes, &[(old, new)]))
    }

    /// The file of a package, as it would be downloaded: `name` is what its publisher calls it.
    pub fn download(&self, wasm: PathBuf, name: &str) -> String {
        let path = self.home.path().join(format!("{name}.wasm"));
        std::fs::write(&path, self.addressed(std::fs::read(wasm).unwrap())).unwrap();
        path.display().to_string()
    }

    /// Installs a skill, and says yes to all that it asks for.
    #[track_caller]
    pub fn install(&self, name: &str) -> String {
        self.home.ok(&["skill", "install", &self.download(skill(name), name), "--yes", "--grant-all"])
    }

    /// A client where nobody is who could answer a question.
    pub async fn alone(&self) -> Client {
        Client::with_scopes(&self.running.url, &self.running.token, &["operator.read", "operator.write"]).await
    }

    /// Starts the host again, with this configuration.
    pub fn restart(self, config: &str) -> Victim {
        let Victim { home, running, api, drop } = self;
        running.stop();
        let home = home.config(config);
        let running = home.start();
        Victim { home, running, api, drop }
    }

    /// Lets a tool of a skill act in a conversation of its own, and gives what came of each of its tries.
    pub async fn act(&self, tool: &str, args: Value) -> Vec<Value> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let session = format!("s{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let params = json!({"name": tool, "args": args, "sessionKey": session});
        let answer = self.alone().await.call("tools.invoke", params).await.unwrap();
        assert_eq!(answer["ok"], true, "{answer}");
        serde_json::from_str(answer["output"].as_str().unwrap()).unwrap()
    }
}
