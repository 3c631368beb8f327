//! How a command ends: its code, and the lines that say why.

use std::io;

use claw_vault::VaultError;
use serde_json::json;

use super::output::Format;
use crate::client::ClientError;
use crate::home::HomeError;
use crate::legible;
use crate::logs::LogError;
use crate::provider_key::KeyError;
use crate::settings::SettingsError;
use crate::vault::OpenError;

/// What the caller of a command can tell apart. The numbers are those of `sysexits.h` where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Ok,
    /// Failed.
    Failed,
    /// Not understood.
    Usage,
    /// The configuration is not valid.
    Config,
    /// No host can be reached.
    Unreachable,
    /// Not now.
    Temporary,
    /// Refused by policy, by a person, or for lack of rights.
    Refused,
}

impl Exit {
    /// The code of the process.
    pub fn code(self) -> i32 {
        match self {
            Exit::Ok => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Config => 64,
            Exit::Unreachable => 69,
            Exit::Temporary => 75,
            Exit::Refused => 77,
        }
    }

    /// What a process means that ended with this code.
    pub fn of_code(code: i32) -> Exit {
        let all = [Exit::Ok, Exit::Usage, Exit::Config, Exit::Unreachable, Exit::Temporary, Exit::Refused];
        all.into_iter().find(|exit| exit.code() == code).unwrap_or(Exit::Failed)
    }

    /// The word that JSON errors carry.
    pub fn as_str(self) -> &'static str {
        match self {
            Exit::Ok => "ok",
            Exit::Failed => "failed",
            Exit::Usage => "usage",
            Exit::Config => "config",
            Exit::Unreachable => "unreachable",
            Exit::Temporary => "temporary",
            Exit::Refused => "refused",
        }
    }
}

/// Why a command did not do what it was told.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    error: anyhow::Error,
    hint: Option<String>,
}

impl Failure {
    /// A failure that ends with `exit`; the error says what failed, its sources say why.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Failure { exit, error: error.into(), hint: None }
    }

    /// A failure that is told in one line.
    pub fn message(exit: Exit, message: impl Into<String>) -> Self {
        Failure::new(exit, anyhow::Error::msg(message.into()))
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// How the process will end.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// What failed and why, for a log or a client.
    pub fn in_one_line(&self) -> String {
        format!("{:#}", self.error)
    }

    /// Prints the failure to standard error and gives the exit code.
    pub(super) fn report(&self, format: Format) -> i32 {
        // The reader of a pipe that closed it has all it wanted, as with `| head`.
        let closed = |err: &io::Error| err.kind() == io::ErrorKind::BrokenPipe;
        if self.error.chain().filter_map(|err| err.downcast_ref()).any(closed) {
            return Exit::Ok.code();
        }
        match format {
            Format::Text => eprint!("{}", self.to_text()),
            Format::Json => eprintln!("{}", self.to_json()),
        }
        self.exit.code()
    }

    pub(super) fn to_text(&self) -> String {
        let mut causes = self.error.chain().map(|err| legible::block(&err.to_string()).into_owned());
        let mut text = format!("error: {}\n", causes.next().unwrap_or_default());
        causes.for_each(|cause| text.push_str(&format!("  because: {cause}\n")));
        if let Some(hint) = &self.hint {
            text.push_str(&format!("hint: {}\n", legible::block(hint)));
        }
        text
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        let causes: Vec<String> = self.error.chain().skip(1).map(ToString::to_string).collect();
        json!({ "error": {
            "code": self.exit.as_str(),
            "exit": self.exit.code(),
            "message": self.error.to_string(),
            "causes": causes,
            "hint": self.hint,
        }})
    }
}

impl From<io::Error> for Failure {
    fn from(err: io::Error) -> Self {
        Failure::new(Exit::Failed, err)
    }
}

impl From<LogError> for Failure {
    fn from(err: LogError) -> Self {
        Failure::new(Exit::Failed, err)
    }
}

impl From<SettingsError> for Failure {
    fn from(err: SettingsError) -> Self {
        Failure::new(Exit::Config, err)
            .hint("`openclaw-host config schema` lists what can be set; docs/configuration.md explains it")
    }
}

