//! What a wish would become on a machine that nobody looked at: programs stand in `/usr/bin`, the workspace is
//! `/workspace`.

use std::path::{Component, Path, PathBuf};

use claw_core::address;
use claw_core::effect::{Background, ConnectPlan, ExecPlan, ExecRequest, HttpPlan, Target};
use claw_core::id::Digest;

use super::{Asked, Wish, WishError, wrong};
use crate::action::Action;
use crate::grant::at_server;

/// Where the workspace is taken to be.
const WORKSPACE: &str = "/workspace";

impl Wish {
    /// Turns the wish into what is decided on, without looking at any machine: a bare name is a program in
    /// `/usr/bin`, the workspace is `/workspace`, and a URL must be written as the host would write it.
    ///
    /// # Errors
    /// [`WishError::Resource`] for a program, directory or URL that cannot be meant.
    pub fn assumed(self) -> Result<Asked, WishError> {
        Ok(Asked::Action(match self {
            Wish::Folder(folder, access) => return Ok(Asked::Folder(folder, access)),
            Wish::Plain(action) => action,
            Wish::Program(request, background) => Action::RunProgram(plan(request, background)?),
            Wish::Request(request) => {
                let target = target("http.request", &request.url, &["http", "https"])?;
                Action::SendRequest(HttpPlan {
                    method: request.method,
                    target,
                    headers: request.headers,
                    body: request.body,
                    first_byte_timeout_ms: request.first_byte_timeout_ms,
                })
            }
            Wish::Connection(request) => {
                let target = target("net.connect", &request.url, &["ws", "wss", "tcp", "tls"])?;
                let (headers, protocols) = (request.headers, request.protocols);
                Action::OpenConnection(ConnectPlan { target, headers, protocols })
            }
        }))
    }
}

fn plan(request: ExecRequest, background: Option<Background>) -> Result<ExecPlan, WishError> {
    let wrong = |text: &str, form: &str| wrong("exec.run", text, form);
    let name = &request.argv[0];
    let is_plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    let program = match Path::new(name) {
        path if path.is_absolute() && path.components().all(is_plain) => path.to_owned(),
        _ if !name.contains('/') => Path::new("/usr/bin").join(name),
        _ => return Err(wrong(name, "a program is a bare name or an absolute path")),
    };
    let directory = Path::new(&request.cwd);
    if !directory.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(wrong(&request.cwd, "a directory is relative to the workspace"));
    }
    let workspace = PathBuf::from(WORKSPACE);
    let cwd = if request.cwd.is_empty() { workspace.clone() } else { workspace.join(directory) };
    let mut env = request.env;
    env.sort();
    Ok(ExecPlan {
        program,
        program_digest: Digest([0; 32]),
        argv: request.argv,
        cwd,
        workspace,
        env,
        stdin: request.stdin,
        timeout_ms: request.timeout_ms,
        max_output_bytes: request.max_output_bytes,
        reads: None,
        background,
    })
}

fn target(action: &'static str, url: &str, schemes: &[&str]) -> Result<Target, WishError> {
    let wrong = |form: &str| wrong(action, url, form);
    let form = format!("write a URL with {}", schemes.join("://, ") + "://");
    let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong(&form))?;
    if !schemes.contains(&scheme) {
        return Err(wrong(&form));
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (host, port) = at_server(scheme, authority).map_err(wrong)?;
    let address = address::classify_host(&host);
    let is_plain = matches!(scheme, "tcp" | "tls");
    let path_and_query = match path {
        "" | "/" if is_plain => String::new(),
        _ if is_plain => return Err(wrong("it ends after the port")),
        "" => "/".to_owned(),
        query if query.starts_with('?') => format!("/{query}"),
        path if path.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'#' | b'\\')) => path.to_owned(),
        _ => return Err(wrong("its path has characters that must be encoded")),
    };
    Ok(Target { scheme: scheme.to_owned(), host, port, path_and_query, address })
}
