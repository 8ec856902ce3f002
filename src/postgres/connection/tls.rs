//! Encrypted connections: the home of rustls.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::transport::RootCertificates;
use crate::{Error, Result};

/// The settings of encrypted connections. Certificates and host names are always verified.
#[derive(Clone)]
pub(super) struct Tls(MakeRustlsConnect);

impl Tls {
    /// Reads the trusted certificates.
    ///
    /// # Errors
    ///
    /// [`Error::Certificates`] if there are none, or if they cannot be read.
    pub(super) fn new(roots: &RootCertificates) -> Result<Self> {
        let certificates = match roots {
            RootCertificates::Platform => platform_certificates()?,
            RootCertificates::File(path) => certificates_of(path)?,
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(unusable)?;
        let config = builder.with_root_certificates(certificates).with_no_client_auth();
        Ok(Self(MakeRustlsConnect::new(config)))
    }

    /// Returns a connector for one connection.
    pub(super) fn connector(&self) -> MakeRustlsConnect {
        self.0.clone()
    }
}

/// Returns the certificates of the operating system. Some of the many may not be readable.
fn platform_certificates() -> Result<RootCertStore> {
    let loaded = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    let (added, ignored) = store.add_parsable_certificates(loaded.certs);
    tracing::debug!(added, ignored, failures = loaded.errors.len(), "certificates were read");
    match loaded.errors.into_iter().next() {
        Some(error) if store.is_empty() => Err(unusable(error)),
        _ => non_empty(store),
    }
}

/// Returns all certificates of a file in the format PEM.
fn certificates_of(path: &Path) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(unusable)? {
        store.add(certificate.map_err(unusable)?).map_err(unusable)?;
    }
    non_empty(store)
}

fn non_empty(store: RootCertStore) -> Result<RootCertStore> {
    if store.is_empty() { Err(unusable("there are none")) } else { Ok(store) }
}

fn unusable(source: impl Into<crate::error::Cause>) -> Error {
    Error::Certificates { source: source.into() }
}
