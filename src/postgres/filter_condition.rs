//! Conditions on passages in SQL, with the meaning that they have in the local store.
//!
//! Metadata is stored for filters as a JSON object that holds, by name, the sort keys of the values
//! and the letters of their kinds. A sort key is compared byte by byte, so the order does not depend
//! on the collation of a database.

use std::{borrow::Cow, collections::BTreeSet, ops::Bound};

use serde_json::json;

use super::connection::Params;
use crate::{
    Error, Filter, Metadata, Result, Value,
    lexical::{WordConditions, term_hash},
    search::filter::{Expression, Scalar, Test, ValueKind},
};

/// Returns the JSON object by which filters find `metadata`.
pub(super) fn filter_values(metadata: &Metadata) -> String {
    let mut values = serde_json::Map::new();
    for (name, value) in metadata {
        let mut keys = BTreeSet::new();
        for item in value.items() {
            let scalar = Scalar::first(item);
            keys.insert(scalar.kind().letter().to_string());
            keys.insert(scalar.sort_key());
        }
        if !keys.is_empty() {
            values.insert(name.clone(), json!(keys));
        }
    }
    serde_json::Value::Object(values).to_string()
}

/// Returns the condition that `filter_values` have a value of `name` and `kind`.
pub(super) fn has_kind(name: &str, kind: ValueKind, params: &mut Params<'_>) -> String {
    if name.contains('\0') {
        return "false".to_owned();
    }
    let marker = json!({ name: [kind.letter().to_string()] }).to_string();
    format!("filter_values @> {}::jsonb", params.text(marker))
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
            refuse_closures(filter.expression())?;
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

fn refuse_closures(expression: &Expression) -> Result<()> {
    match expression {
        Expression::Custom(_) => Err(Error::Filter {
            condition: expression.to_string(),
            reason: "a database cannot call it; use conditions on metadata, language or key",
        }),
        Expression::Not(part) => refuse_closures(part),
        Expression::All(parts) | Expression::Any(parts) => {
            parts.iter().try_for_each(refuse_closures)
        }
        _ => Ok(()),
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
        Test::Exists => format!("(filter_values -> {}) IS NOT NULL", params.text(name)),
        Test::AnyOf(values) => of_values(name, values, params),
        Test::Range(from, to) => of_range(name, from, to, params),
        Test::Prefix(prefix) if prefix.contains('\0') => "false".to_owned(),
        Test::Prefix(prefix) => {
            let start = params.text(Scalar::Text(&**prefix).sort_key());
            some_value(name, &format!("starts_with(value, {start})"), params)
        }
    }
}

/// Returns the condition that a value of `name` equals one of `values`.
fn of_values(name: &str, values: &[Value], params: &mut Params<'_>) -> String {
    let mut parts = vec!["false".to_owned()];
    let mut equal = Vec::new();
    for value in values {
        let first = Scalar::first(value).sort_key();
        let last = Scalar::last(value).sort_key();
        if first.contains('\0') {
            continue;
        }
        if first == last {
            equal.push(json!({ name: [first] }).to_string());
        } else {
            let first = params.text(first);
            let last = params.text(last);
            let name = name.to_owned();
            parts.push(some_value(name, &format!("value >= {first} AND value <= {last}"), params));
        }
    }
    if !equal.is_empty() {
        let equal = params.owned_texts(equal);
        parts.push(format!("filter_values @> ANY({equal}::jsonb[])"));
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
    let after = format!("value {} {}", from.operator, params.text(from.key));
    let before = format!("value {} {}", to.operator, params.text(to.key));
    some_value(name, &format!("{after} AND {before}"), params)
}

/// A comparison with a sort key.
struct Comparison {
    operator: &'static str,
    key: String,
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

/// Returns the condition that a sort key of `name`, called `value`, meets `condition`.
fn some_value<'p>(
    name: impl Into<Cow<'p, str>>,
    condition: &str,
    params: &mut Params<'p>,
) -> String {
    let name = params.text(name);
    format!(
        "EXISTS (SELECT FROM (SELECT v COLLATE \"C\" AS value \
         FROM jsonb_array_elements_text(filter_values -> {name}) AS v) AS sort_keys \
         WHERE {condition})"
    )
}
