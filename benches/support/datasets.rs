//! Vectors for benchmarks of indexes: seeded clusters, real text, stored embeddings.

use std::{
    collections::VecDeque,
    env,
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    sync::Arc,
};

use half::f16;
use passim::{EmbedStage, Embedder, Role, StaticEmbedder, Vectors};
use passim_testkit::vectors::Clusters;

use super::articles::first_words;

/// Vectors to index, and other vectors as queries.
pub struct DataSet {
    pub name: &'static str,
    pub vectors: Arc<Vectors>,
    pub queries: Vectors,
}

/// Source of data sets of several sizes.
pub enum Source {
    /// Seeded clusters of `dim` values, and this many queries near their centers; any size.
    Clusters { dim: usize, queries: usize },
    /// The first vectors of this data set.
    Stored(DataSet),
}

/// Vectors of one seeded cluster.
const CLUSTER: usize = 50;
/// Distance of seeded vectors from the center of their cluster, whose length is 1.
const SPREAD: f32 = 0.6;
/// Number of words of a question.
pub const QUESTION_WORDS: usize = 8;
/// Number of texts embedded at a time.
const BLOCK: usize = 10_000;

impl Source {
    /// Seeded clusters of 384 values, and the sources that the environment names, with at most
    /// `largest` lines of text; prints which sources are missing.
    pub fn all(largest: usize, queries: usize) -> Vec<Self> {
        let text = Self::text(largest, queries);
        let text = text.or_else(|| not_run("real text", "PASSIM_BENCH_TEXT"));
        let minilm = Self::embeddings(queries);
        let minilm = minilm.or_else(|| not_run("MiniLM embeddings", "PASSIM_BENCH_VECTORS"));
        let clusters = Some(Self::Clusters { dim: 384, queries });
        [clusters, text, minilm].into_iter().flatten().collect()
    }

    /// The lines of the text file that `PASSIM_BENCH_TEXT` names, at most `largest`, embedded
    /// with the bundled model. Queries are the first words of its last lines, which are not
    /// indexed.
    pub fn text(largest: usize, queries: usize) -> Option<Self> {
        let path = env::var_os("PASSIM_BENCH_TEXT").map(PathBuf::from)?;
        let (texts, last) = lines(&path, largest, queries);
        let questions: Vec<String> = last.iter().map(|line| first_words(line)).collect();
        let embedder = StaticEmbedder::bundled().expect("the bundled model");
        let vectors = Arc::new(embedded(&embedder, Role::Passage, &texts));
        let queries = embedded(&embedder, Role::Query, &questions);
        Some(Self::Stored(DataSet { name: "text", vectors, queries }))
    }

    /// The embeddings in the folder that `PASSIM_BENCH_VECTORS` names: all of `minilm.base.f16`,
    /// and the first of `minilm.query.f16` as queries.
    fn embeddings(queries: usize) -> Option<Self> {
        let folder = env::var_os("PASSIM_BENCH_VECTORS").map(PathBuf::from)?;
        let vectors = Arc::new(halves(&folder.join("minilm.base.f16")));
        let queries = first(&halves(&folder.join("minilm.query.f16")), queries);
        Some(Self::Stored(DataSet { name: "minilm", vectors, queries }))
    }

    /// The data set of `size` vectors, or of all if there are fewer.
    pub fn cut(&self, size: usize) -> DataSet {
        match self {
            Self::Clusters { dim, queries } => clusters(*dim, size, *queries),
            Self::Stored(DataSet { name, vectors, queries }) => {
                let whole = size >= vectors.len();
                let vectors =
                    if whole { Arc::clone(vectors) } else { Arc::new(first(vectors, size)) };
                DataSet { name, vectors, queries: queries.clone() }
            }
        }
    }

    /// The data sets of the ascending `sizes`; the last one has all vectors if there are fewer.
    pub fn cuts(&self, sizes: &[usize]) -> impl Iterator<Item = DataSet> {
        let available = match self {
            Self::Clusters { .. } => usize::MAX,
            Self::Stored(data) => data.vectors.len(),
        };
        let mut sizes: Vec<usize> = sizes.iter().map(|size| available.min(*size)).collect();
        sizes.dedup();
        sizes.into_iter().map(|size| self.cut(size))
    }
}

fn not_run(what: &str, variable: &str) -> Option<Source> {
    eprintln!("NOT RUN: {what}; to run it, set {variable}");
    None
}

fn clusters(dim: usize, size: usize, queries: usize) -> DataSet {
    let clusters = size / CLUSTER;
    let clustered = Clusters { seed: 1, dim, clusters, each: CLUSTER, spread: SPREAD };
    let (vectors, others) = clustered.with_queries(queries.div_ceil(clusters));
    DataSet { name: "clusters", vectors: Arc::new(vectors), queries: first(&others, queries) }
}

/// The first `len` rows of `vectors`, or all if there are fewer.
fn first(vectors: &Vectors, len: usize) -> Vectors {
    let rows: Vec<usize> = (0..len.min(vectors.len())).collect();
    vectors.select(&rows)
}

/// The first `max` lines of a text file, without its last `last` lines; and those last lines.
pub fn lines(path: &Path, max: usize, last: usize) -> (Vec<String>, VecDeque<String>) {
    let lines = BufReader::new(File::open(path).expect("a text file")).lines();
    let mut texts = Vec::new();
    let mut held_back = VecDeque::with_capacity(last + 1);
    for line in lines.map(|line| line.expect("a text file in UTF-8")) {
        if line.trim().is_empty() {
            continue;
        }
        held_back.push_back(line);
        if held_back.len() > last {
            texts.extend(held_back.pop_front().filter(|_| texts.len() < max));
        }
    }
    assert!(!texts.is_empty(), "{} has no more than {last} lines", path.display());
    (texts, held_back)
}

/// Embeds `texts` block by block, so that at most one block is in memory twice.
fn embedded(embedder: &StaticEmbedder, role: Role, texts: &[String]) -> Vectors {
    let mut data = Vec::with_capacity(texts.len() * embedder.dim());
    for block in texts.chunks(BLOCK) {
        let block: Vec<&str> = block.iter().map(String::as_str).collect();
        let (vectors, _) = EmbedStage::new(embedder).run(role, &block).expect("a valid text");
        data.extend_from_slice(vectors.as_slice());
    }
    Vectors::normalized(embedder.dim(), data).expect("embeddings have a direction")
}

/// Reads a file of vectors: number and dimension as little-endian `u32`, then the values,
/// row by row, as little-endian IEEE half floats.
fn halves(path: &Path) -> Vectors {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (header, values) = bytes.split_at(8);
    let header = header.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes) as usize);
    let [len, dim] = header.collect::<Vec<_>>().try_into().expect("two numbers");
    let values = values.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32());
    let vectors = Vectors::normalized(dim, values.collect()).expect("vectors with a direction");
    assert_eq!(vectors.len(), len, "{}", path.display());
    vectors
}
