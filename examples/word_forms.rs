//! Measures the share of German nouns and names that match their inflected forms by words.
//!
//! `cargo run --example word_forms -- de_gsd-ud-dev.conllu de_gsd-ud-test.conllu`

#[path = "support/outcome.rs"]
mod outcome;

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use lexopt::prelude::*;
use outcome::{Failure, exit_code};
use passim::{Article, Language, Mode, Query, Retriever};

const USAGE: &str = "\
word_forms FILE... [--tuning] [--misses]

  FILE       a German treebank in CoNLL-U: nouns and names whose form differs from their lemma are
             pairs; a pair matches if a question of either word finds the other by words
  --tuning   measure the half of the pairs that rules may be made from, instead of the other half
  --misses   print the pairs that do not match";

/// Number of hits per question, more than the forms of any lemma.
const HITS: usize = 1_000;

struct Args {
    files: Vec<PathBuf>,
    half: Half,
    misses: bool,
}

/// Half of the pairs, by a hash of the lemma.
#[derive(Clone, Copy, PartialEq)]
enum Half {
    Tuning,
    Reported,
}

impl Half {
    /// Returns the half of `lemma`, by FNV-1a.
    fn of(lemma: &str) -> Self {
        let hash = lemma.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3)
        });
        if (hash >> 32).is_multiple_of(2) { Self::Tuning } else { Self::Reported }
    }
}

/// A noun or name with one of its forms.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    lemma: String,
    form: String,
}

fn main() -> ExitCode {
    exit_code(args().and_then(|args| args.map_or(Ok(()), |args| run(&args))))
}

/// Parses the command line; `None` if it asks for help.
fn args() -> Result<Option<Args>, Failure> {
    let mut args = Args { files: Vec::new(), half: Half::Reported, misses: false };
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("tuning") => args.half = Half::Tuning,
            Long("misses") => args.misses = true,
            Long("help") | Short('h') => {
                println!("{USAGE}");
                return Ok(None);
            }
            Value(file) => args.files.push(file.into()),
            other => return Err(format!("{}\n\n{USAGE}", other.unexpected()).into()),
        }
    }
    if args.files.is_empty() {
        return Err(format!("no FILE is given\n\n{USAGE}").into());
    }
    Ok(Some(args))
}

fn run(args: &Args) -> Result<(), Failure> {
    let mut pairs = BTreeSet::new();
    for file in &args.files {
        read_pairs(file, &mut pairs)?;
    }
    let pairs: Vec<Pair> =
        pairs.into_iter().filter(|pair| Half::of(&pair.lemma) == args.half).collect();
    if pairs.is_empty() {
        return Err("the files hold no noun whose form differs from its lemma".into());
    }
    let words: BTreeSet<&str> = pairs.iter().flat_map(|pair| [&*pair.lemma, &*pair.form]).collect();
    let mut retriever = Retriever::in_memory()?;
    retriever
        .add(words.iter().map(|word| Article::new(*word, *word).language(Language::German)))?;
    retriever.commit()?;
    let mut matched = 0;
    for pair in &pairs {
        if finds(&retriever, &pair.lemma, &pair.form)?
            && finds(&retriever, &pair.form, &pair.lemma)?
        {
            matched += 1;
        } else if args.misses {
            println!("{} {}", pair.lemma, pair.form);
        }
    }
    let total = u32::try_from(pairs.len())?;
    let share = f64::from(matched) / f64::from(total);
    println!("{matched} of {total} pairs match: {share:.4}");
    Ok(())
}

/// Adds the pairs of lemma and form of the nouns and names in the treebank `file`.
fn read_pairs(file: &Path, pairs: &mut BTreeSet<Pair>) -> Result<(), Failure> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    for line in text.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        if let [_, form, lemma, "NOUN" | "PROPN", ..] = columns[..] {
            let is_pair = form.to_lowercase() != lemma.to_lowercase();
            if is_pair {
                pairs.insert(Pair { lemma: lemma.to_owned(), form: form.to_owned() });
            }
        }
    }
    Ok(())
}

/// Whether a search by words for `question` finds the article of `word`.
fn finds(retriever: &Retriever, question: &str, word: &str) -> Result<bool, Failure> {
    let hits = retriever.search(Query::new(question).mode(Mode::Lexical).k(HITS))?;
    let found: HashSet<&str> = hits.iter().map(|hit| &*hit.article).collect();
    Ok(found.contains(word))
}
