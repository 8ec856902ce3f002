//! An index in a folder: small commits, opening, syncs with few changes, and searches after
//! many commits.
//!
//! Texts are seeded mixtures of the sample articles, one passage each. Times depend on the
//! fsync of the disk; the index is in the system's folder for temporary files (`TMPDIR`).

mod support;

use std::{cell::LazyCell, hint::black_box, path::Path};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use passim::{Article, Query, Retriever, Searcher};
use passim_testkit::corpus;
use tempfile::TempDir;

use support::extent::{is_quick, sizes};

const WORDS: usize = 60;
/// Number of articles in a small commit.
const FEW: usize = 10;

/// Articles with the keys `first` and up.
fn articles(seed: u64, first: usize, len: usize) -> impl Iterator<Item = Article> {
    let texts = corpus::texts(seed, len, WORDS).into_iter().zip(first..);
    texts.map(|(text, at)| Article::new(at.to_string(), text))
}

/// An index of `len` articles in one commit.
fn index(len: usize) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let mut retriever = Retriever::create(folder.path()).expect("an empty folder");
    retriever.add(articles(1, 0, len)).expect("articles with keys");
    retriever.commit().expect("a disk with room");
    retriever.wait_for_merges().expect("a disk with room");
    folder
}

fn open(folder: &Path) -> Retriever {
    Retriever::open(folder).expect("the index that was made")
}

fn commit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("commit 10 articles");
    group.sample_size(20);
    for &len in sizes() {
        let folder = LazyCell::new(|| index(len));
        let mut next = len;
        group.bench_function(BenchmarkId::from_parameter(len), |bencher| {
            let mut retriever = open(folder.path());
            bencher.iter(|| {
                retriever.add(articles(next as u64, next, FEW)).expect("articles with keys");
                next += FEW;
                retriever.commit().expect("a disk with room")
            });
        });
    }
    group.finish();
}

fn opening(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("open");
    for &len in sizes() {
        let folder = LazyCell::new(|| index(len));
        group.bench_function(BenchmarkId::new("to write", len), |bencher| {
            let path = folder.path();
            bencher.iter(|| open(path));
        });
        group.bench_function(BenchmarkId::new("to search", len), |bencher| {
            let path = folder.path();
            bencher.iter(|| Searcher::open(path).expect("the index that was made"));
        });
        group.bench_function(BenchmarkId::new("and search once", len), |bencher| {
            let path = folder.path();
            bencher.iter(|| {
                let searcher = Searcher::open(path).expect("the index that was made");
                searcher.search("Was speichern Moore?").expect("an index that is whole")
            });
        });
    }
    group.finish();
}

fn sync(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sync");
    group.sample_size(10);
    for &len in sizes() {
        let folder = LazyCell::new(|| index(len));
        let all: Vec<Article> = articles(1, 0, len).collect();
        group.bench_function(BenchmarkId::new("nothing changed", len), |bencher| {
            let mut retriever = open(folder.path());
            bencher.iter(|| retriever.sync(all.iter().cloned()).expect("articles with keys"));
        });
        let mut round = 0;
        group.bench_function(BenchmarkId::new("1 % changed", len), |bencher| {
            let mut retriever = open(folder.path());
            bencher.iter(|| {
                round += 1;
                let mut changed = all.clone();
                for article in changed.iter_mut().step_by(100) {
                    article.text = format!("{} Stand {round}.", article.text);
                }
                retriever.sync(changed).expect("articles with keys")
            });
        });
    }
    group.finish();
}

/// Measures searches after one commit, and after commits of ten of the same articles.
fn search_after_commits(criterion: &mut Criterion) {
    let len = if is_quick() { 2_000 } else { 10_000 };
    let questions = corpus::texts(2, 200, 8);
    let mut group = criterion.benchmark_group("search");
    let at_once = LazyCell::new(|| index(len));
    let by_tens = LazyCell::new(|| {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let mut retriever = Retriever::create(folder.path()).expect("an empty folder");
        let all: Vec<Article> = articles(1, 0, len).collect();
        for some in all.chunks(FEW) {
            retriever.add(some.iter().cloned()).expect("articles with keys");
            retriever.commit().expect("a disk with room");
        }
        retriever.wait_for_merges().expect("a disk with room");
        folder
    });
    let name = |commits| BenchmarkId::new(format!("{len} articles"), commits);
    group.bench_function(name("1 commit"), |bencher| {
        let searcher = Searcher::open(at_once.path()).expect("the index that was made");
        bencher.iter(|| ask(&searcher, &questions));
    });
    group.bench_function(name("commits of 10"), |bencher| {
        let searcher = Searcher::open(by_tens.path()).expect("the index that was made");
        bencher.iter(|| ask(&searcher, &questions));
    });
    group.finish();
}

fn ask(searcher: &Searcher, questions: &[String]) -> usize {
    let ask = |question: &String| searcher.search(Query::new(question)).expect("a whole index");
    questions.iter().map(|question| ask(black_box(question)).len()).sum()
}

criterion_group!(benches, commit, opening, sync, search_after_commits);
criterion_main!(benches);
