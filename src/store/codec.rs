//! Records as bytes: the only place that knows bincode and its configuration.
//!
//! bincode 2 with fixed integers, little-endian. Text is read where it lies, so what reading
//! allocates is never much more than the record itself.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The longest record.
const MAX_RECORD: usize = 1 << 24;

type Codec = Configuration<LittleEndian, Fixint, Limit<MAX_RECORD>>;

/// The one configuration that both directions use.
fn codec() -> Codec {
    bincode::config::standard().with_fixed_int_encoding().with_limit::<MAX_RECORD>()
}

/// `record` as bytes; `what` says what they are, should they be too many.
pub(crate) fn encode(record: &impl Serialize, what: &'static str) -> Result<Vec<u8>> {
    #[expect(clippy::expect_used, reason = "bincode fails on sequences of unknown length alone")]
    let bytes = bincode::serde::encode_to_vec(record, codec()).expect("records know their lengths");
    let (got, limit) = (bytes.len(), MAX_RECORD);
    if got <= limit { Ok(bytes) } else { Err(Error::TooLarge { what, got, limit }) }
}

/// The record that is all of `bytes`; `None` if they are not one of type `T`.
pub(crate) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    let (record, used) = bincode::serde::borrow_decode_from_slice(bytes, codec()).ok()?;
    (used == bytes.len()).then_some(record)
}
