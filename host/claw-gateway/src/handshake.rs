//! The handshake: who a connection is, and what it may do. Decides on values; the socket sends what comes out.

use std::time::Duration;

use claw_core::id::Timestamp;
use claw_core::image::{MAX_IMAGE_BYTES, MAX_IMAGES_BYTES};
use claw_core::inbound::Source;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::{Auth, GatewayConfig};
use crate::device::{Claim, DeviceProof};
use crate::frame::{ErrorCode, Request, RpcError};
use crate::method;
use crate::rebinding::BrowserOrigin;
use crate::scope::Scopes;

/// The version of the protocol that this host speaks.
const PROTOCOL: u32 = 4;

/// The events that this host sends.
const EVENTS: [&str; 8] = [
    "connect.challenge",
    "agent",
    "chat",
    "sessions.changed",
    "exec.approval.requested",
    "exec.approval.resolved",
    "tick",
    "shutdown",
];

/// What is known of a peer before it says anything.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The nonce that this connection was challenged with.
    pub(crate) nonce: String,
    pub(crate) origin: BrowserOrigin,
    pub(crate) locality: Locality,
    /// How long the peer is locked out for wrong secrets.
    pub(crate) locked: Option<Duration>,
    pub(crate) now: Timestamp,
}

/// Where a peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locality {
    /// A program on this machine, connected directly.
    Local,
    Remote,
}

/// Somebody who may enter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Admitted {
    pub(crate) scopes: Scopes,
    /// The id of the device that proved its key.
    pub(crate) device: Option<String>,
    /// How it showed who it is: `token`, `password` or `none`.
    pub(crate) method: &'static str,
    /// Whether it wants the arguments and results of tools.
    pub(crate) tool_events: bool,
}

impl Admitted {
    /// Where its messages come from.
    pub(crate) fn source(&self) -> Source {
        let account = self.device.clone().unwrap_or_else(|| "owner".to_owned());
        Source { channel: "ws".to_owned(), account }
    }
}

/// Somebody who may not.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) error: RpcError,
    pub(crate) close: u16,
    /// Why, in the words of the close frame.
    pub(crate) reason: String,
    pub(crate) guess: Guess,
}

