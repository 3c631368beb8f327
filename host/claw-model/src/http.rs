//! One provider over HTTP: the request, the stream of its answer, and the repeats.

mod failure;
mod lookup;
mod retry;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use claw_core::address;
use claw_core::effect::AddressClass;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, Response, Url};
use tokio::time::timeout;

use crate::anthropic;
use crate::error::ModelError;
use crate::http::lookup::ProviderLookup;
use crate::prompt::{Prompt, Reply};
use crate::provider::{ProviderConfig, WireFormat};
use crate::sse::SseParser;
use crate::wire::{self, Complaint, Decoder, Fault, Progress};

/// A server that does not even accept a connection in this time is down.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the figures after a complete reply are waited for.
const TAIL_TIMEOUT: Duration = Duration::from_secs(2);

/// More repeats than this would only hide that a provider is down.
const MAX_RETRIES: u32 = 10;

/// What is read of an error's body; only 500 characters of it are shown.
const MAX_ERROR_BODY_BYTES: usize = 64 * 1024;

/// A provider that is asked over HTTP. Its connections are pooled; its client is built at the first call.
pub struct HttpModel {
    config: ProviderConfig,
    endpoint: Url,
    /// Host and port, for errors and logs: a URL may hold secrets.
    host: String,
    headers: HeaderMap,
    client: OnceLock<Client>,
}

impl fmt::Debug for HttpModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpModel").field("name", &self.name()).field("host", &self.host).finish_non_exhaustive()
    }
}

