//! The transport of a connection: plain, or encrypted by rustls with the feature `postgres-tls`.

use std::path::PathBuf;

use ::postgres::{CancelToken, Client, Config, NoTls};

use crate::Result;

/// The certificates that an encrypted connection trusts.
#[derive(Clone, Debug, Default)]
pub(in crate::postgres) enum RootCertificates {
    /// The certificates of the operating system.
    #[default]
    Platform,
    /// The certificates of a file in the format PEM.
    #[cfg_attr(not(feature = "postgres-tls"), expect(dead_code, reason = "set with TLS alone"))]
    File(PathBuf),
}

/// How a connection reaches its server.
#[derive(Clone)]
pub(super) enum Transport {
    Plain,
    #[cfg(feature = "postgres-tls")]
    Encrypted(super::tls::Tls),
}

impl Transport {
    /// Returns the transport of a URL.
    ///
    /// # Errors
    ///
    /// - [`Error::Choice`](crate::Error::Choice) if it needs encryption, which this build lacks.
    /// - [`Error::Certificates`](crate::Error::Certificates) if the certificates cannot be read.
    pub(super) fn new(is_encrypted: bool, roots: &RootCertificates) -> Result<Self> {
        if is_encrypted { Self::encrypted(roots) } else { Ok(Self::Plain) }
    }

    #[cfg(feature = "postgres-tls")]
    fn encrypted(roots: &RootCertificates) -> Result<Self> {
        super::tls::Tls::new(roots).map(Self::Encrypted)
    }

    #[cfg(not(feature = "postgres-tls"))]
    fn encrypted(_roots: &RootCertificates) -> Result<Self> {
        Err(crate::Error::Choice {
            name: "sslmode",
            got: "require",
            allowed: "no encryption, or a build with the feature postgres-tls",
        })
    }

    pub(super) fn connect(&self, config: &Config) -> Result<Client, ::postgres::Error> {
        match self {
            Self::Plain => config.connect(NoTls),
            #[cfg(feature = "postgres-tls")]
            Self::Encrypted(tls) => config.connect(tls.connector()),
        }
    }

    /// Asks the server to cancel the statement that runs.
    pub(super) fn cancel(&self, token: &CancelToken) -> Result<(), ::postgres::Error> {
        match self {
            Self::Plain => token.cancel_query(NoTls),
            #[cfg(feature = "postgres-tls")]
            Self::Encrypted(tls) => token.cancel_query(tls.connector()),
        }
    }
}