impl From<HomeError> for Failure {
    fn from(err: HomeError) -> Self {
        let hint = err.hint();
        Failure::new(home_exit(&err), err).hint(hint)
    }
}

fn home_exit(err: &HomeError) -> Exit {
    match err {
        HomeError::Exposed { .. } => Exit::Refused,
        HomeError::Nowhere => Exit::Config,
        HomeError::ReadOnly { .. }
        | HomeError::Io { .. }
        | HomeError::WrongKind { .. }
        | HomeError::NoToken { .. }
        | HomeError::Random(_) => Exit::Failed,
    }
}

impl From<VaultError> for Failure {
    fn from(err: VaultError) -> Self {
        let (exit, hint) = (vault_exit(&err), err.hint());
        Failure::new(exit, err).hint(hint)
    }
}

impl From<OpenError> for Failure {
    fn from(err: OpenError) -> Self {
        let hint = err.hint();
        let exit = match &err {
            OpenError::Vault(err) => vault_exit(err),
            OpenError::Exposed { .. } => Exit::Refused,
            OpenError::File { .. } | OpenError::Unasked(_) | OpenError::Differ => Exit::Failed,
        };
        Failure::new(exit, err).hint(hint)
    }
}

impl From<KeyError> for Failure {
    fn from(err: KeyError) -> Self {
        let hint = err.hint();
        let exit = match &err {
            KeyError::Vault { err, .. } => vault_exit(err),
            KeyError::Run { .. } | KeyError::Unusable { .. } => Exit::Failed,
        };
        Failure::new(exit, err).hint(hint)
    }
}

fn vault_exit(err: &VaultError) -> Exit {
    match err {
        VaultError::Exposed { .. } => Exit::Refused,
        VaultError::OtherKey { .. } => Exit::Config,
        VaultError::Busy { .. } => Exit::Temporary,
        VaultError::Name => Exit::Usage,
        VaultError::Io { .. }
        | VaultError::NoKey { .. }
        | VaultError::BadKey { .. }
        | VaultError::Locked { .. }
        | VaultError::WeakPassphrase
        | VaultError::WrongKey { .. }
        | VaultError::Damaged { .. }
        | VaultError::Version { .. }
        | VaultError::Value { .. }
        | VaultError::TooMany { .. }
        | VaultError::Unknown { .. }
        | VaultError::Random(_) => Exit::Failed,
    }
}

impl From<ClientError> for Failure {
    fn from(err: ClientError) -> Self {
        const START: &str = "start it with `openclaw-host run`";
        match err {
            ClientError::Home(err) => err.into(),
            ClientError::NotRunning { .. } | ClientError::Gone { .. } => {
                Failure::new(Exit::Unreachable, err).hint(START)
            }
            ClientError::Unreachable { .. } => Failure::new(Exit::Unreachable, err).hint(START),
            ClientError::Failed { failure, method } => from_rpc(&method, failure),
            ClientError::Closed { .. } => {
                Failure::new(Exit::Unreachable, err).hint("see the log in the home's folder `logs` for what happened")
            }
            ClientError::Silent { .. } => {
                Failure::new(Exit::Temporary, err).hint("try again; `openclaw-host doctor` looks for causes")
            }
            ClientError::Garbage { .. } => Failure::new(Exit::Failed, err)
                .hint("another program may listen there; `openclaw-host doctor` looks for causes"),
        }
    }
}

fn from_rpc(method: &str, failure: crate::client::RpcFailure) -> Failure {
    let (exit, hint) = match () {
        () if failure.is_refusal() && method == "connect" => (
            Exit::Refused,
            Some("the host was started with another token; restart it, or name its home with `--home DIR`"),
        ),
        () if failure.is_refusal() => (Exit::Refused, None),
        () if failure.is_temporary() => (Exit::Temporary, Some("try again in a moment")),
        () => (Exit::Failed, None),
    };
    let failed = Failure::new(exit, ClientError::Failed { method: method.to_owned(), failure });
    match hint {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}
