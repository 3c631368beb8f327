//! Sends permitted requests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use claw_core::effect::{EffectError, HttpHead, HttpPlan, RequestBody, Target};
use claw_core::id::ComponentName;
use claw_policy::{Action, Permit};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HeaderValue};
use reqwest::{Body, Client, Method, Request, Response, Url};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::dial::{self, CONNECT, Dialer};
use crate::http::answers::Answers;
use crate::http::body::{BodyLimits, Held, HttpBody};
use crate::http::plan::HttpLimits;
use crate::http::upload::{self, RequestParts, Stop};
use crate::limit::{self, Slots};
use crate::mask::Mask;
use crate::secret::{self, Filled, Secrets};

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(30);
/// Unused connections that a component keeps for each scheme, host and port.
const IDLE_PER_HOST: usize = 4;
/// Components whose unused connections are kept.
const MAX_CLIENTS: usize = 16;

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

/// Sends requests for guests. Connections and TLS sessions are kept for reuse, for each component its own, so that no
/// component can tell from the time it takes where another one has been.
#[derive(Debug)]
pub struct HttpBroker {
    limits: HttpLimits,
    dialer: Dialer,
    slots: Arc<Slots>,
    /// The one used last comes last.
    clients: Mutex<Vec<(ComponentName, Client)>>,
    /// What stands in for all servers, if anything does.
    answers: Option<Answers>,
}

impl HttpBroker {
    /// A broker within `limits`.
    pub fn new(limits: HttpLimits, dialer: Dialer) -> Self {
        HttpBroker { limits, dialer, slots: Arc::default(), clients: Mutex::default(), answers: None }
    }

    /// Takes all answers from here, and reaches no server.
    pub fn answering_from(self, answers: Answers) -> Self {
        HttpBroker { answers: Some(answers), ..self }
    }

    /// Sends the permitted request for `owner` and waits for the head of the answer. The placeholders in its header
    /// fields are filled from `secrets`, and the answer is masked with what was filled in. `parts` are those of a
    /// streamed body. `cancel` ends the request, and later the body of its answer, early.
    ///
    /// Cancel-safe: dropping the future closes the connection.
    /// # Errors
    /// [`EffectError::Denied`] with `E_NET_ADDR` if the name leads to an address that may not be reached by name, or to
    /// the host's own gateway, and with `E_SECRET_SCOPE` if a secret is not there; [`EffectError::Limit`] with
    /// `E_NET_LIMIT` at an oversized head, with `E_BUSY` if the owner has too many requests open;
    /// [`EffectError::Cancelled`]; [`EffectError::Unavailable`] if the server cannot be reached or its certificate is
    /// not valid (`E_NET_TLS`); [`EffectError::Unanswered`] if it does not answer in time or at all.
    pub async fn send(
        &self,
        permit: Permit,
        parts: Option<RequestParts>,
        owner: &ComponentName,
        secrets: Secrets<'_>,
        cancel: &CancellationToken,
    ) -> Result<HttpAnswer, EffectError> {
        match permit.into_action() {
            Action::SendRequest(plan) => self.send_plan(plan, parts, owner, secrets, cancel).await,
            other => Err(EffectError::Other(format!("a permit for `{}` does not send a request", other.name()))),
        }
    }

