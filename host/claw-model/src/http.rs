//! One provider over HTTP: the request, the stream of its answer, and the repeats.

mod failure;
mod lookup;
pub(crate) mod retry;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use claw_core::address;
use claw_core::effect::AddressClass;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, Response, Url};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use crate::anthropic;
use crate::error::ModelError;
use crate::facts::ModelFacts;
use crate::http::lookup::ProviderLookup;
use crate::keyring::Keyring;
use crate::listing;
use crate::model::Heard;
use crate::prompt::{Prompt, Reply};
use crate::provider::{Credential, KeyHeader, ProviderConfig, Secret, WireFormat};
use crate::sse::SseParser;
use crate::wire::{self, Complaint, Decoder, Fault, Progress, Reader};

/// A server that does not even accept a connection in this time is down.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the figures after a complete reply are waited for.
const TAIL_TIMEOUT: Duration = Duration::from_secs(2);

/// How long holds what a server has said of a model: it may have been loaded with more or less since.
const SAID_HOLDS: Duration = Duration::from_secs(60);

/// More repeats than this would only hide that a provider is down.
const MAX_RETRIES: u32 = 10;

/// What is read of an error's body; only 500 characters of it are shown.
const MAX_ERROR_BODY_BYTES: usize = 64 * 1024;

/// A provider that is asked over HTTP. Its connections are pooled; its client is built at the first call.
pub(crate) struct HttpModel {
    config: ProviderConfig,
    endpoint: Url,
    /// Host and port, for errors and logs: a URL may hold secrets.
    host: String,
    /// Wire format and provider, for what they want back.
    origin: String,
    headers: HeaderMap,
    keys: Arc<Keyring>,
    client: Arc<OnceLock<Client>>,
    /// What its server has said of the model's context, and when.
    said: Mutex<Option<(Instant, Option<u64>)>>,
}

impl fmt::Debug for HttpModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpModel").field("name", &self.name()).field("host", &self.host).finish_non_exhaustive()
    }
}

