//! Seeded edits of an index, and the content that it must have after each commit.
//!
//! A round of edits follows from the seed and the state before it, so another process can compute
//! the content of a generation from its number alone.

use std::{collections::BTreeMap, sync::Arc};

use passim::{
    Article, HnswParams, IndexChoice, Mode, Query, Result, Retriever, RetrieverBuilder, Role,
    Searcher,
};

use crate::{FakeEmbedder, Seeded, vectors::of_text};

/// Values of a vector.
pub const DIM: usize = 8;
/// Number of keys that articles are added and removed under.
const KEYS: usize = 90;
const WORDS: [&str; 8] = ["Moor", "Zug", "Brot", "Wald", "bridge", "river", "engine", "snow"];
/// Tolerance of similarities.
const CLOSE: f32 = 1e-5;

/// The content of an index at one generation.
#[derive(Clone, Debug, Default)]
pub struct IndexState {
    /// Number of commits.
    pub generation: u64,
    entries: BTreeMap<String, Arc<Entry>>,
}

#[derive(Debug)]
struct Entry {
    article: Article,
    /// Vector of its one passage; `None` without text.
    vector: Option<Vec<f32>>,
}

/// The edits between two generations, and the commit that ends them.
#[derive(Debug)]
pub struct Round {
    edits: Vec<Edit>,
    ending: Ending,
}

/// An edit that is not committed yet.
#[derive(Debug)]
pub enum Edit {
    Add(Vec<Article>),
    Upsert(Vec<Article>),
    Remove(Vec<String>),
}

/// The operation that commits the edits.
#[derive(Debug)]
enum Ending {
    Commit,
    Compact,
    Sync(Vec<Article>),
}

/// Settings with few links and few values, so that small indexes have graphs.
pub fn builder() -> RetrieverBuilder {
    let graph = IndexChoice::Hnsw(HnswParams { m: 4, ef_construction: 12 });
    Retriever::builder().embedder(FakeEmbedder::new(DIM)).index(graph)
}

fn vector_of(text: &str) -> Vec<f32> {
    of_text(&FakeEmbedder::new(DIM), Role::Passage, text)
}

fn article(random: &mut Seeded, round: u64) -> Article {
    let key = random.below(KEYS);
    let words: Vec<_> = (0..3).map(|_| WORDS[random.below(WORDS.len())]).collect();
    let text = match random.below(20) {
        0 => String::new(),
        _ => format!("{} k{key} r{round}.", words.join(" ")),
    };
    Article::new(format!("{key}.txt"), text).metadata("round", round.cast_signed())
}

fn articles(random: &mut Seeded, round: u64) -> Vec<Article> {
    (0..=random.below(4)).map(|_| article(random, round)).collect()
}

