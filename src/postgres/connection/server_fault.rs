//! Kinds of failures of a server: whether a repetition can succeed.

use std::io;

use ::postgres::error::SqlState;

use crate::Error;

/// Kind of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::postgres) enum ServerFault {
    /// The server cannot be reached, ended the connection, or accepts no writes for now. Whether a
    /// statement was run is not known.
    Unreachable,
    /// The server rolled the transaction back in favour of another one.
    Conflict,
    /// The statement was cancelled.
    Cancelled,
    /// Every repetition would fail in the same way.
    Permanent,
}

/// States of a server that ended a connection, or that takes no new one for now.
const UNREACHABLE: [SqlState; 7] = [
    SqlState::ADMIN_SHUTDOWN,
    SqlState::CRASH_SHUTDOWN,
    SqlState::CANNOT_CONNECT_NOW,
    SqlState::IDLE_SESSION_TIMEOUT,
    SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    SqlState::TOO_MANY_CONNECTIONS,
    // A write to a standby, which may be promoted.
    SqlState::READ_ONLY_SQL_TRANSACTION,
];

impl ServerFault {
    /// Returns the kind of `error`, [`Permanent`](Self::Permanent) unless a server caused it.
    pub(in crate::postgres) fn of(error: &Error) -> Self {
        let Error::Shard { source, .. } = error else { return Self::Permanent };
        source.downcast_ref().map_or(Self::Permanent, Self::of_client)
    }

    /// Returns the kind of an error of the client.
    pub(super) fn of_client(error: &::postgres::Error) -> Self {
        match error.code() {
            Some(state) if is_unreachable(state) => Self::Unreachable,
            Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED) => {
                Self::Conflict
            }
            Some(&SqlState::QUERY_CANCELED) => Self::Cancelled,
            None if error.is_closed() || has_lost_socket(error) => Self::Unreachable,
            Some(_) | None => Self::Permanent,
        }
    }

    /// Whether a repetition can succeed.
    pub(in crate::postgres) fn is_transient(self) -> bool {
        matches!(self, Self::Unreachable | Self::Conflict)
    }
}

fn is_unreachable(state: &SqlState) -> bool {
    let is_connection_exception = state.code().starts_with("08");
    is_connection_exception || UNREACHABLE.contains(state)
}

/// Whether the socket failed. Invalid data is a certificate that is not trusted, or no PostgreSQL.
fn has_lost_socket(error: &::postgres::Error) -> bool {
    let source = std::error::Error::source(error);
    let socket = source.and_then(|source| source.downcast_ref::<io::Error>());
    socket.is_some_and(|socket| {
        !matches!(socket.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
    })
}
