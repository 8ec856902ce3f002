//! Conditions on passages in SQL, with the meaning that they have in the local store.
//!
//! A condition stands in a statement over the table `passages`.

use std::{borrow::Cow, collections::BTreeSet, ops::Bound};

use super::{article_values::INDEXED_CHARS, connection::Params};
use crate::{
    Filter, Result, Value,
    lexical::{WordConditions, term_hash},
    search::filter::{Expression, Scalar, Test, ValueKind},
};

/// Returns the condition that some article has a value of `name` and `kind`.
pub(super) fn some_article_has(name: &str, kind: ValueKind, params: &mut Params<'_>) -> String {
    if name.contains('\0') {
        return "false".to_owned();
    }
    let from = Comparison { operator: ">=", key: format!("{}:", kind.letter()) };
    let to = Comparison { operator: "<", key: format!("{};", kind.letter()) };
    let named = has_name(name.to_owned(), params);
    let condition = [from, to].map(|comparison| comparison.condition(params)).join(" AND ");
    format!("EXISTS (SELECT FROM {{s}}.article_values v WHERE {named} AND {condition})")
}

/// The passages that a query allows.
#[derive(Clone, Debug)]
pub(super) struct AllowedPassages {
    /// `None` without a filter.
    filter: Option<Filter>,
    words: WordConditions,
    /// Number of allowed passages by shard.
    pub(super) by_shard: Vec<usize>,
}

impl AllowedPassages {
    /// The passages that meet `filter` and `words`, which are not counted yet.
    ///
    /// # Errors
    ///
    /// [`Error::Filter`] if the filter has a closure.
    pub(super) fn new(filter: Option<&Filter>, words: &WordConditions) -> Result<Self> {
        if let Some(filter) = filter {
            filter.expression().refuse_closures(
                "a database cannot call it; use conditions on metadata, language or key",
            )?;
        }
        Ok(Self { filter: filter.cloned(), words: words.clone(), by_shard: Vec::new() })
    }

    /// Whether it allows every passage.
    pub(super) fn is_trivial(&self) -> bool {
        self.filter.is_none() && self.words.is_empty()
    }

    /// Returns the condition on a row of `passages`.
    pub(super) fn condition<'p>(&'p self, params: &mut Params<'p>) -> String {
        let mut parts = vec!["true".to_owned()];
        let filter = self.filter.iter().map(|filter| of_expression(filter.expression(), params));
        parts.extend(filter.map(|condition| format!("({condition})")));
        let hashes = |terms: &BTreeSet<String>| terms.iter().map(|term| term_hash(term)).collect();
        for terms in &self.words.required {
            parts.push(format!("terms && {}", params.int8s(hashes(terms))));
        }
        if !self.words.excluded.is_empty() {
            parts.push(format!("NOT terms && {}", params.int8s(hashes(&self.words.excluded))));
        }
        parts.join(" AND ")
    }
}

fn of_expression<'p>(expression: &'p Expression, params: &mut Params<'p>) -> String {
    match expression {
        Expression::Metadata { name, test } => of_test(name, test, params),
        Expression::Language(language) => {
            format!("language = {}", params.text(language.code().to_owned()))
        }
        Expression::Key(key) | Expression::KeyPrefix(key) if key.contains('\0') => {
            "false".to_owned()
        }
        Expression::Key(key) => format!("article = {}", params.text(key)),
        Expression::KeyPrefix(prefix) => format!("starts_with(article, {})", params.text(prefix)),
        Expression::Not(part) => format!("NOT ({})", of_expression(part, params)),
        Expression::All(parts) => joined(parts, " AND ", "true", params),
        Expression::Any(parts) => joined(parts, " OR ", "false", params),
        Expression::Custom(_) | Expression::TooDeep => {
            unreachable!("the query and its filter were checked before")
        }
    }
}

fn joined<'p>(
    parts: &'p [Expression],
    operator: &str,
    empty: &str,
    params: &mut Params<'p>,
) -> String {
    if parts.is_empty() {
        return empty.to_owned();
    }
    let parts = parts.iter().map(|part| format!("({})", of_expression(part, params)));
    parts.collect::<Vec<_>>().join(operator)
}

/// Returns the condition that a value of `name` passes `test`.
fn of_test<'p>(name: &'p str, test: &'p Test, params: &mut Params<'p>) -> String {
    // No stored text has a zero byte, and the server takes none.
    if name.contains('\0') {
        return "false".to_owned();
    }
    match test {
        Test::Exists => some_value(name, "true", params),
        Test::AnyOf(values) => of_values(name, values, params),
        Test::Range(from, to) => of_range(name, from, to, params),
        Test::Prefix(prefix) if prefix.contains('\0') => "false".to_owned(),
        Test::Prefix(prefix) => {
            let prefix = params.text(Scalar::Text(&**prefix).sort_key());
            let first = format!("left({prefix}, {INDEXED_CHARS})");
            // No text with this prefix is after one that goes on with the last characters.
            let last = format!("{first} || repeat(U&'\\+10FFFF', {INDEXED_CHARS})");
            let condition = format!(
                "left(v.value, {INDEXED_CHARS}) >= {first} AND \
                 left(v.value, {INDEXED_CHARS}) <= {last} AND starts_with(v.value, {prefix})"
            );
            some_value(name, &condition, params)
        }
    }
}

