//! Laws of filters: what an expression lets through is what it says of each article, however the
//! corpus came about.

#[path = "../benches/support/seeded.rs"]
mod seeded;
#[path = "../benches/support/words.rs"]
mod words;

use std::{
    cmp::Ordering,
    collections::BTreeSet,
    fs,
    ops::Bound,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use passim::{
    Article, ArticleHead, Date, Error, Filter, IndexChoice, Language, Mode, Query, Retriever, Value,
};
use proptest::prelude::*;
use words::WordEmbedder;

const NAMES: [&str; 6] = ["number", "day", "text", "mixed", "rare", "none"];

/// An expression as a test evaluates it.
#[derive(Clone, Debug)]
enum Said {
    AnyOf(&'static str, Vec<Value>),
    Range(&'static str, Bound<Value>, Bound<Value>),
    Prefix(&'static str, String),
    Exists(&'static str),
    Language(Language),
    Key(String),
    KeyPrefix(String),
    /// The closure: whether the key has an even length.
    EvenKey,
    Not(Box<Said>),
    All(Vec<Said>),
    Any(Vec<Said>),
}

impl Said {
    fn filter(&self) -> Filter {
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
            Self::EvenKey => Filter::by(|head, _| head.key.len().is_multiple_of(2)),
            Self::Not(part) => !part.filter(),
            Self::All(parts) => Filter::all(filters(&parts)),
            Self::Any(parts) => Filter::any(filters(&parts)),
        }
    }

    fn is_true_of(&self, head: &ArticleHead) -> bool {
        let value = |name: &str| head.metadata.get(name);
        match self {
            Self::AnyOf(name, values) => value(name).is_some_and(|stored| {
                values.iter().any(|value| compare(stored, value) == Some(Ordering::Equal))
            }),
            Self::Range(name, from, to) => {
                value(name).is_some_and(|value| between(value, from, to))
            }
            Self::Prefix(name, prefix) => {
                matches!(value(name), Some(Value::String(text)) if text.starts_with(prefix))
            }
            Self::Exists(name) => value(name).is_some(),
            Self::Language(language) => head.language == Some(*language),
            Self::Key(key) => head.key == *key,
            Self::KeyPrefix(prefix) => head.key.starts_with(prefix),
            Self::EvenKey => head.key.len().is_multiple_of(2),
            Self::Not(part) => !part.is_true_of(head),
            Self::All(parts) => parts.iter().all(|part| part.is_true_of(head)),
            Self::Any(parts) => parts.iter().any(|part| part.is_true_of(head)),
        }
    }

    /// The names with a kind of value that is asked for.
    fn asked(&self) -> Vec<(&'static str, u8)> {
        match self {
            Self::AnyOf(name, values) => values.iter().map(|one| (*name, kind(one))).collect(),
            Self::Range(name, from, to) => {
                let bounds = [from, to].into_iter().filter_map(bounding);
                bounds.map(|value| (*name, kind(value))).collect()
            }
            Self::Prefix(name, _) => vec![(name, kind(&"".into()))],
            Self::Not(part) => part.asked(),
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::asked).collect(),
            _ => Vec::new(),
        }
    }

    fn has_senseless_range(&self) -> bool {
        match self {
            Self::Range(_, from, to) => match (bounding(from), bounding(to)) {
                (Some(from), Some(to)) => {
                    !matches!(compare(from, to), Some(Ordering::Less | Ordering::Equal))
                }
                _ => false,
            },
            Self::Not(part) => part.has_senseless_range(),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::has_senseless_range),
            _ => false,
        }
    }
}

fn bounding(bound: &Bound<Value>) -> Option<&Value> {
    match bound {
        Bound::Included(value) | Bound::Excluded(value) => Some(value),
        Bound::Unbounded => None,
    }
}

/// How values compare that do; all numbers here are small.
#[allow(clippy::cast_precision_loss, reason = "small numbers")]
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.partial_cmp(b),
        (Value::Date(a), Value::Date(b)) => a.partial_cmp(b),
        (Value::String(a), Value::String(b)) => a.as_bytes().partial_cmp(b.as_bytes()),
        (Value::Integer(a), Value::Integer(b)) => a.partial_cmp(b),
        (Value::Integer(a), Value::Float(b)) => (*a as f64).partial_cmp(b),
        (Value::Float(a), Value::Integer(b)) => a.partial_cmp(&(*b as f64)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        _ => None,
    }
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

fn kind(value: &Value) -> u8 {
    match value {
        Value::Bool(_) => 0,
        Value::Integer(_) | Value::Float(_) => 1,
        Value::Date(_) => 2,
        _ => 3,
    }
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-3_i64..4).prop_map(Value::from),
        (-7_i32..8).prop_map(|halves| Value::from(f64::from(halves) / 2.0)),
        prop::sample::select(vec![-0.0, f64::INFINITY]).prop_map(Value::from),
    ]
}