    pub(crate) async fn send_plan(
        &self,
        plan: HttpPlan,
        parts: Option<RequestParts>,
        owner: &ComponentName,
        secrets: Secrets<'_>,
        cancel: &CancellationToken,
    ) -> Result<HttpAnswer, EffectError> {
        self.dialer.check(&plan.target)?;
        let slot = self.slots.take(owner)?;
        let deadline = Instant::now() + self.limits.max_total;
        let first_byte = Duration::from_millis(plan.first_byte_timeout_ms).min(self.limits.max_first_byte);
        let host = plan.target.host.clone();
        let client = self.client_for(owner, plan.target.port)?;
        let stop = Stop::default();
        // However this ends, the upload does not go on.
        let upload = stop.over.clone().drop_guard();
        let max_bytes = plan.body.length().unwrap_or(self.limits.max_request_bytes);
        let parts = parts.map(|parts| upload::bounded(parts, max_bytes, stop.clone()));
        let shown = plan.target.url();
        let (request, mask) = build(plan, parts.map(Body::wrap_stream), secrets)?;
        let response = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(EffectError::Cancelled),
            sent = tokio::time::timeout(first_byte, self.execute(&client, request, &shown, &host)) => match sent {
                Ok(sent) => sent?,
                Err(_) => {
                    let ms = first_byte.as_millis();
                    return Err(EffectError::Unanswered(format!("E_NET_LIMIT: `{host}` did not answer within {ms} ms")));
                }
            },
        };
        let head = self.head_of(&response, &mask)?;
        debug!(%host, status = head.status, "request answered");
        if !response.status().is_success() {
            stop.unwanted.cancel();
        }
        let limits = BodyLimits { max_bytes: self.limits.max_response_bytes, deadline };
        let body = HttpBody::new(response, limits, &mask, cancel.clone(), Held { _slot: slot, _upload: upload });
        Ok(HttpAnswer { head, body })
    }

    /// `shown` is the request's URL without its secrets.
    async fn execute(
        &self,
        client: &Client,
        request: Request,
        shown: &str,
        host: &str,
    ) -> Result<Response, EffectError> {
        match &self.answers {
            Some(answers) => answers.answer(shown, request).await,
            None => client.execute(request).await.map_err(|err| explain(host, &err)),
        }
    }

    /// The owner's client for requests to `port`.
    fn client_for(&self, owner: &ComponentName, port: u16) -> Result<Client, EffectError> {
        // Apart from the one that is kept, whose connections have not been checked for this.
        if self.dialer.is_own_port(port) {
            return self.make_client(port);
        }
        let mut clients = self.clients.lock().expect("http: no code panics while it holds the clients");
        let client = match clients.iter().position(|(known, _)| known == owner) {
            Some(position) => clients.remove(position).1,
            None => self.make_client(port)?,
        };
        if clients.len() >= MAX_CLIENTS {
            clients.remove(0);
        }
        clients.push((owner.clone(), client.clone()));
        Ok(client)
    }

    fn make_client(&self, port: u16) -> Result<Client, EffectError> {
        let builder = Client::builder()
            .dns_resolver(Arc::new(self.dialer.lookup_for(port)))
            .use_preconfigured_tls(self.dialer.tls(&["http/1.1"]))
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
        builder
            .build()
            .map_err(|err| EffectError::Other(format!("the HTTP client cannot be made: {}", dial::chain(&err))))
    }

    fn head_of(&self, response: &Response, mask: &Mask) -> Result<HttpHead, EffectError> {
        let fields = response.headers();
        let bytes: usize = fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        let most = self.limits.max_response_header_bytes;
        if bytes > most {
            return Err(limit::reached(format_args!("the answer's header fields have {bytes} bytes, limit {most}")));
        }
        let is_for_guest = |name: &str| {
            // What a mask changes has another length.
            let is_known = mask.is_empty() || name != "content-length";
            is_known && !HOP_HEADERS.contains(&name) && !name.starts_with("proxy-")
        };
        let headers = fields
            .iter()
            .filter(|(name, _)| is_for_guest(name.as_str()))
            .map(|(name, value)| (mask.text(name.as_str()).into_owned(), mask.bytes(value.as_bytes()).into_owned()))
            .collect();
        Ok(HttpHead { status: response.status().as_u16(), headers })
    }
}

fn build(plan: HttpPlan, streamed: Option<Body>, secrets: Secrets<'_>) -> Result<(Request, Mask), EffectError> {
    let invalid = |what: &str| EffectError::Invalid(format!("the plan's {what} is not valid"));
    let method = Method::from_bytes(plan.method.as_bytes()).map_err(|_| invalid("method"))?;
    let Filled { path_and_query, mut headers, mask } =
        secret::fill(&plan.target.path_and_query, plan.headers, secrets)?;
    let target = Target { path_and_query: path_and_query.to_string(), ..plan.target };
    let url = Url::parse(&target.url()).map_err(|_| invalid("URL"))?;
    // What was decided on is what is sent, letter for letter.
    if url[url::Position::BeforePath..] != *path_and_query {
        return Err(invalid("path"));
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let body = match plan.body {
        // Without a body, GET gets no content length.
        RequestBody::Whole(bytes) => (!bytes.is_empty()).then(|| bytes.into()),
        RequestBody::Streamed { length } => {
            headers.extend(length.map(|length| (CONTENT_LENGTH, length.into())));
            Some(streamed.ok_or_else(|| invalid("body"))?)
        }
    };
    let mut request = Request::new(method, url);
    *request.headers_mut() = headers;
    *request.body_mut() = body;
    Ok((request, mask))
}

/// What the guest is told.
fn explain(host: &str, err: &reqwest::Error) -> EffectError {
    if let Some(broken) = dial::causes(err).find_map(|err| err.downcast_ref::<EffectError>()) {
        return broken.clone();
    }
    let is_too_large = |err: &hyper::Error| err.is_parse_too_large();
    if dial::causes(err).filter_map(|err| err.downcast_ref()).any(is_too_large) {
        return limit::reached(format_args!("the answer of `{host}` has too many or too long header fields"));
    }
    match dial::explain(host, err) {
        // Only what failed before there was a connection has certainly sent nothing.
        EffectError::Unavailable(_) if !err.is_connect() => {
            EffectError::Unanswered(format!("`{host}` broke off before it had answered: {}", dial::chain(err)))
        }
        explained => explained,
    }
}

#[cfg(test)]
mod tests;
