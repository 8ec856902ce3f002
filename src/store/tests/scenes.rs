//! What is committed while steps fail.

use xxhash_rust::xxh3::xxh3_64;

use crate::{
    Article, Embedder, HnswParams, IndexChoice, Interrupt, ModelIdentity, Result, Retriever,
    RetrieverBuilder, Role, Vectors,
};

pub(super) const QUESTIONS: [&str; 3] = ["alpha beta", "gamma", "delta epsilon alpha"];

/// A commit, or several, to an index that has had some.
pub(super) struct Scene {
    pub(super) name: &'static str,
    index: IndexChoice,
    /// How the index came to what it is before.
    base: fn(&mut Retriever) -> Result<()>,
    /// What is changed, and not committed yet.
    pub(super) change: fn(&mut Retriever) -> Result<()>,
    /// Commits it, by whatever way; after an error, this is tried again.
    pub(super) commit: fn(&mut Retriever) -> Result<()>,
    /// What a corpus goes through, commit by commit, if nothing fails.
    pub(super) course: &'static [fn(&mut Retriever) -> Result<()>],
}

const GRAPH: IndexChoice = IndexChoice::Hnsw(HnswParams { m: 4, ef_construction: 12 });

pub(super) static MERGE: Scene = Scene {
    name: "segments are merged, articles removed, graphs calibrated",
    index: GRAPH,
    base: three_segments,
    change: all_kinds,
    commit: committed,
    course: &[all_kinds],
};

pub(super) static REMOVAL: Scene = Scene {
    name: "one article is removed, no segment is written",
    index: IndexChoice::Exact,
    base: three_segments,
    change: |retriever| retriever.remove("7").map(|_| ()),
    commit: committed,
    course: &[|retriever| retriever.remove("7").map(|_| ())],
};

pub(super) static COMPACTION: Scene = Scene {
    name: "all is compacted",
    index: GRAPH,
    base: three_segments,
    change: all_kinds,
    commit: |retriever| retriever.compact().map(|_| ()),
    course: &[all_kinds],
};

pub(super) static SYNC: Scene = Scene {
    name: "a sync commits twice",
    index: GRAPH,
    base: three_segments,
    change: |_| Ok(()),
    commit: |retriever| retriever.sync(others()).map(|_| ()),
    course: &[
        |retriever| retriever.upsert(others()).map(|_| ()),
        |retriever| (0..75).try_for_each(|key| retriever.remove(&key.to_string()).map(|_| ())),
    ],
};

pub(super) static EMPTYING: Scene = Scene {
    name: "all is removed",
    index: IndexChoice::Exact,
    base: three_segments,
    change: |_| Ok(()),
    commit: |retriever| retriever.sync([]).map(|_| ()),
    course: &[|retriever| {
        (0..107).try_for_each(|key| retriever.remove(&key.to_string()).map(|_| ()))
    }],
};

pub(super) static FIRST: Scene = Scene {
    name: "the first commit",
    index: GRAPH,
    base: |_| Ok(()),
    change: |retriever| retriever.add(articles(0..40)).map(|_| ()),
    commit: committed,
    course: &[|retriever| retriever.add(articles(0..40)).map(|_| ())],
};

impl Scene {
    pub(super) fn builder(&self) -> RetrieverBuilder {
        // A sync of the last scenes has its checkpoint after its first batch.
        Retriever::builder().embedder(Hashed::default()).index(self.index).checkpoint(20)
    }

    /// Brings an empty corpus to where the scene begins.
    pub(super) fn begin(&self, retriever: &mut Retriever) {
        (self.base)(retriever).unwrap();
    }
}

fn committed(retriever: &mut Retriever) -> Result<()> {
    retriever.commit().map(|_| ())
}

/// Words of few kinds, so that questions have many answers.
fn article(key: usize, salt: &str) -> Article {
    const WORDS: [&str; 6] = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"];
    let hash = xxh3_64(format!("{salt}{key}").as_bytes()).to_le_bytes();
    let words = hash[..4].iter().map(|byte| WORDS[usize::from(*byte) % WORDS.len()]);
    let text = format!("{} {salt}{key}.", words.collect::<Vec<_>>().join(" "));
    Article::new(key.to_string(), text)
        .title(format!("Titel {key}"))
        .metadata("even", key.is_multiple_of(2))
}

fn articles(keys: std::ops::Range<usize>) -> impl Iterator<Item = Article> {
    keys.map(|key| article(key, "a"))
}

/// What the corpus is synced with: many removed, some changed, some new.
fn others() -> Vec<Article> {
    articles(75..95).chain((95..115).map(|key| article(key, "b"))).collect()
}

/// Segments of 100, 7 and 1 article, and calibrated graphs if there are any.
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

/// Articles are added, replaced and removed, graphs calibrated; the small segments will be
/// merged, and the large one keeps its file.
fn all_kinds(retriever: &mut Retriever) -> Result<()> {
    retriever.add(articles(107..110).chain([article(101, "d")]))?;
    retriever.remove("3")?;
    retriever.remove("105")?;
    retriever.calibrate(0.6, &QUESTIONS[1..])?;
    Ok(())
}

/// Adds up a pseudo-random vector for each word.
struct Hashed(ModelIdentity);

impl Default for Hashed {
    fn default() -> Self {
        Self(ModelIdentity { name: "hashed words".to_owned(), hash: 8 })
    }
}

impl Embedder for Hashed {
    fn identity(&self) -> &ModelIdentity {
        &self.0
    }

    fn dim(&self) -> usize {
        8
    }

    fn max_tokens(&self) -> Option<usize> {
        None
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        Ok(text.split_whitespace().count())
    }

    fn embed(&self, _: Role, texts: &[&str], _: Interrupt<'_>) -> Result<Vectors> {
        let mut values = Vec::with_capacity(texts.len() * self.dim());
        for text in texts {
            let mut sum = [1e-3; 8];
            for word in text.split_whitespace() {
                let hash = xxh3_64(word.as_bytes()).to_le_bytes();
                sum.iter_mut().zip(hash).for_each(|(x, byte)| *x += f32::from(byte) - 127.5);
            }
            values.extend(sum);
        }
        Vectors::normalized(self.dim(), values)
    }
}