impl HttpModel {
    pub(crate) fn new(mut config: ProviderConfig) -> Result<Self, ModelError> {
        let unusable = |reason: &str| ModelError::Config { provider: config.id.clone(), reason: reason.to_owned() };
        let endpoint = endpoint(config.wire, &config.base_url).map_err(unusable)?;
        let headers = headers(&config).map_err(unusable)?;
        if config.model.is_empty() {
            return Err(unusable("`model` is empty"));
        }
        if config.idle_timeout.is_zero() {
            return Err(unusable("its idle timeout is zero"));
        }
        config.retries = config.retries.min(MAX_RETRIES);
        let host = match (endpoint.host_str().unwrap_or_default(), endpoint.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        Ok(HttpModel { config, endpoint, host, headers, client: OnceLock::new() })
    }

    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.config.id, self.config.model)
    }

    pub(crate) async fn complete(
        &self,
        prompt: &Prompt,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Reply, ModelError> {
        let body = wire::request(self.config.wire, &self.host, &self.config.model, prompt).to_string();
        let body = Bytes::from(body);
        let mut attempt = 0;
        loop {
            let mut has_streamed = false;
            let mut sink = |text: &str| {
                has_streamed = true;
                on_text(text);
            };
            match self.attempt(body.clone(), prompt, &mut sink).await {
                // Text that was shown cannot be taken back, so from then on the failure is the caller's.
                Err(error) if !has_streamed && attempt < self.config.retries && error.is_passing() => {
                    let pause = retry::pause(attempt, &error, retry::jitter());
                    attempt += 1;
                    tracing::info!(model = %self.name(), %error, attempt, ?pause, "model call is repeated");
                    tokio::time::sleep(pause).await;
                }
                result => return result,
            }
        }
    }

    async fn attempt(
        &self,
        body: Bytes,
        prompt: &Prompt,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Reply, ModelError> {
        let request = self.client()?.post(self.endpoint.clone()).headers(self.headers.clone()).body(body);
        let response = timeout(self.config.idle_timeout, request.send()).await;
        let response = response.map_err(|_| self.idle())?.map_err(|err| self.unreachable(err))?;
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        let content_type = response.headers().get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        // A login page or a proxy's notice; servers that name no type at all are given the benefit of the doubt.
        if !content_type.is_empty() && !content_type.starts_with(b"text/event-stream") {
            return Err(self.fault(Fault::garbage("it is not an event stream")));
        }
        self.read(response, prompt, on_text).await
    }

    /// Reads the stream to the end of the reply. Nothing is spawned: dropping the future drops the connection.
    async fn read(
        &self,
        mut response: Response,
        prompt: &Prompt,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Reply, ModelError> {
        let mut parser = SseParser::default();
        let mut decoder = Decoder::new(self.config.wire);
        let mut progress = Progress::More;
        while progress == Progress::More {
            let idle = self.config.idle_timeout;
            let patience = if decoder.is_complete() { idle.min(TAIL_TIMEOUT) } else { idle };
            let chunk = match timeout(patience, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                // The reply is whole; whatever went wrong afterwards does not harm it.
                Ok(Ok(None) | Err(_)) | Err(_) if decoder.is_complete() => break,
                Ok(Ok(None)) => return Err(self.truncated(&parser, None)),
                Ok(Err(err)) => return Err(self.truncated(&parser, Some(err))),
                Err(_) => return Err(self.idle()),
            };
            let events = parser.push(&chunk).map_err(|error| self.fault(error.into()))?;
            for data in events {
                progress = decoder.take(&data, on_text).map_err(|fault| self.fault(fault))?;
                if progress == Progress::Ended {
                    break;
                }
            }
        }
        decoder.finish(prompt).ok_or_else(|| self.truncated(&parser, None))
    }

    fn client(&self) -> Result<&Client, ModelError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let unusable = |source| ModelError::Client { provider: self.config.id.clone(), source };
        let roots: Result<Vec<_>, _> = self.config.extra_roots.iter().map(|der| Certificate::from_der(der)).collect();
        let builder = roots.map_err(unusable)?.into_iter().fold(Client::builder(), ClientBuilder::add_root_certificate);
        let client = builder
            .user_agent(concat!("openclaw-host/", env!("CARGO_PKG_VERSION")))
            // A redirect could carry the key to another host.
            .redirect(reqwest::redirect::Policy::none())
            // The environment is not ours to read, and a proxy would see the prompt of a local model.
            .no_proxy()
            .dns_resolver(Arc::new(ProviderLookup))
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(2)
            .tcp_nodelay(true)
            .build()
            .map_err(unusable)?;
        // A second caller may have been faster; then its client is the one.
        Ok(self.client.get_or_init(|| client))
    }

    /// Why the provider answered with another status than success.
    async fn refused(&self, mut response: Response) -> ModelError {
        let status = response.status().as_u16();
        let retry_after = retry::retry_after(response.headers());
        let mut body = Vec::new();
        // Half an explanation is better than none, so a body that breaks off is taken as it is.
        while let Ok(Ok(Some(chunk))) = timeout(self.config.idle_timeout, response.chunk()).await {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ERROR_BODY_BYTES {
                break;
            }
        }
        let complaint = Complaint::parse(&String::from_utf8_lossy(&body));
        self.complaint(status, retry_after, complaint)
    }

    fn fault(&self, fault: Fault) -> ModelError {
        let provider = self.config.id.clone();
        match fault {
            Fault::Garbage(what) => ModelError::Garbage { provider, what },
            Fault::TooLarge { what, limit } => ModelError::TooLarge { provider, what, limit },
            Fault::Provider(complaint) => self.complaint(200, None, complaint),
        }
    }

    fn complaint(&self, status: u16, retry_after: Option<Duration>, complaint: Complaint) -> ModelError {
        failure::classify(&self.config, &self.host, status, retry_after, complaint)
    }

    fn idle(&self) -> ModelError {
        ModelError::Idle { provider: self.config.id.clone(), timeout: self.config.idle_timeout }
    }

    fn unreachable(&self, err: reqwest::Error) -> ModelError {
        let source = err.without_url();
        ModelError::Unreachable { provider: self.config.id.clone(), host: self.host.clone(), source }
    }

    fn truncated(&self, parser: &SseParser, err: Option<reqwest::Error>) -> ModelError {
        ModelError::Truncated {
            provider: self.config.id.clone(),
            received_bytes: parser.total_bytes(),
            source: err.map(reqwest::Error::without_url),
        }
    }
}

/// The URL to post to. A base URL is accepted with and without a slash at its end, and Anthropic's also with `/v1`.
fn endpoint(wire: WireFormat, base_url: &str) -> Result<Url, &'static str> {
    let mut url =
        Url::parse(base_url.trim()).map_err(|_| "`baseUrl` is not a URL such as `http://127.0.0.1:11434/v1`")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("`baseUrl` starts with neither `https://` nor `http://`");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("`baseUrl` has a user name or password in it; keys belong into the place that `apiKey` names");
    }
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    if address::classify_host(host) == AddressClass::Metadata {
        return Err("`baseUrl` leads to the service that hands out this machine's credentials");
    }
    url.set_fragment(None);
    let has_version = url.path().trim_end_matches('/').ends_with("/v1");
    let mut path = url.path_segments_mut().map_err(|()| "`baseUrl` has no place for a path")?;
    path.pop_if_empty();
    match wire {
        WireFormat::OpenAiChat => path.extend(["chat", "completions"]),
        WireFormat::AnthropicMessages if has_version => path.push("messages"),
        WireFormat::AnthropicMessages => path.extend(["v1", "messages"]),
    };
    drop(path);
    Ok(url)
}

fn headers(config: &ProviderConfig) -> Result<HeaderMap, &'static str> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    if config.wire == WireFormat::AnthropicMessages {
        headers.insert("anthropic-version", HeaderValue::from_static(anthropic::VERSION));
    }
    if let Some(key) = &config.api_key {
        let (name, value) = match config.wire {
            WireFormat::OpenAiChat => (AUTHORIZATION, format!("Bearer {}", key.expose())),
            WireFormat::AnthropicMessages => (HeaderName::from_static("x-api-key"), key.expose().to_owned()),
        };
        let value = HeaderValue::from_str(&value).ok().filter(|_| !key.expose().is_empty());
        let mut value =
            value.ok_or("the key that `apiKey` or `apiKeyEnv` names is empty or has control characters in it")?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests;
