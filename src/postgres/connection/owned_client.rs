//! A client that is closed on a thread of its own.

use std::{
    ops::{Deref, DerefMut},
    thread,
};

use ::postgres::Client;

/// A client that is closed on a thread of its own.
///
/// Closing blocks, and blocking panics on a thread of an asynchronous runtime. A panic in a destructor
/// while another one unwinds would end the process.
pub(super) struct OwnedClient(Option<Client>);

impl From<Client> for OwnedClient {
    fn from(client: Client) -> Self {
        Self(Some(client))
    }
}

impl Deref for OwnedClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.0.as_ref().expect("only the drop takes the client")
    }
}

impl DerefMut for OwnedClient {
    fn deref_mut(&mut self) -> &mut Client {
        self.0.as_mut().expect("only the drop takes the client")
    }
}

impl Drop for OwnedClient {
    fn drop(&mut self) {
        let client = self.0.take();
        let closing = thread::Builder::new().name("passim-close".to_owned());
        match closing.spawn(move || drop(client)) {
            Ok(closing) => _ = closing.join(),
            Err(error) => tracing::warn!(%error, "a connection could not be closed apart"),
        }
    }
}
