//! Encoding of records with bincode 2: little-endian, with integers of fixed width.
//!
//! No other file uses bincode. Decoding allocates little more than the size of the record: it
//! borrows texts, and reads nested lists with [`list`].

use std::{fmt, marker::PhantomData};

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{SeqAccess, Visitor},
};

use crate::{Error, Result};

/// Maximum length of a record in bytes.
const MAX_RECORD: usize = 1 << 24;

type Codec = Configuration<LittleEndian, Fixint, Limit<MAX_RECORD>>;

/// Configuration of both directions.
fn codec() -> Codec {
    bincode::config::standard().with_fixed_int_encoding().with_limit::<MAX_RECORD>()
}

/// Encodes `record`; `what` describes its bytes in the error.
///
/// # Errors
///
/// [`Error::TooLarge`] for more than [`MAX_RECORD`] bytes.
pub(crate) fn encode(record: &impl Serialize, what: &'static str) -> Result<Vec<u8>> {
    // bincode fails only for sequences of unknown length, and records have none.
    let bytes = bincode::serde::encode_to_vec(record, codec()).expect("a record knows its lengths");
    if bytes.len() > MAX_RECORD {
        return Err(Error::TooLarge { what, got: bytes.len(), limit: MAX_RECORD });
    }
    Ok(bytes)
}

/// Decodes `bytes`; `None` unless all of them are one record of type `T`.
pub(crate) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    let (record, used) = bincode::serde::borrow_decode_from_slice(bytes, codec()).ok()?;
    (used == bytes.len()).then_some(record)
}

/// Deserializes a list without reserving memory for its declared length.
///
/// The declared lengths of nested lists are not bounded by the length of the record, so memory
/// reserved for each of them would add up.
pub(crate) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(ListVisitor(PhantomData))
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            list.push(element);
        }
        Ok(list)
    }
}
