//! Without the feature `lexical` no words are looked for.

use std::ops::Range;

use crate::{Hit, Query, Result};

#[expect(clippy::unnecessary_wraps, reason = "as with the feature")]
pub(crate) fn words_in(_: &Hit, _: &Query) -> Result<Vec<Range<usize>>> {
    Ok(Vec::new())
}