fn day() -> impl Strategy<Value = Value> {
    (1_i8..4, 1_i8..4).prop_map(|(month, day)| Date::new(2024, month, day).unwrap().into())
}

fn text() -> impl Strategy<Value = Value> {
    "[abä]{0,3}".prop_map(Value::from)
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![number(), day(), text(), any::<bool>().prop_map(Value::from)]
}

/// A value that most articles with this name could have.
fn value_of(name: &str) -> BoxedStrategy<Value> {
    match name {
        "number" => number().boxed(),
        "day" => day().boxed(),
        "text" | "rare" => text().boxed(),
        _ => any_value().boxed(),
    }
}

fn article() -> impl Strategy<Value = Article> {
    let stored = |name| prop::option::weighted(0.7, value_of(name));
    let mixed = prop_oneof![9 => any_value(), 1 => Just(Value::from(f64::NAN))];
    let language =
        prop::sample::select(vec![None, Some(Language::German), Some(Language::English)]);
    let values = (stored("number"), stored("day"), stored("text"), prop::option::of(mixed));
    let rare = prop::option::weighted(0.1, text());
    ("[ab/]{1,4}", language, values, rare, 0_usize..25).prop_map(
        |(key, language, (number, day, text, mixed), rare, sentences)| {
            let mut article = Article::new(key, "Ein Satz steht hier. ".repeat(sentences));
            article.language = language;
            for (name, value) in NAMES.into_iter().zip([number, day, text, mixed, rare]) {
                if let Some(value) = value {
                    article.metadata.insert(name.to_owned(), value);
                }
            }
            article
        },
    )
}

fn range() -> impl Strategy<Value = Said> {
    prop::sample::select(&NAMES[..]).prop_flat_map(|name| {
        let bound = || {
            (value_of(name), 0..5).prop_map(|(value, form)| match form {
                0 => Bound::Unbounded,
                1 | 2 => Bound::Excluded(value),
                _ => Bound::Included(value),
            })
        };
        (bound(), bound()).prop_map(move |(from, to)| {
            let turned = match (bounding(&from), bounding(&to)) {
                (Some(a), Some(b)) => compare(a, b) == Some(Ordering::Greater),
                _ => false,
            };
            let (from, to) = if turned { (to, from) } else { (from, to) };
            Said::Range(name, from, to)
        })
    })
}

fn said() -> impl Strategy<Value = Said> {
    let name = || prop::sample::select(&NAMES[..]);
    let any_of = name().prop_flat_map(|name| {
        let values = prop::collection::vec(value_of(name), 0..4);
        values.prop_map(move |values| Said::AnyOf(name, values))
    });
    let condition = prop_oneof![
        3 => any_of,
        3 => range(),
        1 => (prop::sample::select(vec!["text", "mixed", "none"]), "[abä]{0,2}")
            .prop_map(|(name, prefix)| Said::Prefix(name, prefix)),
        1 => name().prop_map(Said::Exists),
        1 => prop::sample::select(vec![Language::German, Language::English])
            .prop_map(Said::Language),
        1 => "[ab/]{1,2}".prop_map(Said::Key),
        1 => "[ab/]{0,2}".prop_map(Said::KeyPrefix),
        1 => Just(Said::EvenKey),
    ];
    condition.prop_recursive(3, 12, 4, |inner| {
        let parts = || prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            inner.clone().prop_map(|part| Said::Not(Box::new(part))),
            parts().prop_map(Said::All),
            parts().prop_map(Said::Any),
        ]
    })
}

fn retriever() -> Retriever {
    let builder = Retriever::builder().embedder(WordEmbedder::new(4));
    builder.index(IndexChoice::Exact).in_memory().unwrap()
}

/// A query for everything.
fn query() -> Query {
    Query::new("Satz").mode(Mode::Dense).exact().k(10_000)
}