/// Returns the condition that a value of `name` equals one of `values`.
fn of_values<'p>(name: &'p str, values: &'p [Value], params: &mut Params<'p>) -> String {
    let mut parts = vec!["false".to_owned()];
    let mut equal = Vec::new();
    for value in values {
        let first = Scalar::first(value).sort_key();
        let last = Scalar::last(value).sort_key();
        if first.contains('\0') {
            continue;
        }
        if first == last {
            equal.push(first);
        } else {
            let from = Comparison { operator: ">=", key: first };
            let to = Comparison { operator: "<=", key: last };
            let bounds = [from, to].map(|comparison| comparison.condition(params));
            parts.push(some_value(name, &bounds.join(" AND "), params));
        }
    }
    if !equal.is_empty() {
        let start = |key: &String| key.chars().take(INDEXED_CHARS).collect();
        let starts = params.owned_texts(equal.iter().map(start).collect());
        let equal = params.owned_texts(equal);
        let condition =
            format!("left(v.value, {INDEXED_CHARS}) = ANY({starts}) AND v.value = ANY({equal})");
        parts.push(some_value(name, &condition, params));
    }
    format!("({})", parts.join(" OR "))
}

/// Returns the condition that a value of `name` is between `from` and `to`, which compare.
fn of_range<'p>(
    name: &'p str,
    from: &'p Bound<Value>,
    to: &'p Bound<Value>,
    params: &mut Params<'p>,
) -> String {
    use Bound::{Excluded, Included, Unbounded};

    let (Included(given) | Excluded(given)) = (match from {
        Unbounded => to,
        bound => bound,
    }) else {
        return of_test(name, &Test::Exists, params);
    };
    let kind = Scalar::first(given).kind();
    let from = match from {
        Included(from) => lower(">=", Scalar::first(from).sort_key()),
        Excluded(from) => lower(">", Scalar::last(from).sort_key()),
        Unbounded => lower(">=", format!("{}:", kind.letter())),
    };
    let to = match to {
        Included(to) => upper("<=", Scalar::last(to).sort_key()),
        Excluded(to) => upper("<", Scalar::first(to).sort_key()),
        Unbounded => upper("<", kind.end_of_keys()),
    };
    let bounds = [from, to].map(|comparison| comparison.condition(params));
    some_value(name, &bounds.join(" AND "), params)
}

/// A comparison with a sort key.
struct Comparison {
    operator: &'static str,
    key: String,
}

impl Comparison {
    /// Returns the condition on a row `v`. The first characters are compared by the index; equal ones
    /// decide nothing.
    fn condition(self, params: &mut Params<'_>) -> String {
        let Self { operator, key } = self;
        let key = params.text(key);
        let or_equal = if operator.starts_with('>') { ">=" } else { "<=" };
        format!(
            "left(v.value, {INDEXED_CHARS}) {or_equal} left({key}, {INDEXED_CHARS}) \
             AND v.value {operator} {key}"
        )
    }
}

/// Returns the comparison with a lower bound. No stored text has a zero byte, so those after a text
/// with one are those after its part before.
fn lower(operator: &'static str, mut key: String) -> Comparison {
    let Some(at) = key.find('\0') else { return Comparison { operator, key } };
    key.truncate(at);
    Comparison { operator: ">", key }
}

/// Returns the comparison with an upper bound; texts with a zero byte as for [`lower`].
fn upper(operator: &'static str, mut key: String) -> Comparison {
    let Some(at) = key.find('\0') else { return Comparison { operator, key } };
    key.truncate(at);
    Comparison { operator: "<=", key }
}

/// Returns the condition that a value `v` of `name` of the passage's article meets `condition`.
fn some_value<'p>(name: &'p str, condition: &str, params: &mut Params<'p>) -> String {
    let named = has_name(name, params);
    format!(
        "EXISTS (SELECT FROM {{s}}.article_values v \
         WHERE v.article = passages.article AND {named} AND {condition})"
    )
}

/// Returns the condition that the article whose key is `article` has a value of `name`.
pub(super) fn some_value_of<'p>(article: &str, name: &'p str, params: &mut Params<'p>) -> String {
    // No stored text has a zero byte, and the server takes none.
    if name.contains('\0') {
        return "false".to_owned();
    }
    let named = has_name(name, params);
    format!("EXISTS (SELECT FROM {{s}}.article_values v WHERE v.article = {article} AND {named})")
}

/// Returns the condition that a row `v` has this name.
pub(super) fn has_name<'p>(name: impl Into<Cow<'p, str>>, params: &mut Params<'p>) -> String {
    let name = params.text(name);
    format!("left(v.name, {INDEXED_CHARS}) = left({name}, {INDEXED_CHARS}) AND v.name = {name}")
}
