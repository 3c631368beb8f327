use super::*;

fn request(url: &str, protocols: &[&str]) -> ConnectRequest {
    let protocols = protocols.iter().map(|&name| name.to_owned()).collect();
    ConnectRequest { url: url.into(), headers: Vec::new(), protocols }
}

#[test]
fn subprotocols_are_tokens_and_few() {
    let planned = |protocols: &[&str]| plan_connect(&request("wss://example.test/", protocols));
    assert_eq!(planned(&["v2.chat", "v1"]).unwrap().protocols, ["v2.chat", "v1"]);
    for protocols in [&["a b"][..], &["a, b"], &[""], &["a\r\nb"], &["a", "a"], &["a"; 17], &[&"a".repeat(129)]] {
        assert!(matches!(planned(protocols), Err(EffectError::Invalid(_))), "{protocols:?}");
    }
}

#[test]
fn a_plain_connection_has_no_handshake() {
    let url = "tls://example.test:993";
    assert!(plan_connect(&request(url, &[])).is_ok());
    assert!(matches!(plan_connect(&request(url, &["imap"])), Err(EffectError::Invalid(_))));
    let headers = vec![("x".to_owned(), b"y".to_vec())];
    let with_header = ConnectRequest { headers, ..request(url, &[]) };
    assert!(matches!(plan_connect(&with_header), Err(EffectError::Invalid(_))));
}
