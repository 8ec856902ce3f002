//! Without the feature `lexical` the words of a segment are not indexed.

use crate::{
    Language, Result,
    format::sections::Part,
    store::segment::{LiveSegment, Segment},
};

/// Nothing.
#[derive(Debug, Default)]
pub(crate) struct Words(());

impl Words {
    #[expect(clippy::unnecessary_wraps, reason = "as with the feature")]
    pub(crate) fn of(_: &[(&str, Option<Language>)]) -> Result<Self> {
        Ok(Self(()))
    }

    #[expect(clippy::unnecessary_wraps, reason = "as with the feature")]
    pub(crate) fn joined(_: &[(&LiveSegment, &[u32])]) -> Result<Self> {
        Ok(Self(()))
    }
}

#[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "as with the feature")]
impl Segment {
    pub(crate) fn has_current_words(&self) -> bool {
        true
    }

    pub(crate) fn has_whole_words(&self) -> bool {
        true
    }

    pub(super) fn verify_words(&self) -> Result<()> {
        Ok(())
    }

    pub(super) fn words_part(&self) -> Result<Option<Part<'_>>> {
        Ok(None)
    }
}
