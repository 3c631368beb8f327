//! Sends permitted requests.

use std::error::Error;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use claw_core::effect::{AddressClass, EffectError, HttpHead, HttpPlan, Target};
use claw_policy::{Action, Permit};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Request, Response, Url};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::http::address;
use crate::http::body::HttpBody;
use crate::http::lookup::{self, CheckedLookup, Lookup, LookupError, OwnAddresses};
use crate::http::plan::HttpLimits;

/// Time to connect, name lookup and TLS included.
const CONNECT: Duration = Duration::from_secs(30);
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(30);
/// Unused connections that are kept for each scheme, host and port.
const IDLE_PER_HOST: usize = 4;

/// Answer fields that concern only the connection between host and server.
const HOP_HEADERS: [&str; 6] = ["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// What a server answered.
#[derive(Debug)]
pub struct HttpAnswer {
    /// Status and header fields; redirects are answers like any other.
    pub head: HttpHead,
    /// The body, still arriving.
    pub body: HttpBody,
}

/// Sends requests for guests. Holds the connections that are kept for reuse; costs nothing until the first request.
#[derive(Debug)]
pub struct HttpBroker {
    limits: HttpLimits,
    own_port: Option<u16>,
    lookup: Lookup,
    client: OnceLock<Client>,
}

impl HttpBroker {
    /// A broker within `limits`. `own_port` is the port of the host's own gateway, which no guest may dial.
    pub fn new(limits: HttpLimits, own_port: Option<u16>) -> Self {
        HttpBroker::with_lookup(limits, own_port, Lookup::System)
    }

    pub(super) fn with_lookup(limits: HttpLimits, own_port: Option<u16>, lookup: Lookup) -> Self {
        HttpBroker { limits, own_port, lookup, client: OnceLock::new() }
    }

    /// Sends the permitted request and waits for the head of the answer. `cancel` ends it, and later its body, early.
    ///
    /// Cancel-safe: dropping the future closes the connection.
    /// # Errors
    /// [`EffectError::Denied`] with `E_NET_ADDR` if the name leads to an address that may not be reached by name, or to
    /// the host's own gateway; [`EffectError::Limit`] at a time-out or an oversized head; [`EffectError::Cancelled`];
    /// [`EffectError::Unavailable`] if the server cannot be reached or its certificate is not valid (`E_NET_TLS`).
    pub async fn send(&self, permit: Permit, cancel: &CancellationToken) -> Result<HttpAnswer, EffectError> {
        match permit.into_action() {
            Action::SendRequest(plan) => self.send_plan(plan, cancel).await,
            other => Err(EffectError::Other(format!("a permit for `{}` does not send a request", other.name()))),
        }
    }

    pub(super) async fn send_plan(
        &self,
        plan: HttpPlan,
        cancel: &CancellationToken,
    ) -> Result<HttpAnswer, EffectError> {
        self.check_target(&plan.target)?;
        let deadline = Instant::now() + self.limits.max_total;
        let first_byte = Duration::from_millis(plan.first_byte_timeout_ms).min(self.limits.max_first_byte);
        let host = plan.target.host.clone();
        let client = self.client_for(plan.target.port)?;
        let request = build(plan)?;
        let response = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(EffectError::Cancelled),
            sent = tokio::time::timeout(first_byte, client.execute(request)) => match sent {
                Ok(sent) => sent.map_err(|err| explain(&host, &err))?,
                Err(_) => {
                    let ms = first_byte.as_millis();
                    return Err(EffectError::Limit(format!("`{host}` did not answer within {ms} ms")));
                }
            },
        };
        let head = self.head_of(&response)?;
        debug!(%host, status = head.status, "request answered");
        let body = HttpBody::new(response, self.limits.max_response_bytes, deadline, cancel.clone());
        Ok(HttpAnswer { head, body })
    }

    /// The last look before dialling, at what the plan says and at what it does not: the port of the gateway.
    fn check_target(&self, target: &Target) -> Result<(), EffectError> {
        let Target { host, port, .. } = target;
        let refuse = |reason: &str| Err(EffectError::denied("E_NET_ADDR", format!("`{host}` {reason}")));
        if address::classify_host(host) != target.address {
            return refuse("is not of the kind that was decided on: ask again");
        }
        let literal: Option<IpAddr> = host.parse().ok();
        if target.address == AddressClass::Metadata && literal.is_none() {
            return refuse("is a cloud metadata service: it can only be granted by its address");
        }
        let is_own_address =
            || target.address == AddressClass::Loopback || literal.is_some_and(lookup::is_of_this_machine);
        if self.own_port == Some(*port) && is_own_address() {
            return refuse("with this port is the host's own gateway, which no component may reach");
        }
        Ok(())
    }

    /// The client for requests to `port`.
    fn client_for(&self, port: u16) -> Result<Client, EffectError> {
        // Apart from the shared one, whose kept connections have not been checked for this.
        if self.own_port == Some(port) {
            return self.make_client(OwnAddresses::Refused);
        }
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        let made = self.make_client(OwnAddresses::Allowed)?;
        Ok(self.client.get_or_init(|| made).clone())
    }

    fn make_client(&self, own_addresses: OwnAddresses) -> Result<Client, EffectError> {
        let lookup = CheckedLookup { lookup: self.lookup.clone(), own_addresses };
        let builder = Client::builder()
            .dns_resolver(Arc::new(lookup))
            .redirect(reqwest::redirect::Policy::none())
            // A proxy of the environment would resolve names by itself.
            .no_proxy()
            .referer(false)
            .retry(reqwest::retry::never())
            .http1_only()
            .tcp_nodelay(true)
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST);
        builder.build().map_err(|err| EffectError::Other(format!("the HTTP client cannot be made: {}", chain(&err))))
    }

    fn head_of(&self, response: &Response) -> Result<HttpHead, EffectError> {
        let fields = response.headers();
        let bytes: usize = fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        let most = self.limits.max_response_header_bytes;
        if bytes > most {
            return Err(EffectError::Limit(format!("the answer's header fields have {bytes} bytes, limit {most}")));
        }
        let is_for_guest = |name: &str| !HOP_HEADERS.contains(&name) && !name.starts_with("proxy-");
        let headers = fields
            .iter()
            .filter(|(name, _)| is_for_guest(name.as_str()))
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect();
        Ok(HttpHead { status: response.status().as_u16(), headers })
    }
}

