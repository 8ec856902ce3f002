//! The address of a shard: servers, database, user and options.

use std::{str::FromStr, time::Duration};

use ::postgres::{
    Config,
    config::{SslMode, TargetSessionAttrs},
};

use super::{
    Connection, failure,
    transport::{RootCertificates, Transport},
};
use crate::{Error, Interrupt, Result};

/// Time to connect to a server, unless the URL sets `connect_timeout`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Purpose of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::postgres) enum Access {
    /// Statements that read, on a server that the URL chooses.
    Read,
    /// Statements that write, or that must see everything committed.
    Write,
}

/// The address of a shard.
pub(in crate::postgres) struct ShardAddress {
    config: Config,
    transport: Transport,
    /// Position of the shard's URL, from 0.
    shard: usize,
}

impl ShardAddress {
    /// Parses the URL of a shard.
    ///
    /// # Errors
    ///
    /// - [`Error::ShardUrl`] if it is none.
    /// - [`Error::Choice`] if it asks for encryption, which this build lacks.
    pub(in crate::postgres) fn new(
        url: &str,
        shard: usize,
        roots: &RootCertificates,
    ) -> Result<Self> {
        let mut config = Config::from_str(url)
            .map_err(|source| Error::ShardUrl { shard, source: Box::new(source) })?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        let is_encrypted = config.get_ssl_mode() == SslMode::Require;
        Ok(Self { config, transport: Transport::new(is_encrypted, roots)?, shard })
    }

    /// Returns the connections that serve `access`: reads and writes share them if all go to one
    /// server.
    pub(in crate::postgres) fn shared(&self, access: Access) -> Access {
        let hosts = self.config.get_hosts().len().max(self.config.get_hostaddrs().len());
        let reads_primary = self.config.get_target_session_attrs() == TargetSessionAttrs::ReadWrite;
        if hosts <= 1 || reads_primary { Access::Read } else { access }
    }

    /// Connects to the first server that accepts, and that takes writes if `access` needs it and
    /// there are several.
    pub(in crate::postgres) fn connect(
        &self,
        access: Access,
        interrupt: Interrupt<'_>,
    ) -> Result<Connection> {
        interrupt.check()?;
        let access = self.shared(access);
        let mut config = self.config.clone();
        if access == Access::Write {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if let (Some(remaining), Some(timeout)) =
            (interrupt.remaining(), config.get_connect_timeout().copied())
        {
            config.connect_timeout(timeout.min(remaining).max(Duration::from_millis(1)));
        }
        let client = self.transport.connect(&config).map_err(failure(self.shard))?;
        Ok(Connection::new(client, self.transport.clone(), self.shard, access))
    }
}