/// Whether a refusal counts against the peer's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guess {
    WrongSecret,
    No,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConnectParams {
    min_protocol: u32,
    max_protocol: u32,
    client: Client,
    role: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    caps: Vec<String>,
    device: Option<DeviceProof>,
    auth: Option<Credentials>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Client {
    id: String,
    #[serde(rename = "version")]
    _version: String,
    platform: String,
    mode: String,
    device_family: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credentials {
    token: Option<String>,
    password: Option<String>,
    device_token: Option<String>,
    bootstrap_token: Option<String>,
}

// Credentials must not reach a log through a `{:?}`.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Decides on the first frame of a connection. The order of the checks is the protocol's.
pub(crate) fn admit(request: Request, auth: &Auth, facts: &Facts) -> Result<Admitted, Refusal> {
    if request.method != "connect" {
        let why = RpcError::invalid("invalid handshake: the first request must be `connect`");
        return Err(refuse(why, "invalid handshake: first request must be connect"));
    }
    let params: ConnectParams = serde_json::from_value(request.params)
        .map_err(|err| refuse(RpcError::invalid(format!("invalid connect params: {err}")), "invalid connect params"))?;
    check_protocol(&params)?;
    check_role(&params)?;
    if facts.origin == BrowserOrigin::Foreign {
        let why = "origin not allowed: only pages that this gateway serves on loopback may connect";
        return Err(refuse(coded(RpcError::invalid(why), "CONTROL_UI_ORIGIN_NOT_ALLOWED"), "origin not allowed"));
    }
    let method = check_secret(&params, auth, facts)?;
    let scopes = check_device(&params, facts)?;
    Ok(Admitted {
        scopes,
        device: params.device.map(|device| device.id),
        method,
        tool_events: params.caps.iter().any(|cap| cap == "tool-events"),
    })
}

fn check_protocol(params: &ConnectParams) -> Result<(), Refusal> {
    let (low, high) = (params.min_protocol, params.max_protocol);
    if (low..=high).contains(&PROTOCOL) {
        return Ok(());
    }
    let error = RpcError::invalid(format!(
        "protocol mismatch: this gateway speaks {PROTOCOL}, the client {low} to {high}; update the older one"
    ))
    .with_details(json!({
        "code": "PROTOCOL_MISMATCH",
        "clientMinProtocol": low,
        "clientMaxProtocol": high,
        "expectedProtocol": PROTOCOL,
        "minimumProbeProtocol": PROTOCOL,
    }));
    Err(Refusal { close: 1002, ..refuse(error, "protocol mismatch") })
}

fn check_role(params: &ConnectParams) -> Result<(), Refusal> {
    match params.role.as_deref().unwrap_or("operator") {
        "operator" => Ok(()),
        "node" => {
            let why = "this gateway takes no nodes; connect with the role `operator`";
            Err(refuse(RpcError::invalid(why), "role node is not supported"))
        }
        _ => Err(refuse(RpcError::invalid("invalid role; use `operator`"), "invalid role")),
    }
}

/// Compares the shared secret; it counts in either field.
fn check_secret(params: &ConnectParams, auth: &Auth, facts: &Facts) -> Result<&'static str, Refusal> {
    let Auth::Token(secret) = auth else { return Ok("none") };
    if let Some(wait) = facts.locked {
        let error = RpcError {
            retryable: true,
            retry_after: Some(wait),
            ..RpcError::invalid("unauthorized: too many wrong secrets; wait and try again")
        };
        return Err(unauthorized(error, "AUTH_RATE_LIMITED", "wait_then_retry", Guess::No));
    }
    let nobody = Credentials::default();
    let offered = params.auth.as_ref().unwrap_or(&nobody);
    // Both are compared always, so that the time does not tell which one was looked at.
    let [token, password] =
        [&offered.token, &offered.password].map(|field| field.as_deref().is_some_and(|text| secret.matches(text)));
    if token {
        return Ok("token");
    }
    if password {
        return Ok("password");
    }
    let wrong =
        |why: &str, code| unauthorized(RpcError::invalid(why), code, "update_auth_credentials", Guess::WrongSecret);
    Err(match (&offered.token, &offered.password, &offered.device_token, &offered.bootstrap_token) {
        (Some(_), ..) => wrong("unauthorized: gateway token mismatch", "AUTH_TOKEN_MISMATCH"),
        (None, Some(_), ..) => wrong("unauthorized: gateway password mismatch", "AUTH_PASSWORD_MISMATCH"),
        (None, None, Some(_), _) => wrong(
            "unauthorized: this gateway gives no device tokens; send the gateway token",
            "AUTH_DEVICE_TOKEN_MISMATCH",
        ),
        (None, None, None, Some(_)) => wrong(
            "unauthorized: this gateway gives no setup codes; send the gateway token",
            "AUTH_BOOTSTRAP_TOKEN_INVALID",
        ),
        (None, None, None, None) => {
            let error = RpcError::invalid("unauthorized: gateway token missing; send it as `auth.token`");
            unauthorized(error, "AUTH_TOKEN_MISSING", "update_auth_configuration", Guess::No)
        }
    })
}

/// Checks the device's proof, and decides which of the requested scopes the client keeps.
fn check_device(params: &ConnectParams, facts: &Facts) -> Result<Scopes, Refusal> {
    let requested = Scopes::from_names(params.scopes.iter().map(String::as_str));
    let client = &params.client;
    let Some(device) = &params.device else {
        if client.id == "openclaw-control-ui" {
            let why = "the Control UI needs a device identity; open it over https or on localhost";
            let error = coded(RpcError::invalid(why), "CONTROL_UI_DEVICE_IDENTITY_REQUIRED");
            return Err(refuse(error, "device identity required"));
        }
        // These are programs that the owner starts on this machine; anybody else only claims to have scopes.
        const OWN: [(&str, &str); 3] = [("cli", "cli"), ("gateway-client", "backend"), ("test", "test")];
        let own = facts.locality == Locality::Local && OWN.contains(&(client.id.as_str(), client.mode.as_str()));
        return Ok(if own { requested } else { Scopes::NONE });
    };
    let claim = Claim {
        client_id: &client.id,
        client_mode: &client.mode,
        role: params.role.as_deref().unwrap_or("operator"),
        scopes: &params.scopes,
        token: signed_token(params.auth.as_ref()),
        platform: &client.platform,
        device_family: client.device_family.as_deref().unwrap_or_default(),
    };
    device.verify(claim, &facts.nonce, facts.now).map_err(|err| {
        let error = RpcError::invalid(err.to_string())
            .with_details(json!({"code": err.code(), "reason": err.code().to_lowercase().replace('_', "-")}));
        refuse(error, &err.to_string())
    })?;
    match facts.locality {
        // Whoever runs programs here and knows the secret is the owner.
        Locality::Local => Ok(requested),
        Locality::Remote => Err(not_paired(&device.id)),
    }
}

fn signed_token(auth: Option<&Credentials>) -> &str {
    let Some(auth) = auth else { return "" };
    let tokens = [&auth.token, &auth.device_token, &auth.bootstrap_token];
    tokens.into_iter().find_map(|token| token.as_deref()).unwrap_or_default()
}

fn not_paired(device: &str) -> Refusal {
    let why = "pairing required: this gateway knows no devices of other machines; connect through a tunnel to loopback";
    let error = RpcError::new(ErrorCode::NotPaired, why).with_details(json!({
        "code": "PAIRING_REQUIRED",
        "reason": "not-paired",
        "deviceId": device,
        "retryable": false,
        "pauseReconnect": true,
    }));
    refuse(error, "pairing required: not-paired")
}

fn unauthorized(error: RpcError, code: &str, next_step: &str, guess: Guess) -> Refusal {
    let reason = error.message.clone();
    let error = error.with_details(json!({
        "code": code,
        "authReason": code.trim_start_matches("AUTH_").to_lowercase(),
        "canRetryWithDeviceToken": false,
        "recommendedNextStep": next_step,
    }));
    Refusal { guess, ..refuse(error, &reason) }
}

fn coded(error: RpcError, code: &str) -> RpcError {
    error.with_details(json!({"code": code}))
}

pub(crate) fn refuse(error: RpcError, reason: &str) -> Refusal {
    Refusal { error, close: 1008, reason: reason.to_owned(), guess: Guess::No }
}

/// What the hello says beyond what was admitted.
#[derive(Clone, Debug)]
pub(crate) struct Welcome<'a> {
    pub(crate) config: &'a GatewayConfig,
    pub(crate) connection: &'a str,
    pub(crate) uptime: Duration,
    pub(crate) now: Timestamp,
}

