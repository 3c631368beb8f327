use std::sync::{Arc, Mutex};
use std::time::Duration;

use claw_core::effect::{ConnectRequest, EffectError, HttpRequest, NetMessage, NetReply, RequestBody};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::dial::tests::{owner, read_head, scripted, serve};
use crate::http::{HttpBroker, HttpLimits, plan_http};
use crate::net::{NetBroker, NetLimits, plan_connect};
use crate::secret::Secrets;

const NO_SECRETS: Secrets<'static> = &|_| None;

/// An authority of a test's own.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) der: Vec<u8>,
    pem: String,
}

/// A certificate with its key.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "Test Authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap();
        let (der, pem) = (root.der().to_vec(), root.pem());
        Authority { issuer: Issuer::new(params, key), der, pem }
    }

    pub(crate) fn roots(&self) -> TrustRoots {
        TrustRoots::PublicAnd(vec![self.der.clone()])
    }

    pub(crate) fn issue(&self, name: &str) -> Identity {
        self.issue_with(CertificateParams::new([name.to_owned()]).unwrap())
    }

    fn issue_with(&self, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity { certificate: certificate.der().clone(), key }
    }
}

impl Identity {
    fn self_signed(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
        Identity { certificate: certificate.der().clone(), key }
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let key = PrivateKeyDer::Pkcs8(self.key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A server that answers one request of each connection, and notes the server names it was asked for.
async fn serve_tls(identity: &Identity) -> (u16, Arc<Mutex<Vec<Option<String>>>>) {
    let acceptor = identity.acceptor();
    let names: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
    let noted = Arc::clone(&names);
    let (port, _) = serve(move |stream| {
        let (acceptor, noted) = (acceptor.clone(), Arc::clone(&noted));
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            noted.lock().unwrap().push(stream.get_ref().1.server_name().map(str::to_owned));
            if read_head(&mut stream).await.is_some() {
                let _ = stream.write_all(b"HTTP/1.1 204 Fine\r\nconnection: close\r\n\r\n").await;
            }
        }
    })
    .await;
    (port, names)
}

/// What comes of a request and of a connection to `https://host`, whose name leads to the server.
async fn reach(host: &str, port: u16, roots: &TrustRoots) -> [Result<(), EffectError>; 2] {
    let (dialer, _) = scripted(&[&["8.8.8.8"]], port, roots);
    let cancel = CancellationToken::new();
    let url = format!("https://{host}:{port}/");
    let request = HttpRequest {
        method: "GET".into(),
        url,
        headers: vec![],
        body: RequestBody::Whole(vec![]),
        first_byte_timeout_ms: 9000,
    };
    let http = HttpBroker::new(HttpLimits::default(), dialer.clone());
    let plan = plan_http(&request, &HttpLimits::default()).unwrap();
    let sent = http.send_plan(plan, None, &owner("probe"), NO_SECRETS, &cancel).await;
    let sent = sent.map(|answer| assert_eq!(answer.head.status, 204));
    let request = ConnectRequest { url: format!("tls://{host}:{port}"), headers: vec![], protocols: vec![] };
    let net = NetBroker::new(NetLimits::default(), dialer);
    let connected = net.connect_plan(plan_connect(&request).unwrap(), &owner("probe"), NO_SECRETS, &cancel).await;
    let connected = match connected {
        Ok(mut connection) => {
            let request = NetMessage::Binary(b"GET / HTTP/1.1\r\n\r\n".to_vec());
            connection.send(request).await.unwrap();
            let answer = connection.receive(100, Duration::from_secs(5)).await;
            assert!(matches!(answer, Ok(NetReply::Message(_))), "{answer:?}");
            Ok(())
        }
        Err(err) => Err(err),
    };
    [sent, connected]
}

#[track_caller]
fn check_untrusted(results: [Result<(), EffectError>; 2]) {
    for result in results {
        assert!(matches!(&result, Err(EffectError::Unavailable(text)) if text.starts_with("E_NET_TLS")), "{result:?}");
    }
}

#[tokio::test]
async fn a_chain_to_a_trusted_root_works_and_the_server_is_told_the_name_of_the_url() {
    // NET-23
    let authority = Authority::new();
    let (port, names) = serve_tls(&authority.issue("good.test")).await;
    assert_eq!(reach("good.test", port, &authority.roots()).await, [Ok(()), Ok(())]);
    assert_eq!(*names.lock().unwrap(), [Some("good.test".to_owned()), Some("good.test".to_owned())]);
}

#[tokio::test]
async fn an_address_of_the_certificate_works_without_a_name() {
    // NET-23
    let authority = Authority::new();
    let (port, names) = serve_tls(&authority.issue("127.0.0.1")).await;
    assert_eq!(reach("127.0.0.1", port, &authority.roots()).await, [Ok(()), Ok(())]);
    assert_eq!(*names.lock().unwrap(), [None, None]);
}

#[tokio::test]
async fn a_certificate_that_proves_nothing_is_refused() {
    // NET-23
    let authority = Authority::new();
    let roots = authority.roots();
    let (wrong_name, _) = serve_tls(&authority.issue("other.test")).await;
    check_untrusted(reach("good.test", wrong_name, &roots).await);

    let mut expired = CertificateParams::new(["good.test".to_owned()]).unwrap();
    expired.not_before = date_time_ymd(2019, 1, 1);
    expired.not_after = date_time_ymd(2020, 1, 1);
    let (expired, _) = serve_tls(&authority.issue_with(expired)).await;
    check_untrusted(reach("good.test", expired, &roots).await);

    let (self_signed, _) = serve_tls(&Identity::self_signed("good.test")).await;
    check_untrusted(reach("good.test", self_signed, &roots).await);

    let (unknown, _) = serve_tls(&Authority::new().issue("good.test")).await;
    check_untrusted(reach("good.test", unknown, &roots).await);

    let (private, _) = serve_tls(&authority.issue("good.test")).await;
    check_untrusted(reach("good.test", private, &TrustRoots::Public).await);
}

#[tokio::test]
async fn what_does_not_speak_tls_says_so() {
    let (port, _) = serve(|mut stream| async move {
        let _ = stream.write_all(b"220 mail.test ready\r\n").await;
    })
    .await;
    check_untrusted(reach("good.test", port, &TrustRoots::Public).await);
}

#[test]
fn roots_are_read_from_pem_and_checked() {
    let (one, two) = (Authority::new(), Authority::new());
    let both = format!("# ours\n{}{}", one.pem, two.pem);
    let roots = TrustRoots::Public.and_pem(both.as_bytes()).unwrap();
    assert_eq!(roots, TrustRoots::PublicAnd(vec![one.der.clone(), two.der]));
    assert!(matches!(TrustRoots::Public.and_pem(b"nothing"), Err(TrustError::Empty)));
    let damaged = one.pem.replace("-----BEGIN CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\n!");
    assert!(matches!(TrustRoots::Public.and_pem(damaged.as_bytes()), Err(TrustError::Pem(_))));
    let not_one = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    assert!(matches!(TrustRoots::Public.and_pem(not_one.as_bytes()), Err(TrustError::Certificate(_))));
}
