//! Resolution of a filter into the allowed rows of each segment.

use super::{candidates::SegmentView, filter::ValueKind};
use crate::{Error, Filter, Result, Searcher, store::segment::LiveSegment};

impl SegmentView<'_> {
    /// Returns the number of passages that a search may return.
    pub(super) fn allowed_passages(&self) -> usize {
        self.allowed.as_ref().map_or_else(|| self.segment.passages(), |allowed| allowed.len())
    }
}

impl Searcher {
    /// Returns the segments with the rows that `filter` allows.
    pub(super) fn segment_views<'s>(
        &'s self,
        filter: Option<&Filter>,
    ) -> Result<Vec<SegmentView<'s>>> {
        if let Some(filter) = filter {
            self.check_types(filter)?;
        }
        let segments = self.snapshot.segments.iter();
        let view = |segment: &'s LiveSegment| -> Result<SegmentView<'s>> {
            Ok(SegmentView { segment, allowed: segment.allowed_by(filter)? })
        };
        segments.map(view).collect()
    }

    /// Returns an error if a name has stored values, but none of the kind that `filter` compares.
    fn check_types(&self, filter: &Filter) -> Result<()> {
        let holds = |name: &str, kind| {
            let mut segments = self.snapshot.segments.iter();
            segments.try_fold(false, |held, segment| Ok(held || segment.holds(name, kind)?))
        };
        filter.expression().asked(&mut |name, asked| {
            if holds(name, asked)? {
                return Ok(());
            }
            let mut stored = Vec::new();
            for kind in ValueKind::ALL {
                if holds(name, kind)? {
                    stored.push(kind.plural());
                }
            }
            if stored.is_empty() {
                return Ok(());
            }
            // A damaged segment could hold the missing kind: report the damage instead.
            self.snapshot.segments.iter().try_for_each(LiveSegment::check_heads)?;
            let (name, asked) = (name.to_owned(), asked.plural());
            Err(Error::FilterType { name, asked, stored })
        })
    }
}
