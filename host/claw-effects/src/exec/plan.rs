//! From a guest's words to the one program that would run.

use std::fs::File;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use claw_core::effect::{Background, EffectError, ExecPlan, ExecRequest, Terminal};
use claw_core::guard::Guard;
use claw_core::id::Digest;
use sha2::{Digest as _, Sha256};

/// Where bare names are looked up, in this order. The host's own `PATH` plays no part: it may name folders that a
/// guest can write to.
pub(super) const PROGRAM_FOLDERS: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];

/// Elements of argv.
const MAX_ARGS: usize = 1024;
/// Bytes of argv together, and of one element: the kernel refuses a longer one.
const MAX_ARG_BYTES: usize = 128 * 1024 - 1;
/// Added variables.
const MAX_VARIABLES: usize = 64;
/// Bytes of the added variables together.
const MAX_VARIABLE_BYTES: usize = 16 * 1024;

/// Milliseconds that a program may go on in the background: 1 second up to 24 hours.
const TTL_MS: (u64, u64) = (1_000, 86_400_000);
/// Columns and rows of a terminal.
const TERMINAL_CELLS: (u16, u16) = (1, 1_000);

/// Variables that a guest may set. An allow-list: what makes a program load or run something else (`LD_*`,
/// `GIT_SSH_COMMAND`, `PAGER`, …) has too many names to forbid.
const VARIABLES: [&str; 17] = [
    "LANG",
    "LANGUAGE",
    "TZ",
    "CI",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
    "COLUMNS",
    "LINES",
    "RUST_BACKTRACE",
    "SOURCE_DATE_EPOCH",
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_AUTHOR_DATE",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
    "GIT_COMMITTER_DATE",
];

/// The most that a guest can get, whatever it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecLimits {
    /// Wall time of one program. A request is clamped to 1 ms up to this.
    pub max_timeout: Duration,
    /// Bytes kept of each of stdout and stderr. A request is clamped to this.
    pub max_output_bytes: u64,
    /// Bytes of standard input. A longer one is refused.
    pub max_stdin_bytes: usize,
}

impl Default for ExecLimits {
    /// The values that `openclaw:exec` promises.
    fn default() -> Self {
        ExecLimits {
            max_timeout: Duration::from_secs(30 * 60),
            max_output_bytes: 1024 * 1024,
            max_stdin_bytes: 1024 * 1024,
        }
    }
}

/// Turns a guest's request into the canonical form that policy decides on: the program found and digested, the
/// directory resolved inside `workspace`, every number clamped. With `background`, a program that goes on after its call.
///
/// Reads the program to digest it: call it where blocking is allowed.
/// # Errors
/// [`EffectError::Denied`] with `E_EXEC_ARG` (argv or stdin), `E_EXEC_ENV` (a variable that guests may not set),
/// `E_EXEC_CWD` (not a directory inside the workspace) or `E_EXEC_DENIED` (no such program).
pub fn plan_exec(
    request: &ExecRequest,
    background: Option<Background>,
    workspace: &Path,
    limits: &ExecLimits,
) -> Result<ExecPlan, EffectError> {
    check_arguments(request, limits)?;
    let env = check_variables(&request.env)?;
    let workspace = canonical_workspace(workspace)?;
    let cwd = find_cwd(&workspace, &request.cwd)?;
    let program = find_program(&request.argv[0])?;
    let program_digest = digest_file(&program)?;
    let max_timeout_ms = u64::try_from(limits.max_timeout.as_millis()).unwrap_or(u64::MAX).max(1);
    Ok(ExecPlan {
        program,
        program_digest,
        argv: request.argv.clone(),
        cwd,
        workspace,
        reads: None,
        env,
        stdin: request.stdin.clone(),
        timeout_ms: request.timeout_ms.clamp(1, max_timeout_ms),
        max_output_bytes: request.max_output_bytes.min(limits.max_output_bytes),
        background: background.map(clamp),
    })
}

fn clamp(background: Background) -> Background {
    let cells = |wanted: u16| wanted.clamp(TERMINAL_CELLS.0, TERMINAL_CELLS.1);
    let terminal = background.terminal;
    Background {
        ttl_ms: background.ttl_ms.clamp(TTL_MS.0, TTL_MS.1),
        terminal: terminal.map(|Terminal { columns, rows }| Terminal { columns: cells(columns), rows: cells(rows) }),
    }
}

fn check_arguments(request: &ExecRequest, limits: &ExecLimits) -> Result<(), EffectError> {
    let refuse = |reason: String| Err(EffectError::denied("E_EXEC_ARG", reason));
    let argv = &request.argv;
    if argv.first().is_none_or(String::is_empty) {
        return refuse(
            "argv is empty: pass the program and each argument as one element, e.g. [\"git\", \"log\"]".into(),
        );
    }
    let is_line = |name: &str| name.split_whitespace().count() > 1 && !name.contains('/');
    if let [line] = &argv[..]
        && is_line(line)
    {
        let shown = shown(line);
        return refuse(format!(
            "there is no shell that takes `{shown}` apart: pass the program and each argument as one element, e.g. \
             [\"git\", \"log\"]"
        ));
    }
    if argv.len() > MAX_ARGS {
        return refuse(format!("argv has {} elements, at most {MAX_ARGS} are possible", argv.len()));
    }
    if let Some(index) = argv.iter().position(|arg| arg.contains('\0')) {
        return refuse(format!("element {index} of argv contains a NUL byte"));
    }
    let bytes: usize = argv.iter().map(|arg| arg.len() + 1).sum();
    if bytes > MAX_ARG_BYTES {
        return refuse(format!("argv has {bytes} bytes, at most {MAX_ARG_BYTES} are possible: use standard input"));
    }
    let (stdin, most) = (request.stdin.len(), limits.max_stdin_bytes);
    if stdin > most {
        return refuse(format!("standard input has {stdin} bytes, at most {most} are possible: use a file"));
    }
    Ok(())
}

