//! Settings as data: every value is read as it was written, and wrong ones are typed errors.

use std::{error::Error as _, fmt::Debug, ops::Bound, str::FromStr, time::Duration};

use passim::{
    Chunker, CommitSchedule, Date, Error, Filter, HnswParams, IndexChoice, Language, Mode, Query,
    Recency, RetrieverSettings, SearchEffort, Timestamp, Value, Weights,
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde::{Serialize, de::DeserializeOwned};

fn values() -> impl Strategy<Value = Value> {
    let date = (0_i16..=9999, 1_i8..=12, 1_i8..=28);
    let date = date.prop_map(|(year, month, day)| Date::new(year, month, day).unwrap());
    let time = (0_i64..4_000_000_000, 0_u32..1_000_000_000).prop_map(|(seconds, nanoseconds)| {
        let instant = std::time::UNIX_EPOCH + Duration::new(seconds.unsigned_abs(), nanoseconds);
        Timestamp::try_from(instant).unwrap()
    });
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Integer),
        (1 << 63..=u64::MAX).prop_map(Value::Unsigned),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::Float),
        (-1e3..1e3).prop_map(Value::Float),
        date.prop_map(Value::Date),
        time.prop_map(Value::Timestamp),
        ".{0,8}".prop_map(Value::String),
        "[a-z\"\\\\ .\n]{0,8}".prop_map(Value::String),
    ]
}

fn bounds() -> impl Strategy<Value = (Bound<Value>, Bound<Value>)> {
    let bound = || {
        prop_oneof![
            values().prop_map(Bound::Included),
            values().prop_map(Bound::Excluded),
            Just(Bound::Unbounded),
        ]
    };
    // A range without bounds is written as `exists`.
    (bound(), bound())
        .prop_filter("a bound", |range| *range != (Bound::Unbounded, Bound::Unbounded))
}

fn names() -> impl Strategy<Value = String> {
    let words =
        ["year", "key", "language", "has", "not", "and", "or", "everything", "is", "in", ""];
    prop_oneof![select(words.to_vec()).prop_map(str::to_owned), ".{0,6}", "[a-z.<\\[\\(\"]{1,6}"]
}

fn conditions() -> impl Strategy<Value = Filter> {
    let languages = ["de", "en", "fr", "nds"].map(|code| code.parse::<Language>().unwrap());
    prop_oneof![
        (names(), values()).prop_map(|(name, value)| Filter::equals(name, value)),
        (names(), vec(values(), 0..4)).prop_map(|(name, values)| Filter::any_of(name, values)),
        (names(), bounds()).prop_map(|(name, range)| Filter::range(name, range)),
        (names(), ".{0,6}").prop_map(|(name, prefix)| Filter::prefix(name, prefix)),
        names().prop_map(Filter::exists),
        select(languages.to_vec()).prop_map(Filter::language),
        ".{0,6}".prop_map(Filter::key),
        ".{0,6}".prop_map(Filter::key_prefix),
    ]
}

fn filters() -> impl Strategy<Value = Filter> {
    conditions().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Filter::all),
            vec(inner.clone(), 0..4).prop_map(Filter::any),
            inner.prop_map(|filter| !filter),
        ]
    })
}

fn efforts() -> impl Strategy<Value = SearchEffort> {
    prop_oneof![
        any::<usize>().prop_map(SearchEffort::Ef),
        any::<f32>().prop_filter("finite", |n| n.is_finite()).prop_map(SearchEffort::Recall),
        Just(SearchEffort::Exact),
    ]
}

fn fraction() -> impl Strategy<Value = Option<f32>> {
    option::of(any::<f32>().prop_filter("finite", |number| number.is_finite()))
}

fn recencies() -> impl Strategy<Value = Recency> {
    let now = option::of((0_i64..4_000_000_000, 0_u32..1_000_000_000));
    (names(), any::<u64>(), 0_f32..2e3, now).prop_map(|(name, half_life, weight, now)| {
        let recency = Recency::new(name, Duration::from_millis(half_life), weight);
        match now {
            Some((seconds, nanoseconds)) => {
                recency.now(Timestamp::from_unix(seconds, nanoseconds).unwrap())
            }
            None => recency,
        }
    })
}

