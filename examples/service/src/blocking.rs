//! Calls that block, a bounded number at a time.

use std::sync::Arc;

use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::problem::Problem;

/// Runs calls on the blocking threads of the runtime, at most `limit` at once.
///
/// Without the limit, a burst of requests would start hundreds of threads that share a few cores.
pub(crate) struct BlockingCalls {
    permits: Arc<Semaphore>,
}

impl BlockingCalls {
    pub(crate) fn new(limit: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(limit)) }
    }

    /// Waits for a permit, then runs `call`.
    ///
    /// The permit belongs to the call and not to the request: a request that ends early leaves its
    /// call running, and the call still counts.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> passim::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        let permits = Arc::clone(&self.permits);
        let permit = permits.acquire_owned().await.expect("the semaphore is never closed");
        let joined = spawn_blocking(move || {
            let _permit = permit;
            call()
        });
        joined.await.map_err(|_| Problem::Panicked)?.map_err(Problem::Passim)
    }
}
