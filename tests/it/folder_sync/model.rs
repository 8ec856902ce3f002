//! Random edits of files and of the corpus, against a model of what `sync_folder` must leave.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use passim::{Article, ArticleFiles, Retriever};
use passim_testkit::Seeded;

use super::{Workplace, builder, set_age};
use crate::store::contents;

/// Names in the order in which the folder is read.
const NAMES: [&str; 6] = ["a.txt", "b.jsonl", "c.jsonl", "d.md", "sub/e.txt", "sub/f.jsonl"];
/// Keys of lines, some of them those of other files.
const LINE_KEYS: [&str; 5] = ["1", "2", "3", "a.txt", "sub/e.txt"];

/// The content of a file on disk.
#[derive(Clone, Debug)]
struct Body {
    bytes: Vec<u8>,
    is_readable: bool,
}

/// The articles that a file may have, as far as the syncs before tell.
#[derive(Clone, Debug, Default)]
struct Known {
    /// The articles as they were read last; `None` if one was never read.
    articles: BTreeMap<String, Option<Article>>,
    is_complete: bool,
}

struct Model {
    prefix: &'static str,
    files: BTreeMap<&'static str, Body>,
    known: BTreeMap<&'static str, Known>,
    corpus: BTreeMap<String, Article>,
    /// Age of the next old file in seconds, never the same again.
    age: u64,
}

impl Model {
    fn body(name: &str, random: &mut Seeded) -> Body {
        let text = ["alpha", "beta", "gamma", "Delta ü"][random.below(4)];
        if !has_lines(name) {
            let is_readable = random.below(5) > 0;
            let bytes = if is_readable { text.as_bytes().to_vec() } else { b"\xff\xff".to_vec() };
            return Body { bytes, is_readable };
        }
        let mut body = Body { bytes: Vec::new(), is_readable: true };
        for _ in 0..random.below(4) {
            let key = LINE_KEYS[random.below(LINE_KEYS.len())];
            if random.below(8) == 0 {
                body.is_readable = false;
                body.bytes.extend(b"{\"id\": \"broken\n");
            } else {
                let line =
                    format!("{{\"id\": \"{key}\", \"text\": \"{text} {}\"}}\n", random.below(3));
                body.bytes.extend(line.bytes());
            }
        }
        body
    }

    /// Changes a file.
    fn edit_file(&mut self, workplace: &Workplace, random: &mut Seeded) {
        let name = NAMES[random.below(NAMES.len())];
        let path = workplace.path(name);
        match random.below(5) {
            0 => {
                self.files.remove(name);
                _ = fs::remove_file(path);
            }
            1 if self.files.contains_key(name) => set_age(&path, random.below(4_000) as u64),
            _ => {
                let body = Self::body(name, random);
                fs::write(&path, &body.bytes).unwrap();
                if random.below(3) > 0 {
                    self.age += 1;
                    set_age(&path, self.age);
                }
                self.files.insert(name, body);
            }
        }
    }

    /// Changes the corpus by another method.
    fn edit_corpus(&mut self, retriever: &mut Retriever, random: &mut Seeded) {
        let names: Vec<String> = self.corpus.keys().cloned().collect();
        let key = match random.below(3) {
            0 if !names.is_empty() => names[random.below(names.len())].clone(),
            1 => format!("{}{}", self.prefix, LINE_KEYS[random.below(LINE_KEYS.len())]),
            _ => format!("own {}", random.below(3)),
        };
        match random.below(4) {
            0 => {
                retriever.remove(&key).unwrap();
                self.corpus.remove(&key);
            }
            1 => {
                let article = Article::new("own sync", "alone");
                retriever.sync([article.clone()]).unwrap();
                self.corpus = [(article.key.clone(), article)].into();
            }
            _ => {
                let article = Article::new(key, ["alpha", "other"][random.below(2)]);
                retriever.add([article.clone()]).unwrap();
                self.corpus.insert(article.key.clone(), article);
            }
        }
        if random.below(2) == 0 {
            retriever.commit().unwrap();
        }
    }

    /// The articles of the file `name` that can be read.
    fn read(&self, workplace: &Workplace, name: &str) -> BTreeMap<String, Article> {
        let files = ArticleFiles::new(workplace.path(name)).key_prefix(self.prefix);
        let named = |mut article: Article| {
            if !has_lines(name) {
                article.key = format!("{}{name}", self.prefix);
            }
            (article.key.clone(), article)
        };
        files.read().filter_map(Result::ok).map(named).collect()
    }

