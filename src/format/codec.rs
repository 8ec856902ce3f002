//! Records as bytes: the only place that knows bincode and its configuration.
//!
//! bincode 2 with fixed integers, little-endian. Text is read where it lies, and lists of lists
//! by [`list`], so what reading allocates is never much more than the record itself.

use std::{fmt, marker::PhantomData};

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{SeqAccess, Visitor},
};

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

/// Reads a list that gets room as its elements come, not as many as it says it has: in lists of
/// lists, room for what is only said would add up.
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
