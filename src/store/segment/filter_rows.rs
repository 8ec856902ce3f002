//! Resolves a filter to the rows of a segment.
//!
//! Conditions on articles become sets of articles, by lookup. Closures run only on passages that
//! these sets do not decide.

use super::{LiveSegment, Segment};
use crate::{
    Result, RowSet,
    search::filter::{Closure, Expression, Filter, ValueKind},
    vector::to_row,
};

/// A filter resolved among a set of articles.
enum Resolved<'f> {
    Articles(RowSet),
    Custom(&'f Closure),
    Not(Box<Resolved<'f>>),
    /// Passages of these articles that pass all of the rest.
    All(RowSet, Vec<Resolved<'f>>),
    /// Passages of these articles, and passages that pass any of the rest.
    Any(RowSet, Vec<Resolved<'f>>),
}

impl LiveSegment {
    /// The live rows that `filter` allows.
    pub(super) fn filtered(&self, filter: &Filter) -> Result<RowSet> {
        let segment = self.sealed();
        let live = self.live_articles();
        let resolved = segment.resolve(filter.expression(), live)?;
        match &resolved {
            Resolved::Articles(articles) => segment.rows_of_all(articles),
            // Other articles cannot pass, so their passages are not visited.
            Resolved::All(articles, _) => segment.rows_that_pass(articles, &resolved),
            _ => segment.rows_that_pass(live, &resolved),
        }
    }

    /// The live articles that `filter`, which has no closure, matches.
    pub(crate) fn matching_articles(&self, filter: &Filter) -> Result<RowSet> {
        match self.sealed().resolve(filter.expression(), self.live_articles())? {
            Resolved::Articles(articles) => Ok(articles),
            _ => unreachable!("only closures decide on passages"),
        }
    }

    /// Whether a live article has a value of this name and kind.
    pub(crate) fn holds(&self, name: &str, kind: ValueKind) -> Result<bool> {
        let column = self.sealed().cached_heads()?.column(name);
        Ok(column.is_some_and(|column| column.holds(kind, self.live_articles())))
    }

    /// Checks that the heads of all live articles can be read.
    pub(crate) fn check_heads(&self) -> Result<()> {
        self.sealed().undamaged_heads(self.live_articles()).map(drop)
    }
}

impl Segment {
    /// Resolves `expression` among the articles `within`.
    fn resolve<'f>(&self, expression: &'f Expression, within: &RowSet) -> Result<Resolved<'f>> {
        Ok(match expression {
            Expression::Custom(closure) => Resolved::Custom(&**closure),
            Expression::Not(part) => match self.resolve(part, within)? {
                Resolved::Articles(articles) => Resolved::Articles(difference(within, &articles)),
                other => Resolved::Not(Box::new(other)),
            },
            Expression::All(parts) => self.resolve_all(parts, within)?,
            Expression::Any(parts) => self.resolve_any(parts, within)?,
            Expression::Metadata { name, test } => self.lookup(within, |found| {
                if let Some(column) = self.undamaged_heads(within)?.column(name) {
                    column.find(test, found);
                }
                Ok(())
            })?,
            Expression::Language(language) => self.lookup(within, |found| {
                found.insert_all(self.undamaged_heads(within)?.of_language(*language));
                Ok(())
            })?,
            Expression::Key(key) => self.lookup(within, |found| {
                found.insert_all(&self.find(key)?);
                Ok(())
            })?,
            Expression::KeyPrefix(prefix) => self.lookup(within, |found| {
                found.insert_all(self.starting_with(prefix)?);
                Ok(())
            })?,
            Expression::TooDeep => unreachable!("the query was checked before it was resolved"),
        })
    }

    fn resolve_all<'f>(&self, parts: &'f [Expression], within: &RowSet) -> Result<Resolved<'f>> {
        let mut left = within.clone();
        let mut rest = Vec::new();
        for part in keys_first(parts) {
            match self.resolve(part, &left)? {
                Resolved::Articles(articles) => left = articles,
                other => rest.push(other),
            }
        }
        let is_decided = rest.is_empty() || left.is_empty();
        Ok(if is_decided { Resolved::Articles(left) } else { Resolved::All(left, rest) })
    }

    fn resolve_any<'f>(&self, parts: &'f [Expression], within: &RowSet) -> Result<Resolved<'f>> {
        let mut found = RowSet::none(to_row(self.articles()));
        let mut rest = Vec::new();
        for part in keys_first(parts) {
            match self.resolve(part, &difference(within, &found))? {
                Resolved::Articles(articles) => found.union_with(&articles),
                other => rest.push(other),
            }
        }
        let is_decided = rest.is_empty() || found.len() == within.len();
        Ok(if is_decided { Resolved::Articles(found) } else { Resolved::Any(found, rest) })
    }

    /// Returns the articles of `within` that `find` adds; skips the lookup if `within` is empty.
    fn lookup(
        &self,
        within: &RowSet,
        find: impl FnOnce(&mut RowSet) -> Result<()>,
    ) -> Result<Resolved<'static>> {
        let mut found = RowSet::none(to_row(self.articles()));
        if !within.is_empty() {
            find(&mut found)?;
            found.intersect_with(within);
        }
        Ok(Resolved::Articles(found))
    }

    /// The articles whose keys start with `prefix`.
    fn starting_with(&self, prefix: &str) -> Result<&[u32]> {
        let start = self.first_key(0, |key| key < prefix)?;
        let end = self.first_key(start, |key| key.starts_with(prefix))?;
        Ok(&self.key_order()?[start..end])
    }

    /// All rows of `articles`.
    fn rows_of_all(&self, articles: &RowSet) -> Result<RowSet> {
        let first_rows = self.first_rows.get()?;
        let mut rows = RowSet::none(self.len());
        let mut run = 0..0;
        for number in articles.iter() {
            let own = first_rows.rows_of(number);
            if run.end == own.start {
                run.end = own.end;
            } else {
                rows.insert_range(run);
                run = own;
            }
        }
        rows.insert_range(run);
        Ok(rows)
    }

    /// The rows of `articles` that pass `resolved`.
    fn rows_that_pass(&self, articles: &RowSet, resolved: &Resolved) -> Result<RowSet> {
        let mut rows = RowSet::none(self.len());
        for number in articles.iter() {
            for row in self.rows_of(number)? {
                if self.allows(resolved, number, row)? {
                    rows.insert(row);
                }
            }
        }
        Ok(rows)
    }

    /// Whether `row`, of article `number`, passes `resolved`.
    fn allows(&self, resolved: &Resolved, number: u32, row: u32) -> Result<bool> {
        Ok(match resolved {
            Resolved::Articles(articles) => articles.contains(number),
            Resolved::Custom(closure) => {
                closure(self.cached_head(number)?, &self.columns.get()?.passage(row))
            }
            Resolved::Not(part) => !self.allows(part, number, row)?,
            Resolved::All(articles, rest) => {
                articles.contains(number) && !self.any_is(false, rest, number, row)?
            }
            Resolved::Any(articles, rest) => {
                articles.contains(number) || self.any_is(true, rest, number, row)?
            }
        })
    }

    /// Returns whether [`allows`](Self::allows) returns `wanted` for one of `parts`.
    fn any_is(&self, wanted: bool, parts: &[Resolved], number: u32, row: u32) -> Result<bool> {
        for part in parts {
            if self.allows(part, number, row)? == wanted {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Sorts `parts`: first those that read no heads, since they narrow the articles whose heads are
/// read.
fn keys_first(parts: &[Expression]) -> Vec<&Expression> {
    let mut parts: Vec<&Expression> = parts.iter().collect();
    parts.sort_by_key(|part| part.needs_heads());
    parts
}

/// The articles of `all` that are not in `others`.
fn difference(all: &RowSet, others: &RowSet) -> RowSet {
    let mut left = all.clone();
    left.difference_with(others);
    left
}
