//! Without the feature `lexical` no words are looked for.

use std::ops::Range;

use crate::{Hit, Query, Result, Searcher};

impl Searcher {
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "as with the feature")]
    pub(crate) fn words_in(&self, _: &Query, _: &Hit) -> Result<Vec<Range<usize>>> {
        Ok(Vec::new())
    }
}
