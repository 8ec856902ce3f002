//! Filters: composable conditions on articles and passages.

mod expression;
mod filter_form;
mod filter_text;
mod ordered_value;

use std::{
    fmt,
    ops::{Bound, Not, RangeBounds},
    sync::Arc,
};

use crate::{ArticleHead, Language, Passage, Result, Value};

pub(crate) use expression::{Closure, Expression, Test};
pub(super) use filter_form::FilterForm;
pub(crate) use ordered_value::{Instant, Scalar, ValueKind};

/// A condition on the metadata, language or key of an article, or a closure over a passage.
///
/// [`and`](Self::and), [`or`](Self::or) and `!` compose conditions; [`Display`](fmt::Display)
/// writes them. `!a.and(b)` negates `a.and(b)`, since a method call binds tighter than `!`.
///
/// The first search with a condition on a name builds a sorted column of its values in memory, one
/// per segment. Later searches look conditions up in these columns. A closure is called for every
/// passage.
///
/// # Values
///
/// Integers and floats compare with each other exactly, texts byte by byte, and `false` is less than
/// `true`. Timestamps and dates compare by time: a date in a condition stands for its whole day in
/// UTC, and a stored date for the first instant of it. Values of different types never compare:
/// neither is equal to the other or in a range with it.
///
/// An article with a list meets a condition if one of the values in its list does.
///
/// An article without a value of a name meets no condition on that name. It therefore meets every
/// negated condition: `!Filter::equals("source", "dpa")` allows articles without a source.
///
/// # Errors
///
/// A search with an invalid filter returns an error:
///
/// - [`Error::FilterType`](crate::Error::FilterType) if articles have values of a name, but none of
///   them compares with the value of the condition, such as a text with dates.
/// - [`Error::Filter`](crate::Error::Filter) if a value or bound is NaN or a list, if a range starts after its
///   end, if its bounds have different types, or if conditions are nested more than 100 deep. A
///   chain of `and`, or one of `or`, is one level, however long it is.
///
/// A name that no article has allows nothing, and so does an empty range such as `3..3`.
///
/// # Text and JSON
///
/// A filter is read from the text that `Display` writes, and from JSON. An object has one condition:
///
/// | JSON | text |
/// |---|---|
/// | `{"name": "source", "equals": "dpa"}` | `source is "dpa"` |
/// | `{"name": "year", "any_of": [2023, 2024]}` | `year is one of [2023, 2024]` |
/// | `{"name": "year", "gte": 2020, "lt": 2025}` | `year in 2020..2025` |
/// | `{"name": "year", "gt": 2020, "lte": 2025}` | `year in 2020<..=2025` |
/// | `{"name": "section", "prefix": "politik/"}` | `section starts with "politik/"` |
/// | `{"name": "author", "exists": true}` | `has author` |
/// | `{"language": "de"}` | `language is German` |
/// | `{"key": "moor.txt"}` | `key is "moor.txt"` |
/// | `{"key_prefix": "de/"}` | `key starts with "de/"` |
/// | `{"all": [A, B]}` | `A and B` |
/// | `{"any": [A, B]}` | `A or B` |
/// | `{"not": A}` | `not A` |
///
/// In JSON, dates and timestamps are texts. Writing a closure, a number that is not finite, or a text
/// that would be read as a time is an error. JSON readers bound nesting: `serde_json` reads about 60
/// levels.
///
/// # Examples
///
/// ```
/// use passim::{Article, Date, Filter, Query, Retriever};
///
/// let day = |text: &str| text.parse::<Date>();
/// let mut retriever = Retriever::in_memory()?;
/// retriever.add([
///     Article::new("moor.txt", "Moore speichern viel Kohlenstoff.")
///         .metadata("source", "dpa")
///         .metadata("published", day("2024-06-03")?),
///     Article::new("alt.txt", "Moore wurden früher entwässert.")
///         .metadata("source", "afp")
///         .metadata("published", day("1998-01-20")?),
/// ])?;
///
/// let recent = Filter::range("published", day("2024-01-01")?..);
/// let filter = recent.and(!Filter::equals("source", "afp"));
/// assert_eq!(filter.to_string(), r#"published in 2024-01-01.. and not source is "afp""#);
/// assert_eq!(filter.to_string().parse::<Filter>()?.to_string(), filter.to_string());
///
/// let hits = retriever.search(Query::new("Moore").filter(filter))?;
/// assert_eq!(hits.len(), 1);
/// assert_eq!(hits[0].article, "moor.txt");
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone)]
pub struct Filter {
    expression: Expression,
    /// Number of nested expressions, `>= 1`.
    depth: usize,
}