    /// The corpus that a sync of the files must leave.
    fn sync(&mut self, workplace: &Workplace) {
        let mut given = BTreeSet::new();
        let mut fresh = BTreeMap::new();
        let mut kept: BTreeMap<String, Option<Article>> = BTreeMap::new();
        let mut keeps_all = false;
        self.known.retain(|name, _| self.files.contains_key(name));
        // Later files hide earlier ones, also if they cannot be read and the corpus has their articles.
        for (name, body) in self.files.iter().rev() {
            let own = self.read(workplace, name);
            for (key, article) in &own {
                let stored = self.corpus.get(key);
                let is_kept = kept.get(key).is_some_and(|kept| kept.as_ref() == stored);
                let is_hidden = given.contains(key) || (stored.is_some() && is_kept);
                if !is_hidden {
                    fresh.insert(key.clone(), article.clone());
                }
            }
            let known = self.known.entry(name).or_default();
            let read = own.iter().map(|(key, article)| (key.clone(), Some(article.clone())));
            if body.is_readable {
                *known = Known { articles: read.collect(), is_complete: true };
            } else {
                if !has_lines(name) {
                    known.is_complete = true;
                    known.articles.entry(format!("{}{name}", self.prefix)).or_default();
                }
                for (key, article) in &known.articles {
                    if !own.contains_key(key) {
                        kept.entry(key.clone()).or_insert_with(|| article.clone());
                    }
                }
                known.articles.extend(read);
                keeps_all |= !known.is_complete;
            }
            given.extend(own.into_keys());
        }
        let prefix = self.prefix;
        self.corpus.retain(|key, _| {
            !key.starts_with(prefix) || keeps_all || kept.contains_key(key) || given.contains(key)
        });
        self.corpus.extend(fresh);
    }

    fn unreadable(&self) -> usize {
        self.files.values().filter(|body| !body.is_readable).count()
    }
}

/// Whether each line of the file has an article.
fn has_lines(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "jsonl")
}

fn run(seed: u64) {
    let mut random = Seeded(seed);
    let workplace = Workplace::new();
    let is_stored = seed.is_multiple_of(4);
    let open = || {
        let builder = builder().checkpoint(2);
        let opened =
            if is_stored { builder.open_or_create(workplace.index()) } else { builder.in_memory() };
        opened.unwrap()
    };
    let mut retriever = open();
    let prefix = ["", "p/"][random.below(2)];
    let files = ArticleFiles::new(workplace.files()).key_prefix(prefix);
    let mut model = Model {
        prefix,
        files: BTreeMap::new(),
        known: BTreeMap::new(),
        corpus: BTreeMap::new(),
        age: 10_000,
    };
    for step in 0..25 {
        for _ in 0..random.below(4) {
            model.edit_file(&workplace, &mut random);
        }
        for _ in 0..random.below(3) {
            model.edit_corpus(&mut retriever, &mut random);
        }
        if is_stored && random.below(4) == 0 {
            retriever.commit().unwrap();
            drop(retriever);
            if random.below(3) == 0 {
                workplace.stamp_files().iter().for_each(|path| fs::remove_file(path).unwrap());
                model.known.clear();
            }
            retriever = open();
        }
        model.sync(&workplace);
        let report = retriever.sync_folder(files.clone()).unwrap();
        assert_eq!(contents(&retriever), model.corpus, "seed {seed}, step {step}: {report:?}");
        assert_eq!(report.files.found, model.files.len(), "seed {seed}, step {step}");
        assert_eq!(report.unread.len(), model.unreadable(), "seed {seed}, step {step}");

        let generation = retriever.stats().generation;
        let again = retriever.sync_folder(files.clone()).unwrap();
        let changes = (again.added, again.changed, again.removed, again.embedded);
        assert_eq!(changes, (0, 0, 0, 0), "seed {seed}, step {step}: {again:?}");
        assert_eq!(again.files.parsed, model.unreadable(), "seed {seed}, step {step}: {again:?}");
        assert_eq!(retriever.stats().generation, generation, "seed {seed}, step {step}");
        assert_eq!(contents(&retriever), model.corpus, "seed {seed}, step {step}");
    }
}

#[test]
fn the_corpus_equals_the_files_and_what_is_kept() {
    (0..60).for_each(run);
}