impl IndexState {
    /// The next round.
    pub fn round(&self, seed: u64) -> Round {
        let next = self.generation + 1;
        let mut random = Seeded(seed ^ next.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        // The first edit is always new content, so every round commits.
        let mut edits = vec![Edit::Add(vec![article(&mut random, next)])];
        for _ in 0..random.below(4) {
            edits.push(self.edit(&mut random));
        }
        let mut after = self.clone();
        for edit in &edits {
            after.apply(edit);
        }
        let ending = match random.below(12) {
            0 => Ending::Compact,
            1 => Ending::Sync(after.others(&mut random)),
            _ => Ending::Commit,
        };
        Round { edits, ending }
    }

    /// An edit of this state.
    pub fn edit(&self, random: &mut Seeded) -> Edit {
        let round = self.generation + 1;
        match random.below(3) {
            0 => Edit::Add(articles(random, round)),
            1 => {
                let old = self.entries.values().map(|one| one.article.clone());
                let old = old.filter(|_| random.below(8) == 0).collect::<Vec<_>>();
                Edit::Upsert([old, articles(random, round)].concat())
            }
            _ => {
                let keys = (0..=random.below(5)).map(|_| format!("{}.txt", random.below(KEYS)));
                Edit::Remove(keys.collect())
            }
        }
    }

    /// Most of the articles unchanged, and some others.
    fn others(&self, random: &mut Seeded) -> Vec<Article> {
        let old = self.entries.values().map(|one| one.article.clone());
        let old = old.filter(|_| random.below(6) > 0).collect::<Vec<_>>();
        [old, articles(random, self.generation + 1)].concat()
    }

    fn put(&mut self, article: &Article) {
        let vector = (!article.text.is_empty()).then(|| vector_of(&article.text));
        let entry = Arc::new(Entry { article: article.clone(), vector });
        self.entries.insert(article.key.clone(), entry);
    }

    fn apply(&mut self, edit: &Edit) {
        match edit {
            Edit::Add(articles) | Edit::Upsert(articles) => {
                for article in articles {
                    self.put(article);
                }
            }
            Edit::Remove(keys) => keys.iter().for_each(|key| _ = self.entries.remove(key)),
        }
    }

    /// The state after `round`.
    #[must_use]
    pub fn after(&self, round: &Round) -> Self {
        let mut after = self.clone();
        for edit in &round.edits {
            after.apply(edit);
        }
        if let Ending::Sync(articles) = &round.ending {
            after.entries.clear();
            for article in articles {
                after.put(article);
            }
        }
        after.generation += 1;
        after
    }

    /// The state after `edits`, which are not committed.
    #[must_use]
    pub fn with(&self, edits: &[Edit]) -> Self {
        let mut changed = self.clone();
        for edit in edits {
            changed.apply(edit);
        }
        changed
    }

    /// The state at `generation`, which must not be an earlier one.
    #[must_use]
    pub fn at(mut self, seed: u64, generation: u64) -> Self {
        while self.generation < generation {
            self = self.after(&self.round(seed));
        }
        self
    }

    /// Compares the articles of `retriever`, committed or not, and its hits of all words with this
    /// state.
    pub fn check_uncommitted(&self, retriever: &Retriever) -> Result<()> {
        let articles = retriever.iter_articles().collect::<Result<Vec<_>>>()?;
        let right = self.entries.values().map(|entry| &entry.article);
        assert!(articles.iter().eq(right), "after {}: {articles:?}", self.generation);
        let query = Query::new(WORDS.join(" ")).mode(Mode::Dense).k(KEYS).exact();
        let hits = retriever.search(query)?;
        let mut found: Vec<_> = hits.iter().map(|hit| hit.article.as_str()).collect();
        found.sort_unstable();
        let with_text = self.entries.iter().filter(|(_, entry)| entry.vector.is_some());
        assert!(found.iter().eq(with_text.map(|(key, _)| key)), "{found:?}");
        Ok(())
    }

    /// Compares the answers of `searcher` with this state; returns the number of answers.
    pub fn check(&self, searcher: &Searcher, random: &mut Seeded) -> Result<usize> {
        assert_eq!(searcher.generation(), self.generation);
        let mut keys =
            searcher.keys().map(|key| key.map(str::to_owned)).collect::<Result<Vec<_>>>()?;
        keys.sort();
        assert!(keys.iter().eq(self.entries.keys()), "{}: {keys:?}", self.generation);
        for key in (0..KEYS).map(|key| format!("{key}.txt")) {
            let right = self.entries.get(&key).map(|entry| &entry.article);
            assert_eq!(searcher.article(&key)?.as_ref(), right, "{}", self.generation);
        }
        let question = [(); 3].map(|()| WORDS[random.below(WORDS.len())]).join(" ");
        self.check_exact(searcher, &question)?;
        let chosen = self.entries.values().nth(random.below(KEYS));
        if let Some(Entry { article, vector: Some(_) }) = chosen.map(|entry| &**entry) {
            let hits =
                searcher.search(Query::new(&*article.text).mode(Mode::Dense).k(1).ef_search(16))?;
            assert!(hits[0].score > 1.0 - CLOSE, "{}: {hits:?}", self.generation);
        }
        Ok(KEYS + 3)
    }

    fn check_exact(&self, searcher: &Searcher, question: &str) -> Result<()> {
        let query = vector_of(question);
        let similarity = |entry: &Entry| {
            let vector = entry.vector.as_ref()?;
            Some(vector.iter().zip(&query).map(|(a, b)| a * b).sum::<f32>())
        };
        let mut right: Vec<f32> =
            self.entries.values().filter_map(|entry| similarity(entry)).collect();
        right.sort_by(|a, b| b.total_cmp(a));
        right.truncate(10);
        let hits = searcher.search(Query::new(question).mode(Mode::Dense).exact())?;
        let got: Vec<f32> = hits.iter().map(|hit| hit.score).collect();
        let alike =
            got.len() == right.len() && got.iter().zip(&right).all(|(a, b)| (a - b).abs() < CLOSE);
        assert!(alike, "{}: {got:?} for {right:?}", self.generation);
        for hit in &hits {
            let entry = &self.entries[&hit.article];
            let own = similarity(entry).expect("a hit has text");
            assert!((own - hit.score).abs() < CLOSE, "{}: {hit:?}", self.generation);
            assert_eq!((&hit.text, &hit.metadata), (&entry.article.text, &entry.article.metadata));
        }
        Ok(())
    }
}

impl Edit {
    /// Makes the edit, without committing it.
    pub fn make(&self, retriever: &mut Retriever) -> Result<()> {
        match self {
            Self::Add(articles) => retriever.add(articles.clone()).map(|_| ()),
            Self::Upsert(articles) => retriever.upsert(articles.clone()).map(|_| ()),
            Self::Remove(keys) => keys.iter().try_for_each(|key| retriever.remove(key).map(|_| ())),
        }
    }
}

impl Round {
    /// Makes all edits, without committing them.
    pub fn edit(&self, retriever: &mut Retriever) -> Result<()> {
        self.edits.iter().try_for_each(|edit| edit.make(retriever))
    }

    /// Commits the edits.
    pub fn commit(&self, retriever: &mut Retriever) -> Result<()> {
        match &self.ending {
            Ending::Commit => retriever.commit().map(|_| ()),
            Ending::Compact => retriever.compact().map(|_| ()),
            Ending::Sync(articles) => retriever.sync(articles.clone()).map(|_| ()),
        }
    }

    /// Number of edits and commits.
    pub fn operations(&self) -> usize {
        self.edits.len() + 1
    }
}
