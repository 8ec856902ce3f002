//! What a filter lets through, segment by segment.

use super::{candidates::SegmentView, filter::Kind};
use crate::{Error, Filter, Result, Searcher, store::segment::LiveSegment};

impl Searcher {
    /// The segments, each with the rows that `filter` lets through.
    pub(super) fn parts(&self, filter: Option<&Filter>) -> Result<Vec<SegmentView<'_>>> {
        filter.map_or(Ok(()), |filter| self.check_types(filter))?;
        let segments = self.snapshot.segments.iter();
        segments.map(|one| Ok((one, one.allowed_by(filter)?))).collect()
    }

    /// Refuses a filter that asks for values of a kind that none of the corpus has, where it has
    /// others of that name.
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
            for kind in Kind::ALL {
                if holds(name, kind)? {
                    stored.push(kind.plural());
                }
            }
            if stored.is_empty() {
                return Ok(());
            }
            // What is damaged may be what was asked for.
            self.snapshot.segments.iter().try_for_each(LiveSegment::check_heads)?;
            let (name, asked) = (name.to_owned(), asked.plural());
            Err(Error::FilterType { name, asked, stored })
        })
    }
}
