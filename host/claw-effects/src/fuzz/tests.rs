use claw_fuzz::Campaign;

#[test]
fn what_is_decided_on_is_what_is_dialled() {
    // NET-03, NET-17, NET-19
    let examples: [&[u8]; 6] = [
        b"\0\0https://example.test:8443/a/./b?q=1",
        b"\0\0http://[2606:2800::0001]/%20;x=y",
        b"\0\0http://127.0.0.1/",
        b"\0\0wss://xn--bcher-kva.test./socket?x=a@b",
        b"\0\0tls://mail.example.test:993",
        "\0\0https://b\u{fc}cher.test/\u{e4}".as_bytes(),
    ];
    Campaign::new("url", super::url).examples(examples.map(<[u8]>::to_vec).to_vec()).run();
}