fn build(plan: HttpPlan) -> Result<Request, EffectError> {
    let invalid = |what: &str| EffectError::Invalid(format!("the plan's {what} is not valid"));
    let method = Method::from_bytes(plan.method.as_bytes()).map_err(|_| invalid("method"))?;
    let url = Url::parse(&plan.target.url()).map_err(|_| invalid("URL"))?;
    let mut headers = HeaderMap::new();
    for (name, value) in plan.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("header field"))?;
        let value = HeaderValue::from_bytes(&value).map_err(|_| invalid("header field"))?;
        headers.append(name, value);
    }
    let mut request = Request::new(method, url);
    *request.headers_mut() = headers;
    // Without a body, GET gets no content length.
    *request.body_mut() = (!plan.body.is_empty()).then(|| plan.body.into());
    Ok(request)
}

/// What the guest is told. The cause may lie deep: the client wraps what the lookup said several times.
fn explain(host: &str, err: &reqwest::Error) -> EffectError {
    let causes = || std::iter::successors(Some(err as &dyn Error), |&err| err.source());
    if let Some(refusal) = causes().find_map(|err| err.downcast_ref::<LookupError>()) {
        return match refusal {
            LookupError::NotPublic { .. } | LookupError::OwnGateway { .. } => {
                EffectError::denied("E_NET_ADDR", refusal.to_string())
            }
            LookupError::NoAddress { .. } | LookupError::Failed { .. } => EffectError::Unavailable(chain(refusal)),
        };
    }
    let chain = chain(err);
    // The TLS library's own error type is not among this crate's dependencies.
    if chain.contains("certificate") {
        return EffectError::Unavailable(format!("E_NET_TLS: `{host}` could not prove who it is: {chain}"));
    }
    EffectError::Unavailable(format!("`{host}` could not be reached: {chain}"))
}

/// An error and its causes in one line. Without the URL, whose query may hold secrets.
pub(super) fn chain(err: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(err), |&err| err.source());
    let texts: Vec<String> = causes
        .map(|cause| match cause.downcast_ref::<reqwest::Error>() {
            Some(_) => "the request failed".to_owned(),
            None => cause.to_string(),
        })
        .collect();
    texts.join(": ")
}

#[cfg(test)]
mod tests;
