//! The rows and articles of a segment that a query matches, and their values of metadata.

use std::borrow::Cow;

use super::LiveSegment;
use crate::{Result, RowSet, lexical::QueryTerms, search::view::ArticlesByValue, vector::to_row};

impl LiveSegment {
    /// The live rows that are `allowed`, all if `None`, and have a word of `question`, if there is one.
    pub(crate) fn matching_rows<'s>(
        &'s self,
        allowed: Option<&'s RowSet>,
        question: Option<&QueryTerms>,
    ) -> Result<Cow<'s, RowSet>> {
        let allowed = allowed.unwrap_or_else(|| self.live_passages());
        let Some(question) = question.filter(|_| !allowed.is_empty()) else {
            return Ok(Cow::Borrowed(allowed));
        };
        let mut rows = self.lexical()?.rows_with_any(question);
        rows.intersect_with(allowed);
        Ok(Cow::Owned(rows))
    }

    /// The articles of `rows`.
    pub(crate) fn articles_of(&self, rows: &RowSet) -> Result<RowSet> {
        let segment = self.sealed();
        let mut articles = RowSet::none(to_row(segment.articles()));
        let mut end = 0;
        for row in rows.iter() {
            if row >= end {
                let number = segment.article_of(row)?;
                articles.insert(number);
                end = segment.rows_of(number)?.end;
            }
        }
        Ok(articles)
    }

    /// Adds the numbers of `articles`, which are live, by their values of `name`.
    pub(crate) fn add_values<'s>(
        &'s self,
        name: &str,
        articles: &RowSet,
        counted: &mut ArticlesByValue<'s>,
    ) -> Result<()> {
        counted.articles += articles.len();
        counted.without += articles.len();
        if articles.is_empty() {
            return Ok(());
        }
        if let Some(column) = self.sealed().undamaged_heads(articles)?.column(name) {
            counted.values.extend(column.counts(articles));
            counted.without -= column.len_among(articles);
        }
        Ok(())
    }
}
