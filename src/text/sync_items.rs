//! The items of a sync: articles, and sources that could not be read.

use std::iter::Fuse;

use super::UnreadSource;
use crate::{Article, Interrupt, Result};

/// Iterates over the articles of a sync, and sets errors aside.
pub(crate) struct SyncItems<'c, I: Iterator> {
    items: Fuse<I>,
    /// Number of items, if it was known from the start.
    total: Option<usize>,
    taken: usize,
    unread: Vec<UnreadSource>,
    /// Ends an iterator that repeats its error for ever.
    interrupt: Interrupt<'c>,
}

impl<'c, I: Iterator> SyncItems<'c, I> {
    pub(crate) fn new(items: I, interrupt: Interrupt<'c>) -> Self {
        let (at_least, at_most) = items.size_hint();
        let total = at_most.filter(|at_most| *at_most == at_least);
        Self { items: items.fuse(), total, taken: 0, unread: Vec::new(), interrupt }
    }

    /// Calls `report` with the number of items taken and their total, if that is known.
    pub(crate) fn report(&self, report: impl FnOnce(usize, usize)) {
        if let Some(total) = self.total {
            report(self.taken, total);
        }
    }

    /// Returns the sources that could not be read.
    pub(crate) fn into_unread(self) -> Vec<UnreadSource> {
        self.unread
    }
}

impl<I, E> Iterator for SyncItems<'_, I>
where
    I: Iterator<Item = Result<Article, E>>,
    E: Into<UnreadSource>,
{
    type Item = Result<Article>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let item = self.items.next()?;
            self.taken += 1;
            match item {
                Ok(article) => return Some(Ok(article)),
                Err(error) => self.unread.push(error.into()),
            }
            if let Err(interrupted) = self.interrupt.check() {
                return Some(Err(interrupted));
            }
        }
    }
}