prop_compose! {
    fn queries()(
        (text, vector, k, offset) in (".{0,9}", option::of(vec(-9e9_f32..9e9, 0..4)), any::<usize>(), any::<usize>()),
        mode in select(&[Mode::Dense, Mode::Lexical, Mode::Hybrid][..]),
        (lexical, late, identifier) in (-2e3_f32..2e3, 0_f32..1.0, 0_f32..1.0),
        (effort, limit) in (efforts(), option::of(any::<u64>())),
        (min_similarity, min_score, dedup, mmr) in (fraction(), fraction(), fraction(), fraction()),
        (per_article, rerank, partial, explain) in (any::<Option<usize>>(), any::<Option<usize>>(), any::<bool>(), any::<bool>()),
        (group_by_article, recency) in (any::<Option<usize>>(), option::of(recencies())),
        filter in option::of(filters()),
        words in vec(vec(".{0,5}", 0..3), 4),
    ) -> Query {
        let mut query = Query::new(text).k(k).offset(offset).mode(mode);
        query.vector = vector;
        query.weights = Weights { lexical, late, identifier };
        query.effort = effort;
        query.time_limit = limit.map(Duration::from_millis);
        (query.min_similarity, query.min_score) = (min_similarity, min_score);
        (query.dedup, query.mmr) = (dedup, mmr);
        (query.per_article, query.rerank) = (per_article, rerank);
        (query.partial, query.explain) = (partial, explain);
        (query.group_by_article, query.recency) = (group_by_article, recency);
        query.filter = filter;
        [query.required, query.required_phrases, query.excluded, query.excluded_phrases] =
            words.try_into().unwrap();
        query
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_filter_is_read_from_json_as_written(filter in filters()) {
        match serde_json::to_string(&filter) {
            Ok(json) => {
                let read: Filter = serde_json::from_str(&json).unwrap();
                prop_assert_eq!(read.to_string(), filter.to_string(), "{}", json);
                prop_assert_eq!(serde_json::to_string(&read).unwrap(), json);
            }
            Err(error) => prop_assert!(error.to_string().contains("reads as a time"), "{}", error),
        }
    }

    #[test]
    fn a_filter_is_read_from_text_as_written(filter in filters()) {
        match filter.to_string().parse::<Filter>() {
            Ok(read) => prop_assert_eq!(read.to_string(), filter.to_string()),
            // The text is read, but the range is invalid.
            Err(Error::Filter { .. }) => {}
            Err(error) => prop_assert!(false, "{}: {}", filter, error),
        }
    }

    #[test]
    fn texts_that_are_no_filter_are_errors(text in "[a-z0-9 .<=\\[\\]()\"\\\\,]{0,24}") {
        if let Ok(filter) = text.parse::<Filter>() {
            prop_assert!(filter.to_string().parse::<Filter>().is_ok(), "{}", filter);
        }
    }

    #[test]
    fn a_query_is_read_from_json_as_written(query in queries()) {
        if let Ok(json) = serde_json::to_string(&query) {
            let read: Query = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(format!("{read:?}"), format!("{query:?}"), "{}", json);
            prop_assert_eq!(query.to_string(), json);
        }
    }

    #[test]
    fn settings_are_read_as_written(
        (max_tokens, overlap) in (1_usize.., 0_usize..=16),
        context in any::<bool>(),
        (m, more) in (2_usize..=255, 0_usize..60_000),
        (interval, passages) in (option::of(any::<u64>()), option::of(1_usize..)),
        (late, kind) in (0_f32..=1000.0, 0_usize..3),
        (threads, cache) in (option::of(1_usize..), any::<Option<usize>>()),
    ) {
        let chunker = Chunker::default().max_tokens(max_tokens).overlap_sentences(overlap).context(context);
        let params = HnswParams { m, ef_construction: m + more };
        let index = [IndexChoice::Exact, IndexChoice::Hnsw(params), IndexChoice::Auto(params)][kind];
        let mut schedule = CommitSchedule::on_demand();
        if let Some(interval) = interval {
            schedule = schedule.every(Duration::from_millis(interval));
        }
        if let Some(passages) = passages {
            schedule = schedule.after_passages(passages);
        }
        let mut settings = RetrieverSettings::default();
        settings.chunker = Some(chunker.clone());
        settings.index = Some(index);
        settings.embed_threads = threads;
        settings.merge_threads = threads.map(|threads| threads % 1_025);
        settings.embedding_cache = cache;
        is_read_as_written(&chunker);
        is_read_as_written(&params);
        is_read_as_written(&index);
        is_read_as_written(&schedule);
        is_read_as_written(&settings);
        is_read_as_written(&Weights { late, ..Weights::default() });
    }
}

/// Checks that JSON and text both keep `settings`.
fn is_read_as_written<T>(settings: &T)
where
    T: Serialize + DeserializeOwned + FromStr<Err = Error> + ToString + PartialEq + Debug,
{
    let json = serde_json::to_string(settings).unwrap();
    assert_eq!(serde_json::from_str::<T>(&json).unwrap(), *settings, "{json}");
    assert_eq!(settings.to_string(), json);
    assert_eq!(json.parse::<T>().unwrap(), *settings, "{json}");
}

#[test]
fn modes_and_languages_are_words() {
    for mode in [Mode::Dense, Mode::Lexical, Mode::Hybrid] {
        assert_eq!(mode.to_string().parse::<Mode>().unwrap(), mode);
        assert_eq!(serde_json::to_string(&mode).unwrap(), format!("\"{mode}\""));
    }
    let error = "Dense".parse::<Mode>().unwrap_err();
    assert!(matches!(error, Error::InvalidSettings { what: "mode", .. }), "{error}");
    assert_eq!("de".parse::<Language>().unwrap(), Language::German);
}

/// The JSON in the documentation of a source file.
fn documented_json(source: &str) -> String {
    let block = source.split("/// ```json\n").nth(1).unwrap().split("/// ```").next().unwrap();
    block.lines().map(|line| line.trim_start_matches("///")).collect()
}

#[test]
fn the_documented_json_is_read() {
    let json = documented_json(include_str!("../../src/search/query.rs"));
    let query: Query = json.parse().unwrap();
    let wanted = Query::new("Wann fährt der Nachtzug?")
        .k(5)
        .offset(10)
        .filter(Filter::language(Language::German))
        .filter(Filter::range("year", 2020..))
        .require("Wien")
        .ef_search(128)
        .time_limit(Duration::from_millis(200))
        .min_similarity(0.2)
        .min_score(0.1)
        .per_article(1)
        .group_by_article(3)
        .dedup(0.95)
        .mmr(0.3)
        .recency(Recency::new("published", Duration::from_hours(7 * 24), 0.1))
        .rerank(50)
        .explain();
    assert_eq!(format!("{query:?}"), format!("{wanted:?}"));
    let json = documented_json(include_str!("../../src/retriever/retriever_settings.rs"));
    let settings: RetrieverSettings = json.parse().unwrap();
    assert_eq!(settings.embedding_cache, Some(1 << 30));
}

#[test]
fn a_short_query_has_a_short_form() {
    assert_eq!(Query::new("Moor").to_string(), r#"{"text":"Moor"}"#);
    let query = Query::new("Moor").k(5).recall(0.9).filter(Filter::equals("year", 2024));
    let json = r#"{"text":"Moor","k":5,"recall":0.9,"filter":{"name":"year","equals":2024}}"#;
    assert_eq!(query.to_string(), json);
}

#[test]
fn values_out_of_range_are_the_errors_of_the_builder() {
    let read = |json: &str| json.parse::<Query>().unwrap_err();
    for (json, name) in [("k", "k"), ("rerank", "rerank"), ("per_article", "per_article")] {
        let error = read(&format!(r#"{{"text": "x", "{json}": 0}}"#));
        assert!(
            matches!(error, Error::Setting { name: got, got: 0, .. } if got == name),
            "{error}"
        );
    }
    for (json, name) in [
        (r#""recall": 2"#, "recall"),
        (r#""mmr": -0.5"#, "mmr"),
        (r#""dedup": 0"#, "dedup"),
        (r#""min_similarity": 7"#, "min_similarity"),
        (r#""weights": {"late": -1}"#, "late"),
    ] {
        let error = read(&format!(r#"{{"text": "x", {json}}}"#));
        assert!(matches!(error, Error::Fraction { name: got, .. } if got == name), "{error}");
    }
    assert!(matches!(read("{}"), Error::EmptyQuery));
    assert!(matches!(read(r#"{"text": "x", "require": ["!"]}"#), Error::NoWords { .. }));
    for filter in [
        r#"{"name": "n", "gte": 5, "lt": 3}"#,
        r#"{"name": "n", "equals": [1, 2]}"#,
        r#"{"name": "n"}"#,
        r"{}",
        r#"{"equals": 3}"#,
        r#"{"name": "n", "key": "a"}"#,
        r#"{"name": "n", "equals": 3, "prefix": "a"}"#,
        r#"{"key": "a", "language": "de"}"#,
        r#"{"name": "n", "gte": 1, "gt": 1}"#,
        r#"{"name": "n", "exists": false}"#,
        r#"{"all": [{"not": {}}]}"#,
    ] {
        let error = read(&format!(r#"{{"text": "x", "filter": {filter}}}"#));
        assert!(matches!(error, Error::Filter { .. }), "{filter}: {error}");
    }
    let error = read(r#"{"text": "x", "recall": 0.9, "exact": true}"#);
    assert!(matches!(error, Error::Choice { name: "effort", .. }), "{error}");
    let error = r#"{"max_tokens": 0}"#.parse::<Chunker>().unwrap_err();
    assert!(matches!(error, Error::Setting { name: "max_tokens", .. }), "{error}");
    let error = r#"{"hnsw": {"m": 900}}"#.parse::<IndexChoice>().unwrap_err();
    assert!(matches!(error, Error::Setting { name: "m", got: 900, .. }), "{error}");
    let error = r#"{"after_passages": 0}"#.parse::<CommitSchedule>().unwrap_err();
    assert!(matches!(error, Error::Setting { name: "after_passages", .. }), "{error}");
    let error = r#"{"chunker": {"overlap_sentences": 99}}"#.parse::<RetrieverSettings>();
    assert!(matches!(error, Err(Error::Setting { name: "overlap_sentences", .. })));
}

#[test]
fn unknown_fields_and_other_types_are_named() {
    fn fault<T: FromStr<Err = Error> + Debug>(json: &str) -> String {
        let error = json.parse::<T>().unwrap_err();
        assert!(matches!(error, Error::InvalidSettings { .. }), "{error}");
        error.source().unwrap().to_string()
    }
    for (fault, named) in [
        (fault::<Query>(r#"{"text": "x", "top_k": 5}"#), "top_k"),
        (fault::<Query>(r#"{"text": "x", "k": -1}"#), "-1"),
        (fault::<Query>(r#"{"text": "x", "k": 1.5}"#), "1.5"),
        (fault::<Query>(r#"{"text": "x", "time_limit_ms": "1s"}"#), "1s"),
        (fault::<Query>(r#"{"text": "x", "mode": "fuzzy"}"#), "fuzzy"),
        (fault::<Query>(r#"{"text": "x", "filter": {"field": "n"}}"#), "field"),
        (fault::<Query>(r#"{"text": "x", "weights": {"words": 1}}"#), "words"),
        (fault::<Query>(r#"{"text": "x", "text": "y"}"#), "duplicate"),
        (fault::<Query>("Wann fährt der Zug?"), "line 1"),
        (fault::<Chunker>(r#"{"tokens": 1}"#), "tokens"),
        (fault::<IndexChoice>(r#"{"hnsw": {"M": 1}}"#), "M"),
        (fault::<IndexChoice>("flat"), "line 1"),
        (fault::<CommitSchedule>(r#"{"every": 1}"#), "every"),
        (fault::<RetrieverSettings>(r#"{"cache": 1}"#), "cache"),
    ] {
        assert!(fault.contains(named), "{named}: {fault}");
    }
}

#[test]
fn what_json_cannot_hold_is_refused() {
    let written = |filter: Filter| serde_json::to_string(&filter).unwrap_err().to_string();
    assert!(written(Filter::custom(|_, _| true)).contains("closure"));
    assert!(written(!Filter::custom(|_, _| true).and(Filter::key("a"))).contains("closure"));
    assert!(written(Filter::equals("n", f64::NAN)).contains("NaN"));
    assert!(written(Filter::equals("n", "2024-01-01")).contains("time"));
    assert!(written(Filter::equals("n", "2024-01-01T00:00:00Z")).contains("time"));
    let query = Query::new("x").filter(Filter::custom(|_, _| true));
    assert!(serde_json::to_string(&query).is_err());
    assert!(query.to_string().starts_with("(no JSON form: the filter has a closure"), "{query}");
    assert!(serde_json::to_string(&Query::new("x").min_score(f32::INFINITY)).is_err());
    assert!(serde_json::to_string(&Query::from_vector(vec![f32::NAN])).is_err());
    assert!(serde_json::to_string(&Query::new("x").time_limit(Duration::from_micros(7))).is_err());
    let schedule = CommitSchedule::default().every(Duration::from_nanos(1));
    assert!(schedule.to_string().starts_with("(no JSON form"), "{schedule}");
}

#[test]
fn filters_are_read_as_people_write_them() {
    for (text, written) in [
        ("source is dpa", r#"source is "dpa""#),
        ("  year in 2020..2025  and has author ", "year in 2020..2025 and has author"),
        ("a is 1 or b is 2 and c is 3", "a is 1 or (b is 2 and c is 3)"),
        ("(a is 1 or b is 2) and c is 3", "(a is 1 or b is 2) and c is 3"),
        ("not not a is 1", "a is 1"),
        ("language is de", "language is German"),
        ("language is fr", "language is fr"),
        (r#""language" is fr"#, r#""language" is "fr""#),
        ("key starts with de", r#"key starts with "de""#),
        (
            "published in 2024-01-01T10:00:00Z<..=2024-06-30",
            "published in 2024-01-01T10:00:00Z<..=2024-06-30",
        ),
        (r#"n is "\u{e4}\t\"""#, r#"n is "ä\t\"""#),
        ("n is one of [a, 2, true]", r#"n is one of ["a", 2, true]"#),
    ] {
        assert_eq!(text.parse::<Filter>().unwrap().to_string(), written, "{text}");
    }
    for (text, byte) in [
        ("", 0),
        ("year", 4),
        ("year is", 7),
        ("year in 3", 9),
        ("(year is 3", 10),
        ("year is 3 year", 10),
        ("n is one of [1 2]", 15),
        ("n is \"a", 7),
        ("n is \"\\q\"", 8),
        ("a closure holds", 1),
    ] {
        let error = text.parse::<Filter>().unwrap_err();
        assert!(matches!(error, Error::FilterText { at, .. } if at == byte), "{text}: {error}");
    }
    for deep in ["(".repeat(1_000_000), "not ".repeat(1_000_000)] {
        assert!(matches!(deep.parse::<Filter>(), Err(Error::FilterText { .. })));
    }
    assert!(matches!("n in 5..3".parse::<Filter>(), Err(Error::Filter { .. })));
}
