//! Implements a custom `Embedder`.
//!
//! It hashes the letter trigrams of a text. That finds spelling variants but captures no meaning:
//! "Modell" is similar to "Sprachmodelle", but not to "language model".
//!
//! `cargo run --release --example custom_embedder`

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use passim::{Article, Embedder, Interrupt, ModelIdentity, Result, Retriever, Role, Vectors};

struct Trigrams {
    identity: ModelIdentity,
}

const DIM: usize = 512;

impl Embedder for Trigrams {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn dim(&self) -> usize {
        DIM
    }

    fn max_tokens(&self) -> Option<usize> {
        None
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        Ok(text.split_whitespace().count())
    }

    // A call takes less than a millisecond, so there is no need to check the interrupt.
    fn embed(&self, _role: Role, texts: &[&str], _: Interrupt<'_>) -> Result<Vectors> {
        let rows = texts.iter().flat_map(|text| counts(text));
        // `normalized` scales every row to norm 1 and returns an error for a zero row.
        Vectors::normalized(DIM, rows.collect())
    }
}

/// Counts the letter trigrams of `text` per hash bucket.
fn counts(text: &str) -> [f32; DIM] {
    let letters: Vec<char> = format!("  {}  ", text.to_lowercase()).chars().collect();
    let mut counts = [0.0; DIM];
    for triple in letters.windows(3) {
        let bucket = BuildHasherDefault::<DefaultHasher>::default().hash_one(triple) % DIM as u64;
        counts[usize::try_from(bucket).expect("less than DIM")] += 1.0;
    }
    counts
}

fn main() -> Result<()> {
    // The hash identifies everything the vectors depend on: change it whenever the code changes.
    let identity = ModelIdentity { name: "letter triples".to_owned(), hash: 1 };
    let mut retriever = Retriever::builder().embedder(Trigrams { identity }).in_memory()?;
    retriever.add([
        Article::new("a", "Große Sprachmodelle werden mit Texten aus dem Netz trainiert."),
        Article::new("b", "Der Teig ruht über Nacht im Kühlschrank."),
    ])?;
    for hit in &retriever.search("Sprachmodell")? {
        println!("{:.3}  {}  {}", hit.score, hit.article, hit.text);
    }
    Ok(())
}
