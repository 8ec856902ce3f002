//! Records as bytes: the only place that knows bincode and its configuration.
//!
//! A record is its length (`u32`, little-endian) and that many bytes of bincode 2 with
//! fixed integers, little-endian.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, Result};

/// The longest record: what a reader allocates for one is never more.
const MAX_RECORD: usize = 1 << 28;
const LENGTH: usize = size_of::<u32>();

type Codec = Configuration<LittleEndian, Fixint, Limit<MAX_RECORD>>;

/// The one configuration that both directions use.
fn codec() -> Codec {
    bincode::config::standard().with_fixed_int_encoding().with_limit::<MAX_RECORD>()
}

/// `record` as bytes, its length first.
pub(super) fn encode(record: &impl Serialize) -> Result<Vec<u8>> {
    #[expect(clippy::expect_used, reason = "bincode fails on sequences of unknown length alone")]
    let bytes = bincode::serde::encode_to_vec(record, codec()).expect("records know their lengths");
    let what = "bytes in one article with its metadata and passages";
    let too_large = Error::TooLarge { what, got: bytes.len(), limit: MAX_RECORD };
    match u32::try_from(bytes.len()) {
        Ok(length) if bytes.len() <= MAX_RECORD => {
            Ok([&length.to_le_bytes(), bytes.as_slice()].concat())
        }
        _ => Err(too_large),
    }
}

/// The record at the beginning of `bytes`, which is moved behind it; `None` if it is not
/// one of type `T`.
pub(super) fn decode<T: DeserializeOwned>(bytes: &mut &[u8]) -> Option<T> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (record, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    let (value, used) = bincode::serde::decode_from_slice(record, codec()).ok()?;
    (used == length).then_some(value)
}
