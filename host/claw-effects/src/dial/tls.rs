//! Which certificates are believed.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Whose certificates are believed. Checking them cannot be switched off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TrustRoots {
    /// The public authorities that browsers trust.
    #[default]
    Public,
    /// These as well, in DER: for servers of the owner's own.
    PublicAnd(Vec<Vec<u8>>),
}

/// Why a root cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The text holds no certificate.
    #[error("there is no `BEGIN CERTIFICATE` in it")]
    Empty,
    /// The PEM text is damaged.
    #[error("the PEM text is damaged: {0}")]
    Pem(String),
    /// A certificate is damaged or of an old version.
    #[error("a certificate in it is not valid: {0}")]
    Certificate(String),
}

impl TrustRoots {
    /// The certificates beside the public ones, in DER.
    pub fn extra(&self) -> &[Vec<u8>] {
        match self {
            TrustRoots::Public => &[],
            TrustRoots::PublicAnd(ders) => ders,
        }
    }

    /// These roots and all certificates of a PEM file.
    ///
    /// # Errors
    /// [`TrustError`] if there is none or one is damaged.
    pub fn and_pem(self, pem: &[u8]) -> Result<TrustRoots, TrustError> {
        let found: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(pem).map(|found| found.map(|der| der.to_vec())).collect();
        let found = found.map_err(|err| TrustError::Pem(err.to_string()))?;
        if found.is_empty() {
            return Err(TrustError::Empty);
        }
        let mut all = self.extra().to_vec();
        all.extend(found);
        let roots = TrustRoots::PublicAnd(all);
        Trusted::new(&roots).map(|_| roots)
    }
}

/// Roots that have been read.
#[derive(Clone, Debug)]
pub(super) struct Trusted {
    roots: Arc<RootCertStore>,
}

impl Trusted {
    pub(super) fn new(roots: &TrustRoots) -> Result<Self, TrustError> {
        let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for der in roots.extra() {
            let der = CertificateDer::from_slice(der);
            store.add(der).map_err(|err| TrustError::Certificate(err.to_string()))?;
        }
        Ok(Trusted { roots: Arc::new(store) })
    }

    pub(super) fn client_config(&self, application_protocols: &[&str]) -> ClientConfig {
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("tls: the provider speaks TLS 1.2 and 1.3")
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        config.alpn_protocols = application_protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }
}

/// The server name that is sent, and that the certificate must be valid for, is `host`.
pub(super) async fn connect(config: ClientConfig, host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[cfg(test)]
pub(crate) mod tests;
