//! The host's side of the compiler: one confined process at a time.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::admission::{self, Refusal};
use crate::engine::{COMPILED, COMPILED_BYTES, Compiled, PLAIN, PLAIN_BYTES, REFUSED};
use crate::plain::Plain;

/// Compiling the largest interpreter takes 20 s on two slow cores.
const WITHIN: Duration = Duration::from_secs(300);

/// Compiles components in a process of their own.
pub(crate) struct Compiler {
    program: PathBuf,
    /// One at a time: a compiler uses all cores that it gets, and up to 2 GiB.
    turn: Semaphore,
    stop: CancellationToken,
}

/// Why there is no compiled code.
pub(crate) enum CompileError {
    /// The component is not one to be compiled.
    Refused(Refusal),
    /// The process could not be started or talked to.
    Process(io::Error),
    /// The host stops.
    Stopping,
}

impl Compiler {
    pub(crate) fn new(program: &Path) -> Self {
        Compiler { program: program.to_owned(), turn: Semaphore::new(1), stop: CancellationToken::new() }
    }

    /// Checks and compiles. Dropping the future ends the process.
    pub(crate) async fn compile(&self, wasm: &[u8]) -> Result<Compiled, CompileError> {
        admission::check_size(wasm).map_err(CompileError::Refused)?;
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(CompileError::Stopping),
            compiled = self.in_turn(wasm) => compiled,
        }
    }

    /// Ends the running compilation and refuses further ones.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    async fn in_turn(&self, wasm: &[u8]) -> Result<Compiled, CompileError> {
        let _turn = self.turn.acquire().await.expect("compile: the semaphore is never closed");
        let run = tokio::time::timeout(WITHIN, self.run(wasm)).await;
        let out = run.map_err(|_| CompileError::Refused(Refusal::Exhausted))?.map_err(CompileError::Process)?;
        match out.split_first() {
            Some((&COMPILED, code)) if code.len() <= COMPILED_BYTES => {
                Ok(Compiled { code: code.to_vec(), plain: None })
            }
            Some((&PLAIN, rest)) => plain(rest).ok_or_else(|| {
                CompileError::Refused(Refusal::Invalid("the compiler says strange things of its types".to_owned()))
            }),
            Some((&REFUSED, refusal)) => {
                let unreadable = |_| Refusal::Invalid("the compiler does not say why".to_owned());
                Err(CompileError::Refused(serde_json::from_slice(refusal).unwrap_or_else(unreadable)))
            }
            // It reached a limit of its process and was ended.
            _ => Err(CompileError::Refused(Refusal::Exhausted)),
        }
    }

    async fn run(&self, wasm: &[u8]) -> io::Result<Vec<u8>> {
        let mut child = Command::new(&self.program)
            .arg("compile")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let mut stdin = child.stdin.take().expect("compile: stdin is piped");
        let stdout = child.stdout.take().expect("compile: stdout is piped");
        // One that ends early has an answer, or its silence is one.
        let _ = stdin.write_all(wasm).await;
        drop(stdin);
        let mut out = Vec::new();
        stdout.take((COMPILED_BYTES + PLAIN_BYTES) as u64 + 8).read_to_end(&mut out).await?;
        Ok(out)
    }
}

/// A plain component, from a process that a stranger's bytes may have taken over.
fn plain(bytes: &[u8]) -> Option<Compiled> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (json, code) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let plain: Plain = serde_json::from_slice(json).ok()?;
    let fits = json.len() <= PLAIN_BYTES && code.len() <= COMPILED_BYTES && plain.is_sound();
    fits.then(|| Compiled { code: code.to_vec(), plain: Some(plain) })
}
