//! HTTP requests through the host. Using it needs an `http` scope; the owner decides on servers and methods.
//!
//! Redirects are answers like any other: the host follows none, so that each hop is a request of its own and decided
//! as such.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};
use wasip2::io::streams::StreamError;

use crate::{Denial, ToolError};

#[cfg(test)]
mod tests;

/// Bytes asked for at once. One frame between the component and the host.
const CHUNK_BYTES: u64 = 64 * 1024;

/// Bytes that `blocking-write-and-flush` takes at most, by its contract.
const WRITE_BYTES: usize = 4096;

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    url: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status, 100 to 599. Any status is an answer, not an error.
    pub status: u16,
    /// Names as the server sent them, and raw values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, at most as long as asked for.
    pub body: Vec<u8>,
    /// Whether that is all of it.
    pub end: BodyEnd,
}

/// How the reading of a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// The server has sent everything.
    Complete,
    /// The body is longer than asked for; the rest was not read.
    Cut,
}

impl Request {
    /// A request without headers and body. `url` is absolute; its fragment is not sent.
    pub fn new(method: &str, url: &str) -> Self {
        Request { method: method.to_owned(), url: url.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header. The host refuses some names, e.g. `Host`.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, bytes: Vec<u8>) -> Self {
        self.body = bytes;
        self
    }

    /// Sends the request and reads at most `max_body_bytes` of the answer's body. Waits for the owner where policy asks.
    ///
    /// # Errors
    /// [`ToolError::InvalidArguments`] if the URL or a header has no valid form, [`ToolError::Denied`] if the host
    /// refuses, [`ToolError::Unavailable`] if the server cannot be reached, [`ToolError::Limit`] if it sends too much
    /// and [`ToolError::Failed`] otherwise; the latter says whether the request may have reached the server.
    pub fn send(&self, max_body_bytes: usize) -> Result<Response, ToolError> {
        let target = Target::parse(&self.url)?;
        let headers = Fields::from_list(&self.headers).map_err(|err| {
            ToolError::invalid(format!("the headers of the request to `{}` are refused: {err:?}", target.authority))
        })?;
        let outgoing = self.outgoing(&target, headers)?;
        let body = outgoing.body().expect("http: a new request still has its body");
        let answer = outgoing_handler::handle(outgoing, None).map_err(|code| self.failure(&target, code))?;
        self.write_body(&target, body)?;

        answer.subscribe().block();
        let incoming = answer
            .get()
            .expect("http: the answer is ready after its pollable")
            .expect("http: the answer is taken once")
            .map_err(|code| self.failure(&target, code))?;
        self.read(&target, &incoming, max_body_bytes)
    }

    fn outgoing(&self, target: &Target, headers: Fields) -> Result<OutgoingRequest, ToolError> {
        let outgoing = OutgoingRequest::new(headers);
        let scheme = if target.scheme.eq_ignore_ascii_case("https") {
            Scheme::Https
        } else if target.scheme.eq_ignore_ascii_case("http") {
            Scheme::Http
        } else {
            Scheme::Other(target.scheme.to_owned())
        };
        let refused = |part: &str| ToolError::invalid(format!("the {part} of `{}` is malformed", self.url));
        outgoing.set_method(&method(&self.method)).map_err(|()| refused("method of the request"))?;
        outgoing.set_scheme(Some(&scheme)).map_err(|()| refused("scheme"))?;
        outgoing.set_authority(Some(target.authority)).map_err(|()| refused("host"))?;
        outgoing.set_path_with_query(Some(&target.path_with_query)).map_err(|()| refused("path"))?;
        Ok(outgoing)
    }

    fn write_body(&self, target: &Target, body: OutgoingBody) -> Result<(), ToolError> {
        if !self.body.is_empty() {
            let stream = body.write().expect("http: a new body still has its stream");
            for chunk in self.body.chunks(WRITE_BYTES) {
                if stream.blocking_write_and_flush(chunk).is_err() {
                    // The server may answer before it has read everything; that answer counts.
                    break;
                }
            }
        }
        OutgoingBody::finish(body, None).map_err(|code| self.failure(target, code))
    }

    fn read(&self, target: &Target, incoming: &IncomingResponse, max_bytes: usize) -> Result<Response, ToolError> {
        let mut response = Response {
            status: incoming.status(),
            headers: incoming.headers().entries(),
            body: Vec::new(),
            end: BodyEnd::Complete,
        };
        let body: IncomingBody = incoming.consume().expect("http: the body is consumed once");
        let stream = body.stream().expect("http: the stream is taken once");
        loop {
            match stream.blocking_read(CHUNK_BYTES) {
                Ok(chunk) if response.body.len() + chunk.len() > max_bytes => {
                    response.body.extend_from_slice(&chunk[..max_bytes - response.body.len()]);
                    response.end = BodyEnd::Cut;
                    return Ok(response);
                }
                Ok(chunk) => response.body.extend_from_slice(&chunk),
                Err(StreamError::Closed) => return Ok(response),
                Err(StreamError::LastOperationFailed(err)) => {
                    let code = wasip2::http::types::http_error_code(&err);
                    return Err(self.failure(target, code.unwrap_or(ErrorCode::HttpResponseIncomplete)));
                }
            }
        }
    }

    fn failure(&self, target: &Target, code: ErrorCode) -> ToolError {
        let effect = match self.method.as_str() {
            "GET" | "HEAD" | "OPTIONS" => Repeat::Harmless,
            _ => Repeat::MayDouble,
        };
        failure(target.authority, effect, code)
    }
}

impl Response {
    /// The first header of this name, in any case, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }
}

/// Whether sending a request twice can do something twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    Harmless,
    MayDouble,
}