fn check_variables(env: &[(String, String)]) -> Result<Vec<(String, String)>, EffectError> {
    let refuse = |reason: String| Err(EffectError::denied("E_EXEC_ENV", reason));
    if env.len() > MAX_VARIABLES {
        return refuse(format!("{} variables are set, at most {MAX_VARIABLES} are possible", env.len()));
    }
    let bytes: usize = env.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_VARIABLE_BYTES {
        return refuse(format!("the variables have {bytes} bytes, at most {MAX_VARIABLE_BYTES} are possible"));
    }
    for (name, value) in env {
        if !is_allowed_variable(name) && Guard::ExecVariables.is_up() {
            let shown = shown(name);
            return refuse(format!("variable `{shown}` cannot be set by a component: pass an argument instead"));
        }
        if value.contains('\0') {
            return refuse(format!("the value of `{name}` contains a NUL byte"));
        }
    }
    let mut sorted = env.to_vec();
    sorted.sort();
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return refuse(format!("variable `{}` is set twice", twice[0].0));
    }
    Ok(sorted)
}

fn is_allowed_variable(name: &str) -> bool {
    let is_locale = name
        .strip_prefix("LC_")
        .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
    is_locale || VARIABLES.contains(&name)
}

fn canonical_workspace(workspace: &Path) -> Result<PathBuf, EffectError> {
    let unusable = |reason: String| EffectError::Unavailable(format!("the workspace cannot be used: {reason}"));
    let workspace = workspace.canonicalize().map_err(|err| unusable(err.to_string()))?;
    if workspace.to_str().is_none() {
        return Err(unusable("its path is not UTF-8".into()));
    }
    Ok(workspace)
}

/// Resolves `cwd` below `workspace`. A link on the way is refused even if it leads back inside: the directory that
/// is shown must be the one that is meant.
fn find_cwd(workspace: &Path, cwd: &str) -> Result<PathBuf, EffectError> {
    let refuse = |reason: &str| {
        let shown = shown(cwd);
        EffectError::denied("E_EXEC_CWD", format!("directory `{shown}` {reason}: name one relative to the workspace"))
    };
    if cwd.contains('\0') {
        return Err(refuse("contains a NUL byte"));
    }
    let mut path = workspace.to_owned();
    for component in Path::new(cwd).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(refuse("leads out of the workspace"));
            }
        }
    }
    let canonical = path.canonicalize().map_err(|_| refuse("does not exist"))?;
    if canonical != path {
        return Err(refuse("is reached through a link"));
    }
    if !canonical.is_dir() {
        return Err(refuse("is not a directory"));
    }
    Ok(canonical)
}

/// Whether a program of this name is where programs are looked for.
pub fn has_program(name: &str) -> bool {
    !name.contains('/') && find_program(name).is_ok()
}

/// Finds the file that `name` means: a bare name in [`PROGRAM_FOLDERS`], anything with `/` as the absolute path it is.
fn find_program(name: &str) -> Result<PathBuf, EffectError> {
    let refuse = |reason: &str| EffectError::denied("E_EXEC_DENIED", format!("program `{}` {reason}", shown(name)));
    let found = if name.contains('/') {
        if !is_plain_absolute(name) {
            return Err(refuse("must be a bare name or an absolute path without `.`, `..` and `//`"));
        }
        PathBuf::from(name)
    } else {
        // Letters of other scripts and spaces only serve to look like another program.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+-@[".contains(c);
        if !name.chars().all(is_plain) || name == "." || name == ".." {
            return Err(refuse("is not a plain program name"));
        }
        let mut candidates = PROGRAM_FOLDERS.iter().map(|folder| Path::new(folder).join(name));
        candidates
            .find(|path| is_program(path))
            .ok_or_else(|| refuse(&format!("was not found in {}", PROGRAM_FOLDERS.join(", "))))?
    };
    let canonical = found.canonicalize().map_err(|_| refuse("does not exist"))?;
    if canonical.to_str().is_none() || !is_program(&canonical) {
        return Err(refuse("is not an executable file"));
    }
    Ok(canonical)
}

fn is_plain_absolute(path: &str) -> bool {
    path.starts_with('/') && path[1..].split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn digest_file(program: &Path) -> Result<Digest, EffectError> {
    File::open(program).and_then(|mut file| digest(&mut file)).map_err(|err| {
        let program = program.display();
        EffectError::denied("E_EXEC_DENIED", format!("program `{program}` cannot be read to check it: {err}"))
    })
}

/// The SHA-256 of all that is left in `file`.
pub(super) fn digest(file: &mut impl io::Read) -> io::Result<Digest> {
    let mut hasher = Sha256::new();
    io::copy(file, &mut hasher)?;
    Ok(Digest(hasher.finalize().into()))
}

/// Guest text as it may stand in a message: short and without control characters.
fn shown(text: &str) -> String {
    text.chars()
        .take(80)
        .flat_map(|c| if c.is_ascii_graphic() || c == ' ' { vec![c] } else { c.escape_default().collect() })
        .collect()
}

#[cfg(test)]
mod tests;
