//! An independent evaluation of filter expressions, and articles to filter.

use std::{cmp::Ordering, ops::Bound, slice};

use passim::{Article, ArticleHead, Date, Filter, Language, Timestamp, Value};
use proptest::prelude::*;

const NAMES: [&str; 7] = ["number", "day", "text", "mixed", "rare", "list", "none"];

/// A filter expression that evaluates itself on an article.
#[derive(Clone, Debug)]
pub enum OracleFilter {
    AnyOf(&'static str, Vec<Value>),
    Range(&'static str, Bound<Value>, Bound<Value>),
    Prefix(&'static str, String),
    Exists(&'static str),
    Language(Language),
    Key(String),
    KeyPrefix(String),
    /// A closure: whether the length of the key is even.
    EvenKey,
    Not(Box<OracleFilter>),
    All(Vec<OracleFilter>),
    Any(Vec<OracleFilter>),
}

impl OracleFilter {
    /// The expression as a filter of the library.
    pub fn filter(&self) -> Filter {
        let filters = |parts: &[Self]| parts.iter().map(Self::filter).collect::<Vec<_>>();
        match self.clone() {
            Self::AnyOf(name, values) => match <[Value; 1]>::try_from(values) {
                Ok([value]) => Filter::equals(name, value),
                Err(values) => Filter::any_of(name, values),
            },
            Self::Range(name, from, to) => Filter::range(name, (from, to)),
            Self::Prefix(name, prefix) => Filter::prefix(name, prefix),
            Self::Exists(name) => Filter::exists(name),
            Self::Language(language) => Filter::language(language),
            Self::Key(key) => Filter::key(key),
            Self::KeyPrefix(prefix) => Filter::key_prefix(prefix),
            Self::EvenKey => Filter::custom(|head, _| head.key.len().is_multiple_of(2)),
            Self::Not(part) => !part.filter(),
            Self::All(parts) => Filter::all(filters(&parts)),
            Self::Any(parts) => Filter::any(filters(&parts)),
        }
    }

    pub fn is_true_of(&self, head: &ArticleHead) -> bool {
        let mut values = match self {
            Self::AnyOf(name, _)
            | Self::Range(name, ..)
            | Self::Prefix(name, _)
            | Self::Exists(name) => head.metadata.get(*name).map_or(&[][..], items),
            _ => &[],
        }
        .iter();
        match self {
            Self::AnyOf(_, wanted) => values.any(|stored| {
                wanted.iter().any(|value| compare(stored, value) == Some(Ordering::Equal))
            }),
            Self::Range(_, from, to) => values.any(|value| between(value, from, to)),
            Self::Prefix(_, prefix) => {
                values.any(|value| matches!(value, Value::String(text) if text.starts_with(prefix)))
            }
            Self::Exists(_) => values.next().is_some(),
            Self::Language(language) => head.language == Some(*language),
            Self::Key(key) => head.key == *key,
            Self::KeyPrefix(prefix) => head.key.starts_with(prefix),
            Self::EvenKey => head.key.len().is_multiple_of(2),
            Self::Not(part) => !part.is_true_of(head),
            Self::All(parts) => parts.iter().all(|part| part.is_true_of(head)),
            Self::Any(parts) => parts.iter().any(|part| part.is_true_of(head)),
        }
    }

    /// The metadata names in comparisons, with the kind of the compared value.
    pub fn compared_kinds(&self) -> Vec<(&'static str, u8)> {
        match self {
            Self::AnyOf(name, values) => values.iter().map(|one| (*name, kind(one))).collect(),
            Self::Range(name, from, to) => {
                let bounds = [from, to].into_iter().filter_map(bounding);
                bounds.map(|value| (*name, kind(value))).collect()
            }
            Self::Prefix(name, _) => vec![(name, kind(&"".into()))],
            Self::Not(part) => part.compared_kinds(),
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().flat_map(Self::compared_kinds).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether a range ends before it starts.
    pub fn has_closure(&self) -> bool {
        match self {
            Self::EvenKey => true,
            Self::Not(part) => part.has_closure(),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::has_closure),
            _ => false,
        }
    }

    pub fn has_inverted_range(&self) -> bool {
        match self {
            Self::Range(_, from, to) => match (bounding(from), bounding(to)) {
                (Some(start), Some(_)) => {
                    !matches!(compare_bounds(start, to), Some(Ordering::Less | Ordering::Equal))
                }
                _ => false,
            },
            Self::Not(part) => part.has_inverted_range(),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::has_inverted_range),
            _ => false,
        }
    }
}

/// The value of a bound.
fn bounding(bound: &Bound<Value>) -> Option<&Value> {
    match bound {
        Bound::Included(value) | Bound::Excluded(value) => Some(value),
        Bound::Unbounded => None,
    }
}

/// The values of a list, or the value itself.
pub fn items(value: &Value) -> &[Value] {
    match value {
        Value::List(items) => items,
        value => slice::from_ref(value),
    }
}

/// The order of a stored value and a value of a condition; `None` if they are not comparable. All
/// numbers are small or above all others.
fn compare(stored: &Value, condition: &Value) -> Option<Ordering> {
    match (stored, condition) {
        (Value::Bool(a), Value::Bool(b)) => a.partial_cmp(b),
        (Value::Date(a), Value::Date(b)) => a.partial_cmp(b),
        (Value::Timestamp(a), Value::Timestamp(b)) => a.partial_cmp(b),
        (Value::Date(day), Value::Timestamp(at)) => midnight(*day).partial_cmp(at),
        (Value::Timestamp(at), Value::Date(day)) => {
            at.to_string()[..10].parse::<Date>().ok()?.partial_cmp(day)
        }
        (Value::String(a), Value::String(b)) => a.as_bytes().partial_cmp(b.as_bytes()),
        (Value::Unsigned(a), Value::Unsigned(b)) => a.partial_cmp(b),
        (Value::Integer(a), Value::Integer(b)) => a.partial_cmp(b),
        (a, b) => number_of(a)?.partial_cmp(&number_of(b)?),
    }
}

#[allow(clippy::cast_precision_loss, reason = "small numbers, or one above all others")]
fn number_of(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Unsigned(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

/// The order of the start and the end of a range, which has one.
fn compare_bounds(start: &Value, to: &Bound<Value>) -> Option<Ordering> {
    match (start, to) {
        (Value::Timestamp(start), Bound::Excluded(Value::Date(day))) => {
            start.partial_cmp(&midnight(*day))
        }
        _ => compare(start, bounding(to)?),
    }
}

fn midnight(day: Date) -> Timestamp {
    format!("{day}T00:00:00Z").parse().unwrap()
}

fn between(value: &Value, from: &Bound<Value>, to: &Bound<Value>) -> bool {
    use Ordering::{Equal, Greater, Less};
    let is = |bound: &Value, wanted: &[Ordering]| {
        compare(value, bound).is_some_and(|order| wanted.contains(&order))
    };
    let after = match from {
        Bound::Included(from) => is(from, &[Greater, Equal]),
        Bound::Excluded(from) => is(from, &[Greater]),
        Bound::Unbounded => true,
    };
    let before = match to {
        Bound::Included(to) => is(to, &[Less, Equal]),
        Bound::Excluded(to) => is(to, &[Less]),
        Bound::Unbounded => true,
    };
    after && before
}

/// A number per kind of value; values of different kinds do not compare.
pub fn kind(value: &Value) -> u8 {
    match value {
        Value::Bool(_) => 0,
        Value::Integer(_) | Value::Unsigned(_) | Value::Float(_) => 1,
        Value::Date(_) | Value::Timestamp(_) => 2,
        _ => 3,
    }
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-3_i64..4).prop_map(Value::from),
        (-7_i32..8).prop_map(|halves| Value::from(f64::from(halves) / 2.0)),
        prop::sample::select(vec![-0.0, f64::INFINITY]).prop_map(Value::from),
        prop::sample::select(vec![1_u64 << 63, u64::MAX]).prop_map(Value::from),
    ]
}

fn day() -> impl Strategy<Value = Value> {
    let time = prop::option::of(prop::sample::select(vec!["00:00:00", "12:00:00", "23:59:59"]));
    (1_i8..4, 1_i8..4, time).prop_map(|(month, day, time)| {
        let day = Date::new(2024, month, day).unwrap();
        match time {
            Some(time) => format!("{day}T{time}Z").parse::<Timestamp>().unwrap().into(),
            None => day.into(),
        }
    })
}

fn text() -> impl Strategy<Value = Value> {
    "[abä]{0,3}".prop_map(Value::from)
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![number(), day(), text(), any::<bool>().prop_map(Value::from)]
}

/// A value that articles have under this name.
fn value_of(name: &str) -> BoxedStrategy<Value> {
    match name {
        "number" => number().boxed(),
        "day" => day().boxed(),
        "text" | "rare" => text().boxed(),
        "list" => prop_oneof![text(), day()].boxed(),
        _ => any_value().boxed(),
    }
}

pub fn article() -> impl Strategy<Value = Article> {
    let stored = |name| prop::option::weighted(0.7, value_of(name));
    let mixed = prop_oneof![9 => any_value(), 1 => Just(Value::from(f64::NAN))];
    let language =
        prop::sample::select(vec![None, Some(Language::German), Some(Language::English)]);
    let values = (stored("number"), stored("day"), stored("text"), prop::option::of(mixed));
    let rare = prop::option::weighted(0.1, text());
    let list = prop::collection::vec(value_of("list"), 0..4).prop_map(Value::List);
    let further = (rare, prop::option::of(list));
    ("[ab/]{1,4}", language, values, further, 0_usize..25).prop_map(
        |(key, language, (number, day, text, mixed), (rare, list), sentences)| {
            let mut article = Article::new(key, "Ein Satz steht hier. ".repeat(sentences));
            article.language = language;
            for (name, value) in NAMES.into_iter().zip([number, day, text, mixed, rare, list]) {
                if let Some(value) = value {
                    article.metadata.insert(name.to_owned(), value);
                }
            }
            article
        },
    )
}

fn range() -> impl Strategy<Value = OracleFilter> {
    prop::sample::select(&NAMES[..]).prop_flat_map(|name| {
        let bound = || {
            (value_of(name), 0..5).prop_map(|(value, form)| match form {
                0 => Bound::Unbounded,
                1 | 2 => Bound::Excluded(value),
                _ => Bound::Included(value),
            })
        };
        (bound(), bound()).prop_map(move |(from, to)| {
            let is_inverted = match (bounding(&from), bounding(&to)) {
                (Some(start), Some(_)) => compare_bounds(start, &to) == Some(Ordering::Greater),
                _ => false,
            };
            if is_inverted {
                return OracleFilter::Range(name, to, from);
            }
            OracleFilter::Range(name, from, to)
        })
    })
}

pub fn oracle_filter() -> impl Strategy<Value = OracleFilter> {
    let name = || prop::sample::select(&NAMES[..]);
    let any_of = name().prop_flat_map(|name| {
        let values = prop::collection::vec(value_of(name), 0..4);
        values.prop_map(move |values| OracleFilter::AnyOf(name, values))
    });
    let condition = prop_oneof![
        3 => any_of,
        3 => range(),
        1 => (prop::sample::select(vec!["text", "mixed", "none"]), "[abä]{0,2}")
            .prop_map(|(name, prefix)| OracleFilter::Prefix(name, prefix)),
        1 => name().prop_map(OracleFilter::Exists),
        1 => prop::sample::select(vec![Language::German, Language::English])
            .prop_map(OracleFilter::Language),
        1 => "[ab/]{1,2}".prop_map(OracleFilter::Key),
        1 => "[ab/]{0,2}".prop_map(OracleFilter::KeyPrefix),
        1 => Just(OracleFilter::EvenKey),
    ];
    condition.prop_recursive(3, 12, 4, |inner| {
        let parts = || prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            inner.clone().prop_map(|part| OracleFilter::Not(Box::new(part))),
            parts().prop_map(OracleFilter::All),
            parts().prop_map(OracleFilter::Any),
        ]
    })
}