/// The payload that ends a good handshake.
pub(crate) fn hello(admitted: &Admitted, welcome: &Welcome<'_>) -> Value {
    let Welcome { config, connection, uptime, now } = welcome;
    let agent = config.routes.agent(&admitted.source().whence(None));
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    json!({
        "type": "hello-ok",
        "protocol": PROTOCOL,
        "server": {"version": config.version, "connId": connection, "controlUiBuildSource": "configured"},
        // Clients ask for the model list only where this capability stands.
        "features": {"methods": method::names(), "events": EVENTS, "capabilities": ["published-model-catalog"]},
        "snapshot": {
            "presence": [],
            "health": {"ok": true, "ts": now},
            "stateVersion": {"presence": 0, "health": 0},
            "uptimeMs": millis(*uptime),
            "sessionDefaults": {
                "defaultAgentId": agent,
                "mainKey": "main",
                "mainSessionKey": format!("agent:{agent}:main"),
                "scope": "per-sender",
            },
            "authMode": match config.auth { Auth::None => "none", Auth::Token(_) => "token" },
        },
        "auth": {"role": "operator", "scopes": admitted.scopes.names(), "method": admitted.method},
        "policy": {
            "maxPayload": config.limits.frame_bytes,
            "maxBufferedBytes": config.limits.buffered_bytes,
            "tickIntervalMs": millis(config.tick),
            "attachments": {"maxBytes": MAX_IMAGES_BYTES, "maxImageBytes": MAX_IMAGE_BYTES},
        },
    })
}

#[cfg(test)]
mod tests;