/// Maximum depth, so that evaluating or dropping a filter cannot exhaust the stack.
const MAX_DEPTH: usize = 100;

impl Filter {
    /// Allows articles whose value of this name equals `value`.
    pub fn equals(name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::any_of(name, [value])
    }

    /// Allows articles whose list of this name contains `value`. It is [`equals`](Self::equals) under
    /// the name that reads best for a list, such as `Filter::has("tags", "climate")`.
    pub fn has(name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::equals(name, value)
    }

    /// Allows articles whose value of this name equals one of `values`; none without `values`.
    pub fn any_of<V: Into<Value>>(
        name: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        Self::metadata(name, Test::AnyOf(values.into_iter().map(Into::into).collect()))
    }

    /// Allows articles whose value of this name is in `range`. A range without bounds allows every
    /// article with a value of this name.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::ops::Bound;
    ///
    /// use passim::Filter;
    ///
    /// let few = Filter::range("words", 100..=250);
    /// assert_eq!(few.to_string(), "words in 100..=250");
    /// let over = Filter::range("words", (Bound::Excluded(250), Bound::Unbounded));
    /// assert_eq!(over.to_string(), "words in 250<..");
    /// ```
    pub fn range<V: Into<Value> + Clone>(
        name: impl Into<String>,
        range: impl RangeBounds<V>,
    ) -> Self {
        let value = |bound: Bound<&V>| bound.cloned().map(Into::into);
        Self::metadata(name, Test::Range(value(range.start_bound()), value(range.end_bound())))
    }

    /// Allows articles whose value of this name is a text that starts with `prefix`.
    pub fn prefix(name: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self::metadata(name, Test::Prefix(prefix.into()))
    }

    /// Allows articles with a value of this name.
    pub fn exists(name: impl Into<String>) -> Self {
        Self::metadata(name, Test::Exists)
    }

    /// Allows articles in this language: the [declared](crate::Article::language) one or, without
    /// it, the one detected when the article was added.
    #[must_use]
    pub fn language(language: Language) -> Self {
        Self::leaf(Expression::Language(language))
    }

    /// Allows the article of this key.
    pub fn key(key: impl Into<String>) -> Self {
        Self::leaf(Expression::Key(key.into()))
    }

    /// Allows articles whose key starts with `prefix`.
    pub fn key_prefix(prefix: impl Into<String>) -> Self {
        Self::leaf(Expression::KeyPrefix(prefix.into()))
    }

    /// Allows passages for which `condition` returns `true`.
    ///
    /// Each search calls it once for every passage that other conditions do not decide. It is
    /// cheapest when [combined](Self::and) with a selective condition.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, Filter, Query, Retriever};
    ///
    /// let mut retriever = Retriever::in_memory()?;
    /// retriever.add([
    ///     Article::new("de/moor.txt", "Moore speichern viel Kohlenstoff.").title("Moore"),
    ///     Article::new("de/bog.txt", "Hochmoore wachsen einen Millimeter im Jahr."),
    ///     Article::new("en/bog.txt", "Peat bogs store a lot of carbon."),
    /// ])?;
    /// let untitled = Filter::custom(|article, passage| {
    ///     article.title.is_none() && passage.tokens < 100
    /// });
    /// let query = Query::new("Moore").filter(Filter::key_prefix("de/").and(untitled));
    /// let hits = retriever.search(query)?;
    /// assert_eq!(hits.len(), 1);
    /// assert_eq!(hits[0].article, "de/bog.txt");
    /// # Ok::<(), passim::Error>(())
    /// ```
    pub fn custom(
        condition: impl Fn(&ArticleHead, &Passage) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::leaf(Expression::Custom(Arc::new(condition)))
    }

