//! Scenarios of commits, during which tests make steps fail.

use xxhash_rust::xxh3::xxh3_64;

use crate::{
    Article, HnswParams, IndexChoice, Result, Retriever, RetrieverBuilder, embed::WordSums,
};

/// Questions whose hits stand for the content of an index.
pub(super) const QUESTIONS: [&str; 3] = ["alpha beta", "gamma", "delta epsilon alpha"];

/// An index with uncommitted changes, and the commits that follow.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    index: IndexChoice,
    /// Builds the committed state that the scenario starts from.
    prepare: fn(&mut Retriever) -> Result<()>,
    /// Makes the uncommitted changes.
    pub(super) change: fn(&mut Retriever) -> Result<()>,
    /// Commits once or several times; repeated after an error.
    pub(super) commit: fn(&mut Retriever) -> Result<()>,
    /// Number of threads that merge in the background.
    merge_threads: usize,
    /// The changes of each commit, in order, if no step fails.
    pub(super) commits: &'static [fn(&mut Retriever) -> Result<()>],
}

const GRAPH: IndexChoice = IndexChoice::Hnsw(HnswParams { m: 4, ef_construction: 12 });

pub(super) static MERGE: Scenario = Scenario {
    name: "merges segments, removes articles, calibrates graphs",
    index: GRAPH,
    merge_threads: 0,
    prepare: three_segments,
    change: changes_of_all_kinds,
    commit,
    commits: &[changes_of_all_kinds],
};

pub(super) static BACKGROUND_MERGE: Scenario = Scenario {
    name: "commits, then merges segments and builds their graph in the background",
    index: GRAPH,
    merge_threads: 1,
    prepare: |retriever| three_segments(retriever).and_then(|()| retriever.wait_for_merges()),
    change: changes_of_all_kinds,
    commit: |retriever| retriever.commit().and_then(|_| retriever.wait_for_merges()),
    commits: &[changes_of_all_kinds],
};

pub(super) static REMOVAL: Scenario = Scenario {
    name: "removes one article, writes no segment",
    index: IndexChoice::Exact,
    merge_threads: 0,
    prepare: three_segments,
    change: |retriever| retriever.remove("7").map(|_| ()),
    commit,
    commits: &[|retriever| retriever.remove("7").map(|_| ())],
};

pub(super) static COMPACTION: Scenario = Scenario {
    name: "compacts all segments",
    index: GRAPH,
    merge_threads: 0,
    prepare: three_segments,
    change: changes_of_all_kinds,
    commit: |retriever| retriever.compact().map(|_| ()),
    commits: &[changes_of_all_kinds],
};

pub(super) static SYNC: Scenario = Scenario {
    name: "syncs with two commits",
    index: GRAPH,
    merge_threads: 0,
    prepare: three_segments,
    change: |_| Ok(()),
    commit: |retriever| retriever.sync(synced_articles()).map(|_| ()),
    commits: &[
        |retriever| retriever.upsert(synced_articles()).map(|_| ()),
        |retriever| (0..75).try_for_each(|key| retriever.remove(&key.to_string()).map(|_| ())),
    ],
};

pub(super) static EMPTYING: Scenario = Scenario {
    name: "removes all articles",
    index: IndexChoice::Exact,
    merge_threads: 0,
    prepare: three_segments,
    change: |_| Ok(()),
    commit: |retriever| retriever.sync([]).map(|_| ()),
    commits: &[|retriever| {
        (0..107).try_for_each(|key| retriever.remove(&key.to_string()).map(|_| ()))
    }],
};

pub(super) static FIRST: Scenario = Scenario {
    name: "commits for the first time",
    index: GRAPH,
    merge_threads: 0,
    prepare: |_| Ok(()),
    change: |retriever| retriever.add(articles(0..40)).map(|_| ()),
    commit,
    commits: &[|retriever| retriever.add(articles(0..40)).map(|_| ())],
};

impl Scenario {
    pub(super) fn builder(&self) -> RetrieverBuilder {
        let builder = Retriever::builder().embedder(WordSums::default()).index(self.index);
        // A sync reaches this checkpoint after its first batch, so it commits twice.
        builder.merge_threads(self.merge_threads).checkpoint(20)
    }

    /// Brings an empty corpus to the state that the scenario starts from.
    pub(super) fn prepare(&self, retriever: &mut Retriever) {
        (self.prepare)(retriever).unwrap();
    }
}

fn commit(retriever: &mut Retriever) -> Result<()> {
    retriever.commit().map(|_| ())
}

/// An article of few different words, so that each question has many hits.
fn article(key: usize, salt: &str) -> Article {
    const WORDS: [&str; 6] = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"];
    let hash = xxh3_64(format!("{salt}{key}").as_bytes()).to_le_bytes();
    let words = hash[..4].iter().map(|byte| WORDS[usize::from(*byte) % WORDS.len()]);
    let text = format!("{} {salt}{key}.", words.collect::<Vec<_>>().join(" "));
    Article::new(key.to_string(), text)
        .title(format!("Titel {key}"))
        .metadata("even", key.is_multiple_of(2))
}

pub(super) fn articles(keys: std::ops::Range<usize>) -> impl Iterator<Item = Article> {
    keys.map(|key| article(key, "a"))
}

/// The articles of a sync that removes 75 articles, changes 12 and adds 8.
fn synced_articles() -> Vec<Article> {
    articles(75..95).chain((95..115).map(|key| article(key, "b"))).collect()
}

/// Makes segments of 100, 7 and 1 article, with calibrated graphs if the index has graphs.
fn three_segments(retriever: &mut Retriever) -> Result<()> {
    retriever.add(articles(0..100))?;
    retriever.commit()?;
    retriever.calibrate(0.5, &QUESTIONS)?;
    retriever.remove("11")?;
    retriever.add([article(11, "c")])?;
    for keys in [100..106, 106..107] {
        retriever.add(articles(keys))?;
        retriever.commit()?;
    }
    Ok(())
}

/// Adds, replaces and removes articles, and calibrates graphs. The commit merges the small
/// segments and keeps the file of the large one.
fn changes_of_all_kinds(retriever: &mut Retriever) -> Result<()> {
    retriever.add(articles(107..110).chain([article(101, "d")]))?;
    retriever.remove("3")?;
    retriever.remove("105")?;
    retriever.calibrate(0.6, &QUESTIONS[1..])?;
    Ok(())
}