/// The parts of a URL that a request is made of. Only cut apart here: the host parses and judges them.
#[derive(Debug, PartialEq, Eq)]
struct Target<'a> {
    scheme: &'a str,
    authority: &'a str,
    path_with_query: String,
}

impl<'a> Target<'a> {
    fn parse(url: &'a str) -> Result<Self, ToolError> {
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| ToolError::invalid(format!("`{url}` is not an absolute URL")))?;
        let rest = rest.split_once('#').map_or(rest, |(before, _fragment)| before);
        let (authority, path) = rest.split_at(rest.find(['/', '?', '\\']).unwrap_or(rest.len()));
        if scheme.is_empty() || authority.is_empty() {
            return Err(ToolError::invalid(format!("`{url}` names no server")));
        }
        let root = if path.starts_with('/') { "" } else { "/" };
        Ok(Target { scheme, authority, path_with_query: format!("{root}{path}") })
    }
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

/// The tool's error for the host's. `wasi:http` has no place for our codes, so a refusal's code travels in the text of
/// `internal-error`, as `E_CODE: reason`.
fn failure(authority: &str, repeat: Repeat, code: ErrorCode) -> ToolError {
    match code {
        ErrorCode::HttpRequestDenied => denied("E_POLICY_DENY", format!("the request to `{authority}` was refused")),
        ErrorCode::DestinationIpProhibited => {
            denied("E_NET_ADDR", format!("`{authority}` has an address that may not be reached"))
        }
        ErrorCode::InternalError(Some(text)) => match text.split_once(": ") {
            Some((code, reason)) if is_code(code) => denied(code, reason.to_owned()),
            _ => ToolError::failed(format!("the request to `{authority}` failed: {text}")),
        },
        ErrorCode::HttpRequestUriInvalid | ErrorCode::HttpRequestMethodInvalid | ErrorCode::HttpRequestUriTooLong => {
            ToolError::invalid(format!("the request to `{authority}` is malformed: {code:?}"))
        }
        ErrorCode::ConnectionLimitReached
        | ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseHeaderSize(_)
        | ErrorCode::HttpResponseHeaderSectionSize(_) => {
            ToolError::Limit(format!("the request to `{authority}` reached a limit: {code:?}"))
        }
        ErrorCode::ConnectionTerminated
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::HttpResponseTimeout
        | ErrorCode::HttpResponseIncomplete
        | ErrorCode::HttpProtocolError
            if repeat == Repeat::MayDouble =>
        {
            ToolError::failed_after_sending(format!("`{authority}` may have got the request, but: {code:?}"))
        }
        code => ToolError::Unavailable(format!("`{authority}` cannot be reached: {code:?}")),
    }
}

fn denied(code: &str, reason: String) -> ToolError {
    ToolError::Denied(Denial { code: code.to_owned(), reason })
}

fn is_code(text: &str) -> bool {
    text.len() > 2 && text.starts_with("E_") && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}