/// The heads of all live articles with passages, and how many passages.
fn heads(retriever: &Retriever) -> Vec<(ArticleHead, usize)> {
    let seen = Arc::new(Mutex::new(Vec::<(ArticleHead, usize)>::new()));
    let into = Arc::clone(&seen);
    let look = Filter::by(move |head, _| {
        let mut seen = into.lock().unwrap();
        match seen.iter_mut().find(|(known, _)| known.key == head.key) {
            Some((_, passages)) => *passages += 1,
            None => seen.push((head.clone(), 1)),
        }
        true
    });
    retriever.search(query().filter(look)).unwrap();
    let seen = seen.lock().unwrap();
    seen.clone()
}

/// What kinds of values live articles have of each name.
fn kinds(retriever: &Retriever) -> BTreeSet<(String, u8)> {
    let keys = retriever.keys().map(|key| key.unwrap());
    let articles = keys.map(|key| retriever.article(key).unwrap().unwrap());
    let values = articles.flat_map(|article| article.metadata);
    values.map(|(name, value)| (name, kind(&value))).collect()
}

/// Searches for what `said` lets through, and compares it with what it is true of.
fn compare_with_heads(retriever: &Retriever, said: &Said) {
    let hits = retriever.search(query().filter(said.filter()));
    let kinds = kinds(retriever);
    let unlike = |(name, asked): &(&str, u8)| {
        let mut stored = kinds.iter().filter(|(known, _)| known == name).peekable();
        stored.peek().is_some() && stored.all(|(_, kind)| kind != asked)
    };
    if said.has_senseless_range() {
        assert!(matches!(hits, Err(Error::Filter { .. })), "{said:?}: {hits:?}");
        return;
    }
    if said.asked().iter().any(unlike) {
        assert!(matches!(hits, Err(Error::FilterType { .. })), "{said:?}: {hits:?}");
        return;
    }
    let hits = hits.unwrap();
    let places: BTreeSet<_> = hits.iter().map(|hit| (&*hit.article, hit.range.start)).collect();
    assert_eq!(places.len(), hits.len());
    let mut total = 0;
    for (head, passages) in heads(retriever) {
        let found = hits.iter().filter(|hit| hit.article == head.key).count();
        let wanted = if said.is_true_of(&head) { passages } else { 0 };
        assert_eq!(found, wanted, "{} of {head:?}", said.filter());
        total += found;
    }
    assert_eq!(total, hits.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_expression_lets_through_what_it_is_true_of(
        parts in prop::collection::vec(prop::collection::vec(article(), 0..12), 1..4),
        removed in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        expressions in prop::collection::vec(said(), 6),
    ) {
        let mut retriever = retriever();
        let keys: Vec<String> = parts.iter().flatten().map(|one| one.key.clone()).collect();
        for articles in parts {
            // Of each key there is one article.
            let mut keys = BTreeSet::new();
            let articles = articles.into_iter().filter(|one| keys.insert(one.key.clone()));
            retriever.add(articles.collect::<Vec<_>>()).unwrap();
        }
        for index in removed.iter().filter(|_| !keys.is_empty()) {
            retriever.remove(&keys[index.index(keys.len())]).unwrap();
        }
        expressions.iter().for_each(|said| compare_with_heads(&retriever, said));
    }
}

fn numbered(count: i64) -> Retriever {
    let mut retriever = retriever();
    let day = |at: i64| Date::new(2024, 1, i8::try_from(at % 28 + 1).unwrap()).unwrap();
    let article = |at: i64| {
        let article = Article::new(format!("{at:03}"), "Ein Satz steht hier.");
        article.metadata("at", at).metadata("day", day(at)).metadata("even", at % 2 == 0)
    };
    retriever.add((0..count).map(article)).unwrap();
    retriever
}

#[test]
fn what_compares_with_nothing_stored_is_an_error_that_says_so() {
    let mut retriever = numbered(30);
    let error = |retriever: &Retriever, filter: Filter| {
        retriever.search(query().filter(filter)).unwrap_err().to_string()
    };
    let since = Filter::exists("at").and(!Filter::range("day", "2024-01-01"..));
    let said = error(&retriever, since.clone());
    assert!(said.contains("texts in the metadata `day`, which holds dates"), "{said}");
    assert!(error(&retriever, Filter::prefix("at", "1")).contains("which holds numbers"));
    assert!(error(&retriever, Filter::equals("even", 1)).contains("which holds booleans"));
    let turned = error(&retriever, Filter::range("at", 5..3));
    assert!(turned.contains("`at in 5..3`") && turned.contains("after its end"), "{turned}");
    assert!(retriever.search(query().filter(Filter::equals("none", "x"))).unwrap().is_empty());

    // One article with a text, in another segment, is enough to ask for texts, as long as it is
    // there.
    retriever.add([Article::new("x", "Ein Satz.").metadata("day", "heute")]).unwrap();
    assert_eq!(retriever.search(query().filter(since.clone())).unwrap().len(), 30);
    retriever.remove("x").unwrap();
    assert!(error(&retriever, since).contains("which holds dates"));
}

#[test]
fn a_closure_is_asked_only_where_other_conditions_do_not_decide() {
    let retriever = numbered(100);
    let asked = Arc::new(AtomicUsize::new(0));
    let closure = || {
        let asked = Arc::clone(&asked);
        Filter::by(move |_, _| asked.fetch_add(1, Relaxed) < usize::MAX)
    };
    let range = || Filter::range("at", 10..30);
    let even = || Filter::equals("even", true);
    for (filter, hits, times) in [
        (closure(), 100, 100),
        (closure().and(range()), 20, 20),
        (range().and(!closure()), 0, 20),
        (closure().or(range()), 100, 80),
        (closure().or(even()).and(range()), 20, 10),
        (!closure().and(even()).and(range()), 90, 10),
        (closure().and(Filter::key("no such key")), 0, 0),
        (closure().or(Filter::exists("at")), 100, 0),
    ] {
        asked.store(0, Relaxed);
        let name = filter.to_string();
        assert_eq!(retriever.search(query().filter(filter)).unwrap().len(), hits, "{name}");
        assert_eq!(asked.load(Relaxed), times, "{name}");
    }
}

#[test]
fn of_several_filters_all_must_hold() {
    let query = query().filter(Filter::range("at", 10..)).filter(Filter::range("at", ..=12));
    assert_eq!(numbered(50).search(query).unwrap().len(), 3);
}

#[test]
fn many_threads_may_ask_first() {
    for _ in 0..20 {
        let retriever = numbered(300);
        thread::scope(|scope| {
            for thread in 0..8 {
                let retriever = &retriever;
                scope.spawn(move || {
                    let filter = match thread % 3 {
                        0 => Filter::range("at", ..100),
                        1 => Filter::range("at", 200..).and(Filter::exists("day")),
                        _ => Filter::by(|head, _| head.metadata["at"] != 7.into())
                            .and(Filter::any_of("at", 0..101)),
                    };
                    let hits = retriever.search(query().filter(filter)).unwrap();
                    assert_eq!(hits.len(), 100);
                });
            }
        });
    }
}

#[test]
fn a_damaged_head_is_an_error_where_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let builder = || Retriever::builder().embedder(WordEmbedder::new(4));
    let mut writer = builder().create(folder.path()).unwrap();
    let article = |key: &str, source: &str| {
        Article::new(key, "Ein Satz steht hier.").metadata("source", source)
    };
    writer.add([article("a", "dpa"), article("b", "afp-marker"), article("c", "dpa")]).unwrap();
    writer.commit().unwrap();
    drop(writer);
    let files = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let segment = |path: &std::path::PathBuf| path.to_string_lossy().contains("segment-");
    let path = files.into_iter().find(segment).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(10).position(|bytes| bytes == b"afp-marker").unwrap();
    bytes[at] = b'x';
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();

    let mut retriever = builder().open(folder.path()).unwrap();
    let dpa = || Filter::equals("source", "dpa");
    let error = |retriever: &Retriever, filter: Filter| {
        let error = retriever.search(query().filter(filter)).unwrap_err();
        assert!(
            matches!(&error, Error::Corrupt { origin, .. } if origin.contains("`b`")),
            "{error}"
        );
    };
    error(&retriever, dpa());
    error(&retriever, Filter::by(|_, _| true));
    // The one that is damaged may be a number.
    error(&retriever, Filter::equals("source", 3));
    for (filter, hits) in [
        (dpa().and(!Filter::key("b")), 2),
        (Filter::key_prefix("c").and(Filter::by(|_, _| true)).and(dpa()), 1),
        (Filter::any([dpa(), Filter::key("b"), Filter::exists("none")]), 3),
    ] {
        // What is found has to be read, too.
        let found = retriever.search(query().filter(filter.clone()));
        let damaged = matches!(found, Err(Error::Corrupt { .. }));
        assert!(if hits == 3 { damaged } else { found.unwrap().len() == hits }, "{filter}");
    }
    retriever.remove("b").unwrap();
    assert_eq!(retriever.search(query().filter(dpa())).unwrap().len(), 2);
}
