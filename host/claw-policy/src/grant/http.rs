//! Which servers a component may send requests to, and which requests.

use std::collections::BTreeSet;
use std::fmt;

use claw_core::effect::HttpPlan;

use super::server::{Scheme, Servers};
use super::{GrantError, excerpt};

/// Servers, methods and paths: `https://api.example.com:8443 GET,POST /v1/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpGrant {
    servers: Servers,
    pub(super) methods: BTreeSet<String>,
    /// Prefixes of the path; empty for any path.
    paths: BTreeSet<String>,
}

const SCHEMES: [Scheme; 2] = [Scheme::Http, Scheme::Https];

impl HttpGrant {
    /// Makes a grant from a manifest's parts: `scheme://host[:port]` or `*`, methods, and prefixes of the path.
    ///
    /// # Errors
    /// [`GrantError::Http`] for a pattern that is malformed or wider than can be granted, for an empty or malformed
    /// list of methods, and for a prefix that no request could have.
    pub fn new<'a>(
        pattern: &str,
        methods: impl IntoIterator<Item = &'a str>,
        paths: impl IntoIterator<Item = &'a str>,
    ) -> Result<HttpGrant, GrantError> {
        let servers = Servers::parse(pattern, &SCHEMES, "write `http://host`, `https://host` or `*`");
        let servers = servers.map_err(|(text, rule)| error(text, rule))?;
        let methods = methods.into_iter().map(parse_method).collect::<Result<BTreeSet<_>, _>>()?;
        if methods.is_empty() {
            return Err(error(pattern, "name the methods after the server, e.g. `GET,POST`"));
        }
        let paths = paths.into_iter().map(parse_path).collect::<Result<_, _>>()?;
        Ok(HttpGrant { servers, methods, paths })
    }

    pub(super) fn parse(text: &str) -> Result<HttpGrant, GrantError> {
        let mut words = text.split_ascii_whitespace();
        let pattern = words.next().unwrap_or("");
        let methods = words.next().unwrap_or("");
        HttpGrant::new(pattern, methods.split(',').filter(|method| !method.is_empty()), words)
    }

    /// The grant for one request's method and server.
    pub(super) fn exactly(plan: &HttpPlan) -> Option<HttpGrant> {
        HttpGrant::new(&Servers::exactly(&plan.target), [plan.method.as_str()], []).ok()
    }

    /// Methods and URLs of a few requests within this grant.
    pub(super) fn examples(&self) -> Vec<(String, String)> {
        let path = self.paths.first().map_or("/", String::as_str);
        let servers = self.servers.examples("https");
        let with_methods = |server: String| self.methods.iter().map(move |it| (it.clone(), format!("{server}{path}")));
        servers.into_iter().flat_map(with_methods).collect()
    }

    /// Whether it means any server.
    pub(super) fn is_open(&self) -> bool {
        self.servers == Servers::Any
    }

    /// Whether it lets requests go to any path of a server that it names, without saying so with `/`.
    pub fn is_on_any_path(&self) -> bool {
        self.paths.is_empty() && !self.is_open()
    }

    /// Whether the request lies within this grant.
    pub(super) fn covers(&self, plan: &HttpPlan) -> bool {
        let path = plan.target.path_and_query.split('?').next().unwrap_or("");
        let on_path = self.paths.is_empty() || self.paths.iter().any(|prefix| path.starts_with(prefix.as_str()));
        on_path && self.methods.contains(&plan.method) && self.servers.cover(&plan.target)
    }

    /// Whether the request lies within this grant and the grant says so by name.
    pub(super) fn names(&self, plan: &HttpPlan) -> bool {
        self.covers(plan) && self.servers.name(plan.target.address)
    }
}

impl fmt::Display for HttpGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.servers)?;
        for (position, method) in self.methods.iter().enumerate() {
            write!(f, "{}{method}", if position == 0 { ' ' } else { ',' })?;
        }
        self.paths.iter().try_for_each(|path| write!(f, " {path}"))
    }
}

fn parse_method(text: &str) -> Result<String, GrantError> {
    let valid = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
    if valid { Ok(text.to_owned()) } else { Err(error(text, "methods are upper-case words joined by `,`")) }
}

/// A prefix is compared with the normalised path, so it must be spelled as one.
fn parse_path(text: &str) -> Result<String, GrantError> {
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'%' | b'?' | b'#' | b'\\' | b';');
    let steps = text.split('/').any(|step| step == "." || step == "..");
    let valid = text.starts_with('/') && text.ends_with('/') && text.len() <= 256 && text.bytes().all(plain);
    if valid && !steps && !text.contains("//") {
        Ok(text.to_owned())
    } else {
        Err(error(text, "a path prefix starts and ends with `/` and has no `%`, `;`, `?`, `#`, `.` or `..` steps"))
    }
}

fn error(text: &str, rule: &'static str) -> GrantError {
    GrantError::Http { text: excerpt(text), rule }
}
