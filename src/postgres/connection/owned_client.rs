//! A client that is closed on a thread of its own.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
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

fn take(client: &Mutex<Option<Client>>) -> Option<Client> {
    client.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Drop for OwnedClient {
    fn drop(&mut self) {
        // Shared, since a thread that cannot be started would drop what it owns here.
        let client = Arc::new(Mutex::new(self.0.take()));
        let closed = Arc::clone(&client);
        let closing = thread::Builder::new().name("passim-close".to_owned());
        match closing.spawn(move || drop(take(&closed))) {
            Ok(closing) => _ = closing.join(),
            Err(error) => {
                tracing::warn!(%error, "a connection stays open until the process ends");
                std::mem::forget(take(&client));
            }
        }
    }
}
