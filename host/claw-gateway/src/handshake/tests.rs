use serde_json::json;

use super::*;
use crate::config::Secret;
use crate::scope::Scope;

fn facts() -> Facts {
    Facts {
        nonce: "nonce-1".to_owned(),
        origin: BrowserOrigin::Absent,
        locality: Locality::Local,
        locked: None,
        now: Timestamp(1_800_000_000_000),
    }
}

fn connect() -> Value {
    json!({
        "minProtocol": 4, "maxProtocol": 4, "role": "operator", "scopes": ["operator.write"], "newer": {"key": 1},
        "client": {"id": "cli", "version": "1", "platform": "linux", "mode": "cli"},
        "auth": {"token": "secret"},
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut params = connect();
    *params.pointer_mut(pointer).unwrap() = value;
    params
}

fn try_admit(params: Value, facts: &Facts) -> Result<Admitted, Refusal> {
    let request = Request { id: "1".to_owned(), method: "connect".to_owned(), params };
    admit(request, &Auth::Token(Secret::new("secret")), facts)
}

#[track_caller]
fn check_refused(params: Value, facts: &Facts, close: u16, code: &str) -> Refusal {
    let refusal = try_admit(params, facts).unwrap_err();
    assert_eq!(refusal.close, close, "{refusal:?}");
    let details = refusal.error.details.clone().unwrap_or_default();
    assert_eq!(details["code"].as_str().unwrap_or_default(), code, "{refusal:?}");
    assert!(refusal.reason.len() < 124, "{}", refusal.reason);
    refusal
}

#[test]
fn the_secret_counts_as_token_and_as_password() {
    assert_eq!(try_admit(connect(), &facts()).unwrap().method, "token");
    assert_eq!(try_admit(with("/auth", json!({"password": "secret"})), &facts()).unwrap().method, "password");
    let both = with("/auth", json!({"token": "old", "password": "secret"}));
    assert_eq!(try_admit(both, &facts()).unwrap().method, "password");
}

// GW-02
#[test]
fn a_wrong_secret_is_a_guess_and_a_missing_one_is_not() {
    let wrong = |auth: Value, code: &str| check_refused(with("/auth", auth), &facts(), 1008, code).guess;
    assert_eq!(wrong(json!({"token": "x"}), "AUTH_TOKEN_MISMATCH"), Guess::WrongSecret);
    assert_eq!(wrong(json!({"token": ""}), "AUTH_TOKEN_MISMATCH"), Guess::WrongSecret);
    assert_eq!(wrong(json!({"password": "x"}), "AUTH_PASSWORD_MISMATCH"), Guess::WrongSecret);
    assert_eq!(wrong(json!({"deviceToken": "secret"}), "AUTH_DEVICE_TOKEN_MISMATCH"), Guess::WrongSecret);
    assert_eq!(wrong(json!({"bootstrapToken": "secret"}), "AUTH_BOOTSTRAP_TOKEN_INVALID"), Guess::WrongSecret);
    assert_eq!(wrong(json!({}), "AUTH_TOKEN_MISSING"), Guess::No);
    assert_eq!(wrong(Value::Null, "AUTH_TOKEN_MISSING"), Guess::No);
}

// GW-03
#[test]
fn a_locked_out_peer_is_refused_even_with_the_right_secret() {
    let locked = Facts { locked: Some(Duration::from_secs(9)), ..facts() };
    let refusal = check_refused(connect(), &locked, 1008, "AUTH_RATE_LIMITED");
    assert_eq!((refusal.error.retry_after, refusal.guess), (Some(Duration::from_secs(9)), Guess::No));
}

#[test]
fn only_version_four_of_the_protocol_is_spoken() {
    let range = |low: u32, high: u32| {
        let mut params = with("/minProtocol", json!(low));
        params["maxProtocol"] = json!(high);
        params
    };
    assert!(try_admit(range(3, 4), &facts()).is_ok());
    assert!(try_admit(range(1, 9), &facts()).is_ok());
    for (low, high) in [(3, 3), (5, 9), (4, 3)] {
        let refusal = check_refused(range(low, high), &facts(), 1002, "PROTOCOL_MISMATCH");
        assert_eq!(refusal.error.details.unwrap()["expectedProtocol"], 4);
    }
}

// GW-22
#[test]
fn a_node_is_refused_clearly() {
    let refusal = check_refused(with("/role", json!("node")), &facts(), 1008, "");
    assert!(refusal.error.message.contains("takes no nodes"));
    check_refused(with("/role", json!("root")), &facts(), 1008, "");
}

// GW-05
#[test]
fn a_foreign_page_is_refused_before_its_secret_is_looked_at() {
    let foreign = Facts { origin: BrowserOrigin::Foreign, ..facts() };
    let wrong = with("/auth/token", json!("x"));
    assert_eq!(check_refused(wrong, &foreign, 1008, "CONTROL_UI_ORIGIN_NOT_ALLOWED").guess, Guess::No);
    assert!(try_admit(connect(), &Facts { origin: BrowserOrigin::Own, ..facts() }).is_ok());
}

#[test]
fn only_local_programs_of_the_owner_keep_scopes_without_a_device() {
    let scopes = |id: &str, mode: &str, facts: &Facts| {
        let mut params = with("/client/id", json!(id));
        params["client"]["mode"] = json!(mode);
        try_admit(params, facts).unwrap().scopes
    };
    let (write, remote) = (Scopes::of(&[Scope::Write]), Facts { locality: Locality::Remote, ..facts() });
    for (id, mode) in [("cli", "cli"), ("gateway-client", "backend"), ("test", "test")] {
        assert_eq!(scopes(id, mode, &facts()), write, "{id}/{mode}");
        assert_eq!(scopes(id, mode, &remote), Scopes::NONE, "{id}/{mode}");
    }
    for (id, mode) in [("cli", "ui"), ("webchat", "webchat"), ("gateway-client", "cli"), ("openclaw-tui", "ui")] {
        assert_eq!(scopes(id, mode, &facts()), Scopes::NONE, "{id}/{mode}");
    }
    check_refused(
        with("/client/id", json!("openclaw-control-ui")),
        &facts(),
        1008,
        "CONTROL_UI_DEVICE_IDENTITY_REQUIRED",
    );
}

#[test]
fn a_false_device_proof_is_refused_although_the_secret_is_right() {
    let mut params = connect();
    params["device"] = json!({"id": "x", "publicKey": "x", "signature": "x", "signedAt": 0, "nonce": "n"});
    check_refused(params, &facts(), 1008, "DEVICE_AUTH_PUBLIC_KEY_INVALID");
}

// GW-10
#[test]
fn the_first_request_must_be_a_well_formed_connect() {
    let health = Request { id: "1".to_owned(), method: "health".to_owned(), params: connect() };
    let refusal = admit(health, &Auth::None, &facts()).unwrap_err();
    assert!(refusal.error.message.contains("must be `connect`"));
    for params in [Value::Null, json!({}), json!([]), with("/client", json!(null)), with("/scopes", json!("all"))] {
        let refusal = check_refused(params, &facts(), 1008, "");
        assert!(refusal.error.message.starts_with("invalid connect params: "), "{refusal:?}");
    }
}

#[test]
fn credentials_do_not_show_in_debug_output() {
    let params: ConnectParams = serde_json::from_value(connect()).unwrap();
    assert!(!format!("{params:?}").contains("secret"));
}