    /// Allows what all of `filters` allow; everything without `filters`.
    pub fn all(filters: impl IntoIterator<Item = Self>) -> Self {
        let flat = flatten(filters, |filter| match filter {
            Expression::All(parts) => Ok(parts),
            other => Err(other),
        });
        Self::joined(flat, Expression::All)
    }

    /// Allows what one of `filters` allows; nothing without `filters`.
    pub fn any(filters: impl IntoIterator<Item = Self>) -> Self {
        let flat = flatten(filters, |filter| match filter {
            Expression::Any(parts) => Ok(parts),
            other => Err(other),
        });
        Self::joined(flat, Expression::Any)
    }

    /// Allows what this filter and `other` both allow.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::all([self, other])
    }

    /// Allows what this filter or `other` allows.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::any([self, other])
    }

    /// Joins the parts by `join`; a single part stays alone, so equal filters have one form.
    fn joined(flat: Flattened, join: fn(Vec<Expression>) -> Expression) -> Self {
        let Flattened { mut parts, depth } = flat;
        match parts.pop() {
            Some(only) if parts.is_empty() => Self { expression: only, depth: depth - 1 },
            last => {
                parts.extend(last);
                Self::nested(join(parts), depth)
            }
        }
    }

    fn metadata(name: impl Into<String>, test: Test) -> Self {
        Self::leaf(Expression::Metadata { name: name.into(), test })
    }

    fn leaf(expression: Expression) -> Self {
        Self { expression, depth: 1 }
    }

    /// Returns a filter of this depth. An expression that is too deep is dropped, and
    /// [`Expression::TooDeep`] takes its place.
    fn nested(expression: Expression, depth: usize) -> Self {
        if depth > MAX_DEPTH { Self::leaf(Expression::TooDeep) } else { Self { expression, depth } }
    }

    pub(crate) fn expression(&self) -> &Expression {
        &self.expression
    }

    /// Returns an error for NaN, for invalid ranges, and for a filter that is too deep.
    pub(crate) fn check(&self) -> Result<()> {
        self.expression.check()
    }

    /// Checks a filter that selects articles.
    ///
    /// # Errors
    ///
    /// [`Error::Filter`] if a value is invalid, or if it has a closure.
    pub(crate) fn check_for_articles(&self) -> Result<()> {
        self.check()?;
        self.expression.refuse_closures("a closure decides on passages, and articles are selected")
    }
}

/// The parts of a conjunction or disjunction, and the depth of the whole.
struct Flattened {
    parts: Vec<Expression>,
    depth: usize,
}

/// Collects the expressions of `filters`, and replaces each by its parts if `parts_of` returns them.
fn flatten(
    filters: impl IntoIterator<Item = Filter>,
    parts_of: fn(Expression) -> Result<Vec<Expression>, Expression>,
) -> Flattened {
    let mut flat = Flattened { parts: Vec::new(), depth: 1 };
    for Filter { expression, depth } in filters {
        match parts_of(expression) {
            Ok(parts) => {
                flat.depth = flat.depth.max(depth);
                // The parts of a long chain of `and` or `or` are not copied at each call.
                if flat.parts.is_empty() {
                    flat.parts = parts;
                } else {
                    flat.parts.extend(parts);
                }
            }
            Err(expression) => {
                flat.depth = flat.depth.max(depth + 1);
                flat.parts.push(expression);
            }
        }
    }
    flat
}

/// Allows what the filter does not allow.
impl Not for Filter {
    type Output = Self;

