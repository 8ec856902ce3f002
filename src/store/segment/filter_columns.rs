//! The heads of a segment in memory, and their metadata values sorted by name for filters.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::{Bound, Range},
    sync::OnceLock,
};

use super::{LiveSegment, Segment};
use crate::{
    ArticleHead, Language, Result, RowSet, Value,
    format::head_record::StoredHead,
    search::{
        filter::{Instant, Scalar, Test, ValueKind},
        view::CountedValue,
    },
    vector::to_row,
};

/// All heads of a segment. Columns exist for stored names only, so that filters on other names
/// take no memory; each is built when a filter first needs it.
pub(super) struct CachedHeads {
    /// `None` for a damaged head.
    heads: Vec<Option<ArticleHead>>,
    damaged: Vec<u32>,
    columns: BTreeMap<String, OnceLock<ValueColumn>>,
    languages: OnceLock<ValueColumn>,
}

/// Articles sorted by their values of one name.
#[derive(Debug)]
pub(super) struct ValueColumn {
    /// Distinct values in ascending order.
    values: Vec<Scalar<Box<str>>>,
    /// End of each value's articles in `articles`.
    ends: Vec<u32>,
    articles: Vec<u32>,
}

impl Segment {
    /// All heads; the first call reads them.
    pub(super) fn cached_heads(&self) -> Result<&CachedHeads> {
        self.columns.get()?;
        let read = || {
            CachedHeads::new((0..to_row(self.articles())).map(|number| self.article_head(number)))
        };
        Ok(self.head_cache.get_or_init(read))
    }

    /// All heads, unless that of one of `articles` is damaged.
    pub(super) fn undamaged_heads(&self, articles: &RowSet) -> Result<&CachedHeads> {
        let cached = self.cached_heads()?;
        match cached.damaged.iter().find(|number| articles.contains(**number)) {
            Some(number) => Err(self.damaged(*number)),
            None => Ok(cached),
        }
    }

    /// The head of article `number`.
    pub(super) fn cached_head(&self, number: u32) -> Result<&ArticleHead> {
        self.cached_heads()?.head(number).ok_or_else(|| self.damaged(number))
    }

    /// The latest time that the article of `row` has under `name`.
    pub(crate) fn latest_time(&self, name: &str, row: u32) -> Result<Option<Instant>> {
        let head = self.cached_head(self.article_of(row)?)?;
        let items = head.metadata.get(name).map_or(&[][..], Value::items);
        Ok(items.iter().filter_map(|item| Scalar::first(item).time()).max())
    }

    fn article_head(&self, number: u32) -> Result<ArticleHead> {
        let StoredHead { title, language, metadata, .. } = self.head(number)?;
        Ok(ArticleHead { key: self.key(number)?.to_owned(), title, language, metadata })
    }
}

impl LiveSegment {
    /// Adds to `kinds` the kinds of the values that live articles have under each name. Articles
    /// that cannot be read are left out.
    pub(crate) fn add_metadata_kinds(&self, kinds: &mut BTreeMap<String, BTreeSet<ValueKind>>) {
        let Ok(cached) = self.sealed().cached_heads() else { return };
        let heads = self.live_articles().iter().filter_map(|number| cached.head(number));
        for (name, value) in heads.flat_map(|head| &head.metadata) {
            let found = value.items().iter().map(|item| Scalar::first(item).kind());
            // Most names are known already: they are not copied.
            match kinds.get_mut(name) {
                Some(known) => known.extend(found),
                None => _ = kinds.insert(name.clone(), found.collect()),
            }
        }
    }
}

impl CachedHeads {
    fn new(heads: impl Iterator<Item = Result<ArticleHead>>) -> Self {
        let heads: Vec<Option<ArticleHead>> = heads.map(Result::ok).collect();
        let damaged =
            (0..).zip(&heads).filter_map(|(number, head)| head.is_none().then_some(number));
        let mut columns = BTreeMap::new();
        for name in heads.iter().flatten().flat_map(|head| head.metadata.keys()) {
            if !columns.contains_key(name) {
                columns.insert(name.clone(), OnceLock::new());
            }
        }
        Self { damaged: damaged.collect(), heads, columns, languages: OnceLock::new() }
    }

    /// The head of article `number`; `None` if it is damaged.
    fn head(&self, number: u32) -> Option<&ArticleHead> {
        self.heads[number as usize].as_ref()
    }

    /// The values of `name`; `None` if no article has one.
    pub(super) fn column(&self, name: &str) -> Option<&ValueColumn> {
        let column = self.columns.get(name)?;
        Some(column.get_or_init(|| {
            self.sorted_by(|head| {
                let items = head.metadata.get(name).map_or(&[][..], Value::items);
                items.iter().map(Scalar::first)
            })
        }))
    }

    /// The articles in `language`.
    pub(super) fn of_language(&self, language: Language) -> &[u32] {
        let languages =
            self.languages.get_or_init(|| self.sorted_by(|head| head.language.as_ref().map(code)));
        languages.with(languages.span(code(&language), code(&language)))
    }

