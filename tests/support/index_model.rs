//! Seeded work on an index, and what must be in it after each commit.
//!
//! Every round of work follows from the seed and from what is there before it, so that another
//! process can tell what a generation holds by its number alone.

#![allow(dead_code, reason = "no test uses all of it")]

use std::{collections::BTreeMap, sync::Arc};

use passim::{
    Article, Embedder, HnswParams, IndexChoice, Interrupt, Mode, Query, Result, Retriever,
    RetrieverBuilder, Role, Searcher,
};

use crate::{seeded::Seeded, words::WordEmbedder};

/// Values of a vector.
pub const DIM: usize = 8;
/// Articles of so many keys come and go.
const KEYS: usize = 90;
const WORDS: [&str; 8] = ["Moor", "Zug", "Brot", "Wald", "bridge", "river", "engine", "snow"];
const CLOSE: f32 = 1e-5;

/// What an index holds at one generation.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub generation: u64,
    entries: BTreeMap<String, Arc<Entry>>,
}

#[derive(Debug)]
struct Entry {
    article: Article,
    /// Of its one passage; `None` without text.
    vector: Option<Vec<f32>>,
}

/// What leads from one generation to the next.
#[derive(Debug)]
pub struct Round {
    pub changes: Vec<Change>,
    last: Last,
}

/// A change that is not committed yet.
#[derive(Debug)]
pub enum Change {
    Add(Vec<Article>),
    Upsert(Vec<Article>),
    Remove(Vec<String>),
}

/// What commits the changes.
#[derive(Debug)]
enum Last {
    Commit,
    Compact,
    Sync(Vec<Article>),
}

/// Settings with which all steps are reached: graphs of few links, vectors of few values.
pub fn builder() -> RetrieverBuilder {
    let graph = IndexChoice::Hnsw(HnswParams { m: 4, ef_construction: 12 });
    Retriever::builder().embedder(WordEmbedder::new(DIM)).index(graph)
}

fn vector_of(text: &str) -> Vec<f32> {
    WordEmbedder::new(DIM).embed(Role::Passage, &[text], Interrupt::none()).unwrap().row(0).to_vec()
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

impl State {
    /// What leads on from here.
    pub fn round(&self, seed: u64) -> Round {
        let next = self.generation + 1;
        let mut random = Seeded(seed ^ next.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        // Always something new, so that there is something to commit.
        let mut changes = vec![Change::Add(vec![article(&mut random, next)])];
        for _ in 0..random.below(4) {
            changes.push(self.change(&mut random));
        }
        let mut after = self.clone();
        for change in &changes {
            after.change_by(change);
        }
        let last = match random.below(12) {
            0 => Last::Compact,
            1 => Last::Sync(after.others(&mut random)),
            _ => Last::Commit,
        };
        Round { changes, last }
    }

    /// A change that may or may not be committed.
    pub fn change(&self, random: &mut Seeded) -> Change {
        let round = self.generation + 1;
        match random.below(3) {
            0 => Change::Add(articles(random, round)),
            1 => {
                let old = self.entries.values().map(|one| one.article.clone());
                let old = old.filter(|_| random.below(8) == 0).collect::<Vec<_>>();
                Change::Upsert([old, articles(random, round)].concat())
            }
            _ => {
                let keys = (0..=random.below(5)).map(|_| format!("{}.txt", random.below(KEYS)));
                Change::Remove(keys.collect())
            }
        }
    }

    /// Most of the articles as they are, and some others.
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

    fn change_by(&mut self, change: &Change) {
        match change {
            Change::Add(articles) | Change::Upsert(articles) => {
                for article in articles {
                    self.put(article);
                }
            }
            Change::Remove(keys) => keys.iter().for_each(|key| _ = self.entries.remove(key)),
        }
    }

    /// The state after `round`.
    pub fn after(&self, round: &Round) -> Self {
        let mut after = self.clone();
        for change in &round.changes {
            after.change_by(change);
        }
        if let Last::Sync(articles) = &round.last {
            after.entries.clear();
            for article in articles {
                after.put(article);
            }
        }
        after.generation += 1;
        after
    }

    /// The state at `generation`, which is not an earlier one.
    pub fn at(mut self, seed: u64, generation: u64) -> Self {
        while self.generation < generation {
            self = self.after(&self.round(seed));
        }
        self
    }

    /// Compares all that `searcher` says with what is true of its generation; returns how many
    /// answers that were.
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
        let asked = self.entries.values().nth(random.below(KEYS));
        if let Some(Entry { article, vector: Some(_) }) = asked.map(|entry| &**entry) {
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
        let mut right: Vec<f32> = self.entries.values().filter_map(|one| similarity(one)).collect();
        right.sort_by(|a, b| b.total_cmp(a));
        right.truncate(10);
        let hits = searcher.search(Query::new(question).mode(Mode::Dense).exact())?;
        let got: Vec<f32> = hits.iter().map(|hit| hit.score).collect();
        let alike =
            got.len() == right.len() && got.iter().zip(&right).all(|(a, b)| (a - b).abs() < CLOSE);
        assert!(alike, "{}: {got:?} for {right:?}", self.generation);
        for hit in &hits {
            let entry = &self.entries[&hit.article];
            let own = similarity(entry).expect("what is found has text");
            assert!((own - hit.score).abs() < CLOSE, "{}: {hit:?}", self.generation);
            assert_eq!((&hit.text, &hit.metadata), (&entry.article.text, &entry.article.metadata));
        }
        Ok(())
    }
}

impl Change {
    /// Makes the change, without committing it.
    pub fn play(&self, retriever: &mut Retriever) -> Result<()> {
        match self {
            Self::Add(articles) => retriever.add(articles.clone()).map(|_| ()),
            Self::Upsert(articles) => retriever.upsert(articles.clone()).map(|_| ()),
            Self::Remove(keys) => keys.iter().try_for_each(|key| retriever.remove(key).map(|_| ())),
        }
    }
}

impl Round {
    /// Makes all changes, without committing them.
    pub fn change(&self, retriever: &mut Retriever) -> Result<()> {
        self.changes.iter().try_for_each(|change| change.play(retriever))
    }

    /// Commits the changes.
    pub fn commit(&self, retriever: &mut Retriever) -> Result<()> {
        match &self.last {
            Last::Commit => retriever.commit().map(|_| ()),
            Last::Compact => retriever.compact().map(|_| ()),
            Last::Sync(articles) => retriever.sync(articles.clone()).map(|_| ()),
        }
    }

    /// Number of changes and commits.
    pub fn operations(&self) -> usize {
        self.changes.len() + 1
    }
}