    fn not(self) -> Self {
        match self.expression {
            Expression::Not(inner) => Self { expression: *inner, depth: self.depth - 1 },
            other => Self::nested(Expression::Not(Box::new(other)), self.depth + 1),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expression.fmt(f)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Date, Error};

    #[test]
    fn display_writes_filters_unambiguously() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        let half = Filter::range("published", day("2024-01-01")..=day("2024-06-30"));
        let german = Filter::language(Language::German);
        let dpa = Filter::any_of("source", ["dpa", "a\"b"]);
        let none: [&str; 0] = [];
        for (filter, text) in [
            (
                half.clone().and(!german.clone()),
                "published in 2024-01-01..=2024-06-30 and not language is German",
            ),
            (
                half.or(german.clone().and(dpa.clone())),
                r#"published in 2024-01-01..=2024-06-30 or (language is German and source is one of ["dpa", "a\"b"])"#,
            ),
            (
                !(dpa.or(german.clone())),
                r#"not (source is one of ["dpa", "a\"b"] or language is German)"#,
            ),
            (!!german.clone().and(german.clone()), "language is German and language is German"),
            (Filter::all([Filter::exists("author")]), "has author"),
            (
                !Filter::any([Filter::key("a"), Filter::key_prefix("b/")]),
                r#"not (key is "a" or key starts with "b/")"#,
            ),
            (
                Filter::equals("key", 3).and(Filter::equals("two words", 0.5)),
                r#""key" is 3 and "two words" is 0.5"#,
            ),
            (Filter::prefix("section", "politik/"), r#"section starts with "politik/""#),
            (
                Filter::range::<&str>("n", (Bound::Excluded("a"), Bound::Excluded("b"))),
                r#"n in "a"<.."b""#,
            ),
            (Filter::range::<i32>("n", ..), "n in .."),
            (
                Filter::any_of("n", none).or(Filter::custom(|_, _| true)),
                "n is one of [] or a closure holds",
            ),
            (Filter::all([]).and(Filter::any([])), "nothing"),
            (Filter::all([]), "everything"),
        ] {
            assert_eq!(filter.to_string(), text);
            assert_eq!(format!("{filter:?}"), format!("Filter({text})"));
        }
    }

    #[test]
    fn a_filter_nested_too_deep_is_refused() {
        let step = |filter: Filter, level: usize| match level % 3 {
            0 => !filter,
            1 => filter.and(Filter::exists("a")),
            _ => filter.or(Filter::exists("b")),
        };
        let nested = |levels: usize| (0..levels).fold(Filter::key("x"), step);
        nested(MAX_DEPTH - 1).check().unwrap();
        for levels in [MAX_DEPTH, 1_000_000] {
            let filter = nested(levels);
            assert!(matches!(filter.check(), Err(Error::Filter { .. })), "{levels}");
            assert!(matches!((!filter).check(), Err(Error::Filter { .. })), "{levels}");
        }
    }

    #[test]
    fn chains_and_double_negations_are_not_nested() {
        let chain = (0..10_000).fold(Filter::key("x"), |chain, _| chain.or(Filter::exists("a")));
        chain.check().unwrap();
        let negated = (0..10_001).fold(Filter::key("x"), |filter, _| !filter);
        assert_eq!(negated.to_string(), r#"not key is "x""#);
        negated.check().unwrap();
    }

    #[test]
    fn check_rejects_invalid_bounds() {
        let bounds = |from: Value, to: Value| Filter::range("n", from..to);
        // Clippy rejects a literal range that is empty.
        let start = 5;
        let invalid = [
            Filter::range("n", start..=3),
            bounds(5.5.into(), 5.into()),
            Filter::range("n", f64::NAN..),
            Filter::equals("n", f32::NAN),
            Filter::any_of("n", [1.0, f64::NAN]),
            bounds(true.into(), "a".into()),
            bounds(Date::new(2024, 1, 1).unwrap().into(), 2024.into()),
            !Filter::exists("n").and(Filter::range("n", "b".."a")),
        ];
        for filter in invalid {
            let Err(Error::Filter { condition, .. }) = filter.check() else {
                panic!("{filter} is invalid")
            };
            assert!(filter.to_string().contains(&condition), "{filter}: {condition}");
        }
        for filter in [
            Filter::range("n", 3..3),
            Filter::range("n", f64::NEG_INFINITY..=f64::INFINITY),
            bounds(1.into(), 1.5.into()),
            Filter::range::<&str>("n", ..),
        ] {
            filter.check().unwrap();
        }
    }
}