    /// Sorts the articles by the `values` of their heads.
    fn sorted_by<'h, V>(&'h self, values: impl Fn(&'h ArticleHead) -> V) -> ValueColumn
    where
        V: IntoIterator<Item = Scalar<&'h str>>,
    {
        let mut entries = Vec::new();
        for (number, head) in (0..).zip(&self.heads) {
            let values = head.iter().flat_map(&values);
            entries.extend(values.map(|value| (value, number)));
        }
        ValueColumn::new(entries)
    }
}

impl ValueColumn {
    fn new(mut entries: Vec<(Scalar<&str>, u32)>) -> Self {
        entries.sort_unstable();
        // A list can hold a value twice.
        entries.dedup();
        let mut values = Vec::new();
        let mut ends = Vec::new();
        let articles: Vec<u32> = entries.iter().map(|(_, number)| *number).collect();
        let mut end = 0;
        for equal in entries.chunk_by(|a, b| a.0 == b.0) {
            end += equal.len();
            values.push(equal[0].0.map(|text| Box::from(*text)));
            ends.push(to_row(end));
        }
        Self { values, ends, articles }
    }

    /// Adds to `found` the articles whose values pass `test`.
    pub(super) fn find(&self, test: &Test, found: &mut RowSet) {
        match test {
            Test::Exists => found.insert_all(&self.articles),
            Test::AnyOf(values) => {
                found.insert_all(values.iter().flat_map(|value| self.with(self.equal_to(value))));
            }
            Test::Range(from, to) => found.insert_all(self.with(self.between(from, to))),
            Test::Prefix(prefix) => found.insert_all(self.with(self.starting_with(prefix))),
        }
    }

    /// Counts the `articles` that have each value, and returns the values that one has, ascending.
    pub(super) fn counts(&self, articles: &RowSet) -> impl Iterator<Item = CountedValue<'_>> {
        self.values.iter().enumerate().filter_map(|(number, value)| {
            let with = self.with(number..number + 1).iter();
            let count = with.filter(|article| articles.contains(**article)).count();
            (count > 0).then(|| CountedValue::new(borrowed(value), count))
        })
    }

    /// Returns how many of `articles` have a value.
    pub(super) fn len_among(&self, articles: &RowSet) -> usize {
        let mut with = RowSet::none(articles.bound());
        with.insert_all(&self.articles);
        with.intersect_with(articles);
        with.len()
    }

    /// Whether one of `articles` has a value of `kind`.
    pub(super) fn holds(&self, kind: ValueKind, articles: &RowSet) -> bool {
        let start = self.values.partition_point(|value| value.kind() < kind);
        let end = self.values.partition_point(|value| value.kind() <= kind);
        self.with(start..end).iter().any(|number| articles.contains(*number))
    }

    /// The articles of the values numbered `values`.
    fn with(&self, values: Range<usize>) -> &[u32] {
        let begin = |value: usize| if value == 0 { 0 } else { self.ends[value - 1] as usize };
        &self.articles[begin(values.start)..begin(values.end)]
    }

    /// The values that `value` stands for.
    fn equal_to(&self, value: &Value) -> Range<usize> {
        self.span(Scalar::first(value), Scalar::last(value))
    }

    /// The values from `first` to `last`, with both.
    fn span(&self, first: Scalar<&str>, last: Scalar<&str>) -> Range<usize> {
        self.first(|value| value < first)..self.first(|value| value <= last)
    }

    /// The values that start with `prefix`.
    fn starting_with(&self, prefix: &str) -> Range<usize> {
        let start = self.first(|value| value < Scalar::Text(prefix));
        let starts = |value: &Scalar<Box<str>>| matches!(value, Scalar::Text(text) if text.starts_with(prefix));
        let count = self.values[start..].partition_point(starts);
        start..start + count
    }

    /// The values between `from` and `to`, which compare with each other. An open end reaches as
    /// far as values compare with the other bound.
    fn between(&self, from: &Bound<Value>, to: &Bound<Value>) -> Range<usize> {
        use Bound::{Excluded, Included, Unbounded};

        let start = match (from, to) {
            (Included(from), _) => self.first(|value| value < Scalar::first(from)),
            (Excluded(from), _) => self.first(|value| value <= Scalar::last(from)),
            (Unbounded, Included(to) | Excluded(to)) => {
                let to = Scalar::first(to);
                self.first(|value| value < to && !value.compares_with(&to))
            }
            (Unbounded, Unbounded) => 0,
        };
        let end = match (to, from) {
            (Included(to), _) => self.first(|value| value <= Scalar::last(to)),
            (Excluded(to), _) => self.first(|value| value < Scalar::first(to)),
            (Unbounded, Included(from) | Excluded(from)) => {
                let from = Scalar::first(from);
                self.first(|value| value < from || value.compares_with(&from))
            }
            (Unbounded, Unbounded) => self.values.len(),
        };
        start..end.max(start)
    }

    /// The number of the first value that is not `before`.
    fn first(&self, before: impl Fn(Scalar<&str>) -> bool) -> usize {
        self.values.partition_point(|value| before(borrowed(value)))
    }
}

fn code(language: &Language) -> Scalar<&str> {
    Scalar::Text(language.code())
}

fn borrowed(value: &Scalar<Box<str>>) -> Scalar<&str> {
    value.map(|text| &**text)
}