impl HttpModel {
    pub(crate) fn new(mut config: ProviderConfig) -> Result<Self, ModelError> {
        let unusable = |reason: &str| ModelError::Config { provider: config.id.clone(), reason: reason.to_owned() };
        if config.model.is_empty() {
            return Err(unusable("`model` is empty"));
        }
        let endpoint = endpoint(config.wire, &config.base_url, &config.model).map_err(unusable)?;
        if config.idle_timeout.is_zero() {
            return Err(unusable("its idle timeout is zero"));
        }
        for key in &config.keys {
            header_value(config.key_header, &key.key).map_err(unusable)?;
        }
        config.retries = config.retries.min(MAX_RETRIES);
        let host = match (endpoint.host_str().unwrap_or_default(), endpoint.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        let keys = Arc::new(Keyring::new(&config.id, &config.keys, config.key_use));
        let origin = format!("{} {}", config.wire.as_str(), config.id);
        Ok(HttpModel {
            headers: headers(config.wire),
            config,
            endpoint,
            host,
            origin,
            keys,
            client: Arc::default(),
            said: Mutex::default(),
        })
    }

    /// The same provider for another of its models; keys and connections are shared.
    pub(crate) fn asking(&self, model: &str, facts: ModelFacts) -> Result<Self, ModelError> {
        let config = ProviderConfig { model: model.to_owned(), facts, ..self.config.clone() };
        let (keys, client) = (Arc::clone(&self.keys), Arc::clone(&self.client));
        Ok(HttpModel { keys, client, ..HttpModel::new(config)? })
    }

    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.config.id, self.config.model)
    }

    pub(crate) fn provider(&self) -> &str {
        &self.config.id
    }

    pub(crate) fn model(&self) -> &str {
        &self.config.model
    }

    pub(crate) fn facts(&self) -> ModelFacts {
        self.config.facts
    }

    /// What is known of another model of this provider.
    pub(crate) fn facts_of(&self, model: &str) -> ModelFacts {
        let said = self.config.others.get(model).copied();
        said.or_else(|| crate::catalogue::facts(&self.config.id, model)).unwrap_or_default()
    }

    /// The names of its provider's models of which something is known.
    pub(crate) fn known_models(&self) -> Vec<String> {
        let listed = crate::catalogue::vendor(&self.config.id).map_or(&[][..], |vendor| vendor.models);
        let listed = listed.iter().map(|model| model.name.to_owned());
        let said = self.config.others.keys().filter(|name| listed.clone().all(|listed| listed != **name));
        listed.clone().chain(said.cloned()).collect()
    }

    /// What its server says of the model's context, now and then anew. Whoever wants a key is no server of one's own, and
    /// is not asked.
    pub(crate) async fn context_tokens(&self) -> Option<u64> {
        if self.config.wire != WireFormat::OpenAiChat || !self.config.keys.is_empty() {
            return None;
        }
        // Who comes meanwhile waits for the same answer.
        let mut said = self.said.lock().await;
        match *said {
            Some((at, tokens)) if at.elapsed() < SAID_HOLDS => tokens,
            _ => {
                let tokens =
                    listing::context_tokens(self.client().ok()?, &self.config.base_url, &self.config.model).await;
                *said = Some((Instant::now(), tokens));
                tokens
            }
        }
    }

    pub(crate) fn keys(&self) -> &Arc<Keyring> {
        &self.keys
    }

    pub(crate) fn retries(&self) -> u32 {
        self.config.retries
    }

    /// The body of a request; the same for all keys.
    pub(crate) fn body(&self, prompt: &Prompt) -> Bytes {
        let HttpModel { config, host, origin, .. } = self;
        let reader = Reader { host, model: &config.model, facts: &config.facts, origin };
        Bytes::from(wire::request(config.wire, &reader, prompt).to_string())
    }

    /// Asks once, with the key in this place.
    pub(crate) async fn attempt(
        &self,
        slot: usize,
        body: Bytes,
        prompt: &Prompt,
        hear: &mut (dyn FnMut(Heard<'_>) + Send),
    ) -> Result<Reply, ModelError> {
        self.keys.asked(slot);
        let key = self.keys.key(slot);
        let mut request = self.client()?.post(self.endpoint.clone()).headers(self.headers.clone()).body(body);
        if let Some(key) = key {
            let value = header_value(self.config.key_header, &key.key).expect("http: the keys were checked");
            request = request.header(header_name(self.config.key_header), value);
        }
        let response = timeout(self.config.idle_timeout, request.send()).await;
        let response = response.map_err(|_| self.idle())?.map_err(|err| self.unreachable(err))?;
        if !response.status().is_success() {
            return Err(self.refused(response, key).await);
        }
        let content_type = response.headers().get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        // A login page or a proxy's notice; servers that name no type at all are given the benefit of the doubt.
        if !content_type.is_empty() && !content_type.starts_with(b"text/event-stream") {
            return Err(self.fault(Fault::garbage("it is not an event stream"), key));
        }
        hear(Heard::Begun(self.config.facts.prices));
        let mut reply = self.read(response, key, prompt, hear).await?;
        reply.usage.cost_micros = self.config.facts.prices.map_or(0, |prices| prices.cost_micros(&reply.usage));
        Ok(reply)
    }

    /// Reads the stream to the end of the reply. Nothing is spawned: dropping the future drops the connection.
    async fn read(
        &self,
        mut response: Response,
        key: Option<&Credential>,
        prompt: &Prompt,
        hear: &mut (dyn FnMut(Heard<'_>) + Send),
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
            let events = parser.push(&chunk).map_err(|error| self.fault(error.into(), key))?;
            for data in events {
                let taken = decoder.take(&data, &mut |text| hear(Heard::Text(text)));
                let (usage, bytes) = decoder.used();
                hear(Heard::Used { usage, bytes });
                progress = taken.map_err(|fault| self.fault(fault, key))?;
                if progress == Progress::Ended {
                    break;
                }
            }
        }
        decoder.finish(prompt, &self.origin).ok_or_else(|| self.truncated(&parser, None))
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
    async fn refused(&self, mut response: Response, key: Option<&Credential>) -> ModelError {
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
        self.complaint(key, status, retry_after, complaint)
    }

    fn fault(&self, fault: Fault, key: Option<&Credential>) -> ModelError {
        let provider = self.config.id.clone();
        match fault {
            Fault::Garbage(what) => ModelError::Garbage { provider, what },
            Fault::TooLarge { what, limit } => ModelError::TooLarge { provider, what, limit },
            Fault::Provider(complaint) => self.complaint(key, 200, None, complaint),
        }
    }

    fn complaint(
        &self,
        key: Option<&Credential>,
        status: u16,
        retry_after: Option<Duration>,
        complaint: Complaint,
    ) -> ModelError {
        failure::classify(&self.config, &self.host, key, status, retry_after, complaint)
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
fn endpoint(wire: WireFormat, base_url: &str, model: &str) -> Result<Url, &'static str> {
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
        WireFormat::OpenAiResponses => path.push("responses"),
        WireFormat::AnthropicMessages if has_version => path.push("messages"),
        WireFormat::AnthropicMessages => path.extend(["v1", "messages"]),
        // A model may be written as the API lists it.
        WireFormat::Gemini => {
            let model = model.strip_prefix("models/").unwrap_or(model);
            path.extend(["models", &format!("{model}:streamGenerateContent")])
        }
    };
    drop(path);
    if wire == WireFormat::Gemini {
        url.query_pairs_mut().append_pair("alt", "sse");
    }
    Ok(url)
}

fn headers(wire: WireFormat) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    if wire == WireFormat::AnthropicMessages {
        headers.insert("anthropic-version", HeaderValue::from_static(anthropic::VERSION));
    }
    headers
}

fn header_name(header: KeyHeader) -> HeaderName {
    match header {
        KeyHeader::Bearer => AUTHORIZATION,
        KeyHeader::XApiKey => HeaderName::from_static("x-api-key"),
        KeyHeader::ApiKey => HeaderName::from_static("api-key"),
        KeyHeader::XGoogApiKey => HeaderName::from_static("x-goog-api-key"),
    }
}

fn header_value(header: KeyHeader, key: &Secret) -> Result<HeaderValue, &'static str> {
    let text = match header {
        KeyHeader::Bearer => Zeroizing::new(format!("Bearer {}", key.expose())),
        KeyHeader::XApiKey | KeyHeader::ApiKey | KeyHeader::XGoogApiKey => Zeroizing::new(key.expose().to_owned()),
    };
    let value = HeaderValue::from_str(&text).ok().filter(|_| !key.expose().is_empty());
    let mut value =
        value.ok_or("a key that `apiKey`, `apiKeyEnv` or `keys` names is empty or has control characters in it")?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
pub(crate) mod tests;
