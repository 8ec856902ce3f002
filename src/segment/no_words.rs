//! Without the feature `lexical` the words of a segment are not indexed.

use crate::{Language, Result, sections::Part, segment::Segment};

/// Nothing.
#[derive(Debug, Default)]
pub(crate) struct Words(());

impl Words {
    #[expect(clippy::unnecessary_wraps, reason = "as with the feature")]
    pub(crate) fn of(_: &[(&str, Option<Language>)]) -> Result<Self> {
        Ok(Self(()))
    }

    #[expect(clippy::unnecessary_wraps, reason = "as with the feature")]
    pub(crate) fn joined(_: &[(&Segment, &[u32])]) -> Result<Self> {
        Ok(Self(()))
    }
}

impl Segment {
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "as with the feature")]
    pub(super) fn words_part(&self) -> Result<Option<Part<'_>>> {
        Ok(None)
    }
}
