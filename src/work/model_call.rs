//! Calls of a user's model, whose panics become errors.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{Cause, Error, Result};

/// Runs `call`, which calls a user's model. A panic is returned as `failed` with the panic's
/// message.
///
/// The crate shares no state with a model, so a panic leaves nothing of the crate half changed.
pub(crate) fn call_model<T>(
    failed: fn(Cause) -> Error,
    call: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let outcome = catch_unwind(AssertUnwindSafe(call));
    outcome.unwrap_or_else(|panic| {
        let message = panic_message(&*panic);
        Err(failed(format!("the model panicked: {message}").into()))
    })
}

/// Returns the message of `panic!`, whose payload is a text unless `panic_any` was called.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> &str {
    let literal = payload.downcast_ref::<&'static str>().copied();
    literal.or_else(|| Some(payload.downcast_ref::<String>()?)).unwrap_or("a panic without a text")
}

#[cfg(test)]
mod tests {
    use std::{error::Error as _, panic::panic_any};

    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_message() {
        let literal: fn() -> Result<()> = || panic!("out of memory");
        let formatted: fn() -> Result<()> = || panic!("{} of memory", "out");
        for call in [literal, formatted] {
            let error = call_model(Error::Rerank, call).unwrap_err();
            assert!(matches!(error, Error::Rerank(_)), "{error}");
            let cause = error.source().unwrap().to_string();
            assert_eq!(cause, "the model panicked: out of memory");
        }
        let error = call_model::<()>(Error::Embed, || panic_any(7)).unwrap_err();
        assert_eq!(
            error.source().unwrap().to_string(),
            "the model panicked: a panic without a text"
        );
    }

    #[test]
    fn values_and_errors_of_a_call_pass_through() {
        assert_eq!(call_model(Error::Embed, || Ok(3)).unwrap(), 3);
        let failed = call_model::<()>(Error::Embed, || Err(Error::Cancelled));
        assert!(matches!(failed, Err(Error::Cancelled)));
    }
}
