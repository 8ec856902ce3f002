//! Filters: an expression against the equivalent closure and against no filter, over articles
//! of one passage with vectors of 32 values.

mod support;

use std::{hint::black_box, path::Path};

use criterion::{
    BatchSize, BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main,
    measurement::WallTime,
};
use passim::{Article, ArticleHead, Date, Filter, Mode, Query, Retriever, Searcher, Value};
use tempfile::TempDir;

use passim_testkit::{FakeEmbedder, Seeded};
use support::extent::is_quick;

const DIM: usize = 32;
const QUESTION: &str = "w17 w170 w1700";

type Closure = fn(&ArticleHead) -> bool;

fn len() -> usize {
    if is_quick() { 2_000 } else { 100_000 }
}

fn day(at: usize) -> Date {
    let number = |at: usize| i8::try_from(at).expect("a day or a month");
    let year = 2015 + i16::try_from(at / 336 % 10).expect("a year");
    Date::new(year, number(at / 28 % 12) + 1, number(at % 28) + 1).expect("a day")
}

/// Articles with metadata: a rank shared by 1 of 10,000, a desk shared by 1 of 100, and a day.
fn articles() -> impl Iterator<Item = Article> {
    let mut seeded = Seeded(1);
    (0..len()).map(move |at| {
        let words: Vec<_> = (0..12).map(|_| format!("w{}", seeded.below(3_000))).collect();
        let rank = seeded.below(10_000);
        let desk = seeded.below(100);
        let date = seeded.below(3_360);
        Article::new(format!("{at:06}"), words.join(" "))
            .title(format!("Titel t{}", at % 10))
            .metadata("rank", i64::try_from(rank).expect("less than 10,000"))
            .metadata("desk", format!("desk {desk}"))
            .metadata("published", day(date))
            .metadata("words", 12)
    })
}

/// An index of all articles, with a graph, in a folder.
fn index() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let builder = Retriever::builder().embedder(FakeEmbedder::new(DIM));
    let mut retriever = builder.create(folder.path()).expect("an empty folder");
    retriever.add(articles()).expect("articles with keys");
    retriever.commit().expect("a disk with room");
    retriever.wait_for_merges().expect("a disk with room");
    folder
}

fn open(folder: &Path) -> Searcher {
    let builder = Retriever::builder().embedder(FakeEmbedder::new(DIM));
    builder.open_searcher(folder).expect("the index that was made")
}

/// Filters as expressions and as equivalent closures, named by the share that they allow.
fn filters() -> [(&'static str, Filter, Closure); 4] {
    [
        ("1 of 10,000", Filter::equals("rank", 17), |head| {
            head.metadata.get("rank") == Some(&Value::Integer(17))
        }),
        (
            "1 of 100",
            Filter::equals("desk", "desk 17"),
            |head| matches!(head.metadata.get("desk"), Some(Value::String(desk)) if desk == "desk 17"),
        ),
        ("half", Filter::range("published", day(0)..day(1_680)), |head| {
            matches!(head.metadata.get("published"), Some(Value::Date(date))
                if (day(0)..day(1_680)).contains(date))
        }),
        (
            "1 of 200",
            Filter::equals("desk", "desk 17")
                .or(Filter::range("rank", ..100))
                .and(!Filter::range("published", ..day(2_520))),
            |head| {
                let metadata = &head.metadata;
                let of_desk =
                    matches!(metadata.get("desk"), Some(Value::String(desk)) if desk == "desk 17");
                let of_rank = matches!(metadata.get("rank"), Some(Value::Integer(..100)));
                let old = matches!(metadata.get("published"), Some(Value::Date(date))
                    if *date < day(2_520));
                (of_desk || of_rank) && !old
            },
        ),
    ]
}

fn query() -> Query {
    Query::new(QUESTION).mode(Mode::Dense)
}

fn ask(searcher: &Searcher, query: Query) -> usize {
    searcher.search(query).expect("an index that is whole").len()
}

/// Measures repeated searches for one query.
fn answer(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    searcher: &Searcher,
    query: impl Fn() -> Query,
) {
    group.bench_function(BenchmarkId::new(name, len()), |bencher| {
        bencher.iter(|| ask(searcher, black_box(query())));
    });
}

fn searches(criterion: &mut Criterion, folder: &Path) {
    let mut group = criterion.benchmark_group("filter");
    let searcher = open(folder);
    answer(&mut group, "none", &searcher, query);
    for (share, filter, closure) in filters() {
        let by = Filter::custom(move |head, _| closure(head));
        for (form, filter) in [("expression", filter), ("closure", by)] {
            let query = || query().filter(filter.clone());
            answer(&mut group, &format!("{share}, {form}"), &searcher, query);
        }
    }
    group.finish();
}

/// Measures lexical search for three words, two of which are in every tenth article.
fn by_words(criterion: &mut Criterion, folder: &Path) {
    let mut group = criterion.benchmark_group("filter, by words");
    let searcher = open(folder);
    let query = || Query::new("w17 w170 t3 t7").mode(Mode::Lexical);
    answer(&mut group, "none", &searcher, query);
    for (share, filter, _) in filters() {
        answer(&mut group, share, &searcher, || query().filter(filter.clone()));
    }
    group.finish();
}

/// Measures the first search of a new searcher, and the second one, which may load another column.
fn first_searches(criterion: &mut Criterion, folder: &Path) {
    let mut group = criterion.benchmark_group("filter, first search");
    group.sample_size(20);
    let none: Option<Filter> = None;
    let desk = || Some(Filter::equals("desk", "desk 17"));
    let closure = Some(Filter::custom(
        |head, _| matches!(head.metadata.get("desk"), Some(Value::String(desk)) if desk == "desk 17"),
    ));
    for (form, before, filter) in [
        ("no filter", none.clone(), none),
        ("closure", None, closure.clone()),
        ("texts", None, desk()),
        ("texts after a closure", closure, desk()),
        ("numbers after texts", desk(), Some(Filter::equals("rank", 17))),
        ("dates after texts", desk(), Some(Filter::range("published", day(0)..day(9)))),
    ] {
        let filtered = |filter: &Option<Filter>| match filter.clone() {
            Some(filter) => query().filter(filter),
            None => query(),
        };
        group.bench_function(BenchmarkId::new(form, len()), |bencher| {
            let opened = || {
                let searcher = open(folder);
                ask(&searcher, filtered(&before));
                searcher
            };
            let first = |searcher: Searcher| (ask(&searcher, filtered(&filter)), searcher);
            bencher.iter_batched(opened, first, BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn filters_of_one_index(criterion: &mut Criterion) {
    let folder = index();
    searches(criterion, folder.path());
    by_words(criterion, folder.path());
    first_searches(criterion, folder.path());
}

criterion_group!(benches, filters_of_one_index);
criterion_main!(benches);
