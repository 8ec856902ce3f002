//! The keys of a corpus in ascending order, merged from its segments.

use std::{cmp::Ordering, slice};

use super::segment::LiveSegment;
use crate::Result;

/// Iterates over the keys of all live articles in ascending order of their bytes.
///
/// A key that cannot be read is an error in its place; the others follow.
pub(crate) struct SortedKeys<'s> {
    sources: Vec<SegmentKeys<'s>>,
}

/// The keys of one segment that were not returned yet.
struct SegmentKeys<'s> {
    segment: &'s LiveSegment,
    /// Articles after `next`, live or not, in the order of their keys.
    rest: slice::Iter<'s, u32>,
    next: Option<Result<&'s str>>,
}

impl<'s> SortedKeys<'s> {
    pub(crate) fn new(segments: &'s [LiveSegment]) -> Self {
        Self { sources: segments.iter().map(SegmentKeys::new).collect() }
    }
}

impl<'s> Iterator for SortedKeys<'s> {
    type Item = Result<&'s str>;

    fn next(&mut self) -> Option<Self::Item> {
        let sources = self.sources.iter_mut().filter(|source| source.next.is_some());
        sources.min_by(|a, b| a.order(b))?.take_next()
    }
}

impl<'s> SegmentKeys<'s> {
    fn new(segment: &'s LiveSegment) -> Self {
        let (rest, error) = match segment.sealed().key_order() {
            Ok(order) => (order.iter(), None),
            Err(error) => ([].iter(), Some(Err(error))),
        };
        let mut keys = Self { segment, rest, next: error };
        if keys.next.is_none() {
            keys.take_next();
        }
        keys
    }

    /// Returns the next key and reads the one after it.
    fn take_next(&mut self) -> Option<Result<&'s str>> {
        let live = self.rest.find(|number| self.segment.is_live(**number));
        let following = live.map(|number| self.segment.sealed().key(*number));
        std::mem::replace(&mut self.next, following)
    }

    /// Orders segments by their next keys, errors first.
    fn order(&self, other: &Self) -> Ordering {
        match (&self.next, &other.next) {
            (Some(Ok(key)), Some(Ok(other_key))) => key.cmp(other_key),
            (next, other_next) => {
                let is_key = |next: &Option<Result<&str>>| matches!(next, Some(Ok(_)));
                is_key(next).cmp(&is_key(other_next))
            }
        }
    }
}
