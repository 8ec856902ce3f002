//! Which rows of a segment a filter lets through.
//!
//! Conditions on articles are looked up and put together as sets of articles. Closures are left,
//! and are asked of the passages that those sets do not decide on.

use super::{LiveSegment, Segment};
use crate::{
    Result, RowSet,
    search::filter::{Closure, Expression, Filter, Kind},
    vector::to_row,
};

/// What a filter lets through, of the articles that it was resolved among.
enum Resolved<'f> {
    Articles(RowSet),
    By(&'f Closure),
    Not(Box<Resolved<'f>>),
    /// Passages of these articles that meet all of the rest.
    All(RowSet, Vec<Resolved<'f>>),
    /// Passages of these articles, and those that meet any of the rest.
    Any(RowSet, Vec<Resolved<'f>>),
}

impl LiveSegment {
    /// The live rows that `filter` allows.
    pub(super) fn filtered(&self, filter: &Filter) -> Result<RowSet> {
        let (segment, live) = (&**self.segment(), self.live_articles());
        match segment.resolved(filter.expression(), live)? {
            Resolved::Articles(articles) => segment.rows_of_all(&articles),
            Resolved::All(articles, rest) => {
                segment.asked(&articles, &Resolved::All(articles.clone(), rest))
            }
            resolved => segment.asked(live, &resolved),
        }
    }

    /// Whether a live article has a value of this name and kind.
    pub(crate) fn holds(&self, name: &str, kind: Kind) -> Result<bool> {
        let column = self.segment().cached_heads()?.column(name);
        Ok(column.is_some_and(|column| column.holds(kind, self.live_articles())))
    }

    /// Makes sure that what is stored of all live articles could be read.
    pub(crate) fn check_heads(&self) -> Result<()> {
        self.segment().undamaged_heads(self.live_articles()).map(drop)
    }
}

impl Segment {
    /// `expression` among the articles `within`.
    fn resolved<'f>(&self, expression: &'f Expression, within: &RowSet) -> Result<Resolved<'f>> {
        Ok(match expression {
            Expression::By(closure) => Resolved::By(&**closure),
            Expression::Not(part) => match self.resolved(part, within)? {
                Resolved::Articles(articles) => Resolved::Articles(less(within, &articles)),
                other => Resolved::Not(Box::new(other)),
            },
            Expression::All(parts) => self.resolved_all(parts, within)?,
            Expression::Any(parts) => self.resolved_any(parts, within)?,
            condition => Resolved::Articles(self.articles_that_meet(condition, within)?),
        })
    }

    fn resolved_all<'f>(&self, parts: &'f [Expression], within: &RowSet) -> Result<Resolved<'f>> {
        let (mut left, mut rest) = (within.clone(), Vec::new());
        for part in keys_first(parts) {
            match self.resolved(part, &left)? {
                Resolved::Articles(articles) => left = articles,
                other => rest.push(other),
            }
        }
        let decided = rest.is_empty() || left.is_empty();
        Ok(if decided { Resolved::Articles(left) } else { Resolved::All(left, rest) })
    }

    fn resolved_any<'f>(&self, parts: &'f [Expression], within: &RowSet) -> Result<Resolved<'f>> {
        let (mut found, mut rest) = (RowSet::none(to_row(self.articles())), Vec::new());
        for part in keys_first(parts) {
            match self.resolved(part, &less(within, &found))? {
                Resolved::Articles(articles) => found.union_with(&articles),
                other => rest.push(other),
            }
        }
        let decided = rest.is_empty() || found.len() == within.len();
        Ok(if decided { Resolved::Articles(found) } else { Resolved::Any(found, rest) })
    }

    /// The articles of `within` that meet `condition`, which is one on articles.
    fn articles_that_meet(&self, condition: &Expression, within: &RowSet) -> Result<RowSet> {
        let mut found = RowSet::none(to_row(self.articles()));
        if within.is_empty() {
            return Ok(found);
        }
        match condition {
            Expression::Metadata { name, test } => {
                if let Some(column) = self.undamaged_heads(within)?.column(name) {
                    column.find(test, &mut found);
                }
            }
            Expression::Language(language) => {
                found.insert_all(self.undamaged_heads(within)?.of_language(*language));
            }
            Expression::Key(key) => found.insert_all(&self.find(key)?),
            Expression::KeyPrefix(prefix) => found.insert_all(self.starting_with(prefix)?),
            Expression::By(_) | Expression::Not(_) | Expression::All(_) | Expression::Any(_) => {}
        }
        found.intersect_with(within);
        Ok(found)
    }

    /// The articles whose keys start with `prefix`.
    fn starting_with(&self, prefix: &str) -> Result<&[u32]> {
        let start = self.first_key(0, |key| key < prefix)?;
        let end = self.first_key(start, |key| key.starts_with(prefix))?;
        Ok(&self.key_order[start..end])
    }

    /// All rows of `articles`.
    fn rows_of_all(&self, articles: &RowSet) -> Result<RowSet> {
        let first_rows = self.first_rows()?;
        let first_row = |at: u32| first_rows.get(at as usize).copied().unwrap_or(self.len());
        let mut rows = RowSet::none(self.len());
        let mut run = 0..0;
        for at in articles.iter() {
            let of_one = first_row(at)..first_row(at + 1);
            if run.end == of_one.start {
                run.end = of_one.end;
            } else {
                rows.insert_range(run);
                run = of_one;
            }
        }
        rows.insert_range(run);
        Ok(rows)
    }

    /// The rows of `articles` that are let through.
    fn asked(&self, articles: &RowSet, resolved: &Resolved) -> Result<RowSet> {
        let mut rows = RowSet::none(self.len());
        for at in articles.iter() {
            for row in self.rows_of(at)? {
                if self.allows(resolved, at, row)? {
                    rows.insert(row);
                }
            }
        }
        Ok(rows)
    }

    /// Whether `row`, of article `at`, is let through.
    fn allows(&self, resolved: &Resolved, at: u32, row: u32) -> Result<bool> {
        Ok(match resolved {
            Resolved::Articles(articles) => articles.contains(at),
            Resolved::By(closure) => closure(self.cached_head(at)?, &self.passage(row)),
            Resolved::Not(part) => !self.allows(part, at, row)?,
            Resolved::All(articles, rest) => {
                articles.contains(at) && !self.any_is(false, rest, at, row)?
            }
            Resolved::Any(articles, rest) => {
                articles.contains(at) || self.any_is(true, rest, at, row)?
            }
        })
    }

    /// Whether any of `parts` says `wanted` of `row`.
    fn any_is(&self, wanted: bool, parts: &[Resolved], at: u32, row: u32) -> Result<bool> {
        for part in parts {
            if self.allows(part, at, row)? == wanted {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// `parts`, first those that need no heads: damaged ones of other articles then do not matter.
fn keys_first(parts: &[Expression]) -> Vec<&Expression> {
    let mut parts: Vec<&Expression> = parts.iter().collect();
    parts.sort_by_key(|part| part.needs_heads());
    parts
}

/// What of `all` is not in `others`.
fn less(all: &RowSet, others: &RowSet) -> RowSet {
    let mut left = all.clone();
    left.difference_with(others);
    left
}
