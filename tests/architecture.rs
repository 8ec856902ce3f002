//! A crate of its own because it only reads the source, so it builds and runs in seconds.
//!
//! Laws of the source: which rooms a room imports, where a foreign crate is known, which names occur
//! once, which types cross threads, how tests are named.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use passim::{
    Cancel, Chunker, EmbedReport, Embedder, EmbeddingCache, Error, ExactIndex, Filter, Hits,
    HnswIndex, Query, Reranker, Retriever, Searcher, SharedRetriever, StaticEmbedder, VectorIndex,
    VectorReader, VectorStore, Vectors,
};

/// The rooms in the order of the data: each imports only those before it. The ground floor is
/// what all of them speak of.
const ROOMS: [(&str, &[&str]); 15] = [
    ("ground floor", &["article", "error", "language", "model", "work"]),
    ("format", &["format"]),
    ("vector", &["vector"]),
    ("onnx", &["onnx"]),
    ("embed", &["embed"]),
    ("rerank", &["rerank"]),
    ("text", &["text"]),
    ("lexical", &["lexical"]),
    ("search", &["search"]),
    ("store", &["store"]),
    ("retriever", &["retriever"]),
    ("postgres", &["postgres"]),
    ("eval", &["eval"]),
    ("guide", &["guide"]),
    ("program", &["bin"]),
];

/// Names of the root: files and folders of `src`, a file and its folder counted as one, without the
/// guide, which has no code.
const MAX_ROOT_NAMES: usize = 19;

/// File names that occur twice, each with its reason.
const FILES_NAMED_ALIKE: [(&str, &str); 4] = [
    ("avx2.rs", "kernels of one instruction set, beside those that they replace"),
    ("avx512.rs", "kernels of one instruction set, beside those that they replace"),
    ("scalar.rs", "the reference of each family of kernels"),
    ("tests.rs", "tests of the file whose folder they are in"),
];

/// Type names that occur twice, each with its reason.
const TYPES_NAMED_ALIKE: [(&str, &str); 0] = [];

/// A source file of the library.
struct Source {
    /// Its path below `src`.
    path: String,
    /// Its text.
    text: String,
}

impl Source {
    /// The text without tests, which stand at the end of a file, and without comments.
    fn code(&self) -> String {
        let end = self.text.find("\nmod tests {").unwrap_or(self.text.len());
        let lines = self.text[..end].lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The name below the root: `vector` of `vector/kernel.rs` and of `vector.rs`.
    fn root_name(&self) -> &str {
        let name = self.path.split('/').next().unwrap();
        name.strip_suffix(".rs").unwrap_or(name)
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("tests.rs") || self.path.contains("/tests/")
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = walkdir::WalkDir::new(&root).sort_by_file_name().into_iter().map(Result::unwrap);
    let source = |path: &Path| Source {
        path: path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/"),
        text: fs::read_to_string(path).unwrap(),
    };
    files.filter(|file| file.file_type().is_file()).map(|file| source(file.path())).collect()
}

fn files_with(text: &str) -> Vec<String> {
    let sources = sources().into_iter().filter(|source| source.text.contains(text));
    sources.map(|source| source.path).collect()
}

/// The position of the room that a name of the root belongs to.
fn room_of(root_name: &str) -> Option<usize> {
    ROOMS.iter().position(|(_, names)| names.contains(&root_name))
}

/// The paths of a use tree, each as its segments: `a::{b, c::d}` is `[a, b]` and `[a, c, d]`.
fn flatten(tree: &str, prefix: &[String], paths: &mut Vec<Vec<String>>) {
    let (head, inner) = match tree.split_once('{') {
        Some((head, inner)) => (head, inner.rsplit_once('}').map(|(inner, _)| inner)),
        None => (tree, None),
    };
    let segments = head.split("::").map(|segment| segment.trim().to_owned());
    let path: Vec<String> =
        prefix.iter().cloned().chain(segments.filter(|segment| !segment.is_empty())).collect();
    let Some(inner) = inner else { return paths.push(path) };
    let mut depth = 0;
    let parts = inner.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    parts.filter(|part| !part.trim().is_empty()).for_each(|part| flatten(part, &path, paths));
}

/// The names that follow `crate::` in `code`, in use trees and in expressions.
fn crate_imports(code: &str) -> BTreeSet<String> {
    let mut paths = Vec::new();
    for (start, _) in code.match_indices("crate::") {
        let rest = &code[start + "crate::".len()..];
        if rest.starts_with('{') {
            flatten(&rest[..rest.find(';').unwrap()], &[], &mut paths);
        } else {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            paths.push(vec![rest[..end.unwrap_or(rest.len())].to_owned()]);
        }
    }
    paths.into_iter().filter_map(|path| path.into_iter().next()).collect()
}

/// For each name that `lib.rs` exports, the name of the root that it comes from.
fn exports() -> BTreeMap<String, String> {
    let sources = sources();
    let lib = sources.iter().find(|source| source.path == "lib.rs").unwrap().code();
    let mut paths = Vec::new();
    for statement in lib.split("pub use ").skip(1) {
        flatten(statement.split(';').next().unwrap(), &[], &mut paths);
    }
    paths.into_iter().map(|path| (path.last().unwrap().clone(), path[0].clone())).collect()
}

/// The rooms that `source` imports from, by their positions.
fn imported_rooms(source: &Source, exports: &BTreeMap<String, String>) -> BTreeSet<usize> {
    let imports = crate_imports(&source.code()).into_iter();
    imports.filter_map(|name| room_of(exports.get(&name).unwrap_or(&name))).collect()
}

#[test]
fn a_room_imports_only_rooms_before_it() {
    let exports = exports();
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.path != "lib.rs" && !source.is_test()) {
        let room =
            room_of(source.root_name()).unwrap_or_else(|| panic!("{} has no room", source.path));
        for later in imported_rooms(source, &exports).into_iter().filter(|other| *other > room) {
            wrong.push((source.path.clone(), ROOMS[later].0));
        }
    }
    assert_eq!(wrong, [], "a file imports a room after its own");
}

#[test]
fn imports_are_read_from_nested_trees_and_paths() {
    let code = "use crate::{Article, format::{column::Column, codec}, work};\ncrate::Hit::new()";
    let names: Vec<_> = crate_imports(code).into_iter().collect();
    assert_eq!(names, ["Article", "Hit", "format", "work"]);
    assert_eq!(exports()["Article"], "article");
    assert_eq!(exports()["Searcher"], "retriever");
}

#[test]
fn the_root_has_few_names() {
    let sources = sources();
    let names = sources.iter().map(Source::root_name).filter(|name| *name != "guide");
    let names: BTreeSet<_> = names.collect();
    assert!(names.len() <= MAX_ROOT_NAMES, "{names:?}");
}

/// The keys of `places` that have several values, but for those in `allowed`.
fn named_alike(places: BTreeMap<String, Vec<String>>, allowed: &[(&str, &str)]) -> Vec<String> {
    let twice = places.into_iter().filter(|(name, places)| {
        places.len() > 1 && allowed.iter().all(|(allowed, _)| name != allowed)
    });
    twice.map(|(name, places)| format!("{name}: {}", places.join(", "))).collect()
}

#[test]
fn no_two_files_bear_one_name() {
    let mut places = BTreeMap::<String, Vec<String>>::new();
    for source in sources() {
        let name = source.path.rsplit('/').next().unwrap().to_owned();
        places.entry(name).or_default().push(source.path);
    }
    assert_eq!(named_alike(places, &FILES_NAMED_ALIKE), [""; 0]);
}

#[test]
fn no_two_types_bear_one_name() {
    let mut places = BTreeMap::<String, Vec<String>>::new();
    for source in sources().iter().filter(|source| !source.is_test()) {
        for line in source.code().lines() {
            let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            let keyword = words.iter().position(|word| ["struct", "enum", "trait"].contains(word));
            let declares = keyword.filter(|at| words[..*at].iter().all(|word| is_visibility(word)));
            if let Some(name) = declares.and_then(|at| words.get(at + 1)) {
                places.entry((*name).to_owned()).or_default().push(source.path.clone());
            }
        }
    }
    assert!(places.contains_key("Retriever"));
    assert_eq!(named_alike(places, &TYPES_NAMED_ALIKE), [""; 0]);
}

fn is_visibility(word: &str) -> bool {
    ["", "pub", "crate", "super"].contains(&word)
}

#[test]
fn each_foreign_crate_has_one_home() {
    for (name, home) in [
        ("hnsw_rs::", "vector/hierarchy.rs"),
        ("bincode::", "format/codec.rs"),
        ("fastembed::", "onnx/session.rs"),
        ("use ort::", "onnx/runtime.rs"),
        ("candle_core::", "onnx/candle.rs"),
        ("candle_nn::", "onnx/candle.rs"),
        ("tokenizers::", "onnx/json_tokenizer.rs"),
        ("hf_hub::", "onnx/hub.rs"),
        ("jiff::", "article/"),
        ("memmap2::", "format/mapped_file.rs"),
        ("bitpacking::", "lexical/postings.rs"),
        ("frostem::", "lexical/analyzer.rs"),
        ("whatlang::", "lexical/detect_language.rs"),
        ("use lru::", "embed/cache/lru_map.rs"),
        ("ndarray::", "vector/vectors.rs"),
        ("use ::postgres::", "postgres/connection/"),
        ("pulldown_cmark::", "article/markdown.rs"),
        ("scraper::", "text/html_file.rs"),
        ("ego_tree::", "text/html_file.rs"),
        ("clap::", "bin/passim/"),
        ("indicatif::", "bin/passim/progress_bar.rs"),
        ("anstyle::", "bin/passim/"),
        ("anstream::", "bin/passim/"),
        ("encoding_rs::", "text/file_encoding.rs"),
        ("toml::", "text/front_matter.rs"),
        ("yaml_rust2::", "text/yaml.rs"),
        ("use ureq::", "model/model_server/http_client.rs"),
        ("httpdate::", "model/model_server/http_client.rs"),
        ("unicode_normalization::", "embed/static_model/char_rules.rs"),
        ("unicode_segmentation::", "text/unicode.rs"),
        ("walkdir::", "text/article_files.rs"),
    ] {
        let files = files_with(name);
        let folder = home.strip_suffix('/');
        let is_home = |file: &String| {
            let is_own_file = file.strip_suffix(".rs").is_some_and(|own| folder == Some(own));
            file == home || is_own_file || folder.is_some() && file.starts_with(home)
        };
        assert!(!files.is_empty() && files.iter().all(is_home), "{name} in {files:?}");
    }
}

#[test]
fn unsafe_code_is_in_the_kernels_and_the_mapping() {
    let files = files_with("unsafe {");
    let outside = files.iter().filter(|file| !file.starts_with("vector/kernel"));
    assert_eq!(outside.collect::<Vec<_>>(), ["format/mapped_file.rs"]);
    assert_eq!(files_with("unsafe impl"), ["vector/kernel/aligned_block.rs"]);
}

#[test]
fn public_types_cross_threads() {
    fn crosses<T: Send + Sync + ?Sized>() {}
    crosses::<Retriever>();
    crosses::<Searcher>();
    crosses::<SharedRetriever>();
    crosses::<StaticEmbedder>();
    crosses::<dyn Embedder>();
    crosses::<dyn VectorIndex>();
    crosses::<dyn Reranker>();
    #[cfg(feature = "fastembed")]
    {
        crosses::<passim::FastEmbedder>();
        crosses::<passim::FastReranker>();
    }
    #[cfg(feature = "http")]
    {
        crosses::<passim::HttpEmbedder>();
        crosses::<passim::HttpReranker>();
    }
    #[cfg(feature = "postgres")]
    crosses::<passim::postgres::Corpus>();
    crosses::<ExactIndex>();
    crosses::<HnswIndex>();
    crosses::<Vectors>();
    crosses::<VectorStore>();
    crosses::<VectorReader>();
    crosses::<Chunker>();
    crosses::<Query>();
    crosses::<Filter>();
    crosses::<Hits>();
    crosses::<Cancel>();
    crosses::<EmbedReport>();
    crosses::<EmbeddingCache>();
    crosses::<Error>();
}

#[test]
fn types_that_block_say_how_to_call_them() {
    for file in [
        "embed/stage.rs",
        "postgres.rs",
        "retriever.rs",
        "retriever/retriever_builder.rs",
        "retriever/searcher.rs",
        "retriever/shared_retriever.rs",
        "store/vector_store.rs",
        "store/vector_store/vector_reader.rs",
        "store/vector_store/vector_store_builder.rs",
        "text/article_reader.rs",
        "vector.rs",
    ] {
        let sources = sources();
        let source = sources.iter().find(|source| source.path == file).unwrap();
        let (_, section) = source.text.split_once("/// # Asynchronous code\n").expect(file);
        let section = &section[..section.find("\npub ").unwrap()];
        assert!(section.contains("`spawn_blocking`"), "{file}");
        assert!(section.contains("crate::guide::running_a_service#asynchronous-code"), "{file}");
    }
}

/// Maximum length of a test's name, in characters.
const MAX_TEST_NAME: usize = 59;

/// An attribute that gives a module a file of another place.
const PATH_ATTRIBUTE: &str = concat!("#[", "path");

/// The lines of all Rust files in `folders`, each after the path of its file.
fn lines_in(folders: &[&str]) -> Vec<(String, Vec<String>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in folders {
        let entries = walkdir::WalkDir::new(root.join(folder)).sort_by_file_name().into_iter();
        // Build outputs of the workspaces in these folders.
        let sources = entries.filter_entry(|entry| entry.file_name() != "target");
        for path in sources.map(|entry| entry.unwrap().into_path()) {
            if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let name = path.strip_prefix(root).unwrap().display().to_string();
                files.push((name, text.lines().map(|line| line.trim().to_owned()).collect()));
            }
        }
    }
    files
}

/// The names of the functions with the attribute `#[test]`.
fn test_names(lines: &[String]) -> Vec<&str> {
    let tests = lines.split(|line| line == "#[test]").skip(1);
    let functions =
        tests.filter_map(|lines| lines.iter().find_map(|line| line.strip_prefix("fn ")));
    functions.filter_map(|function| function.split('(').next()).collect()
}

#[test]
fn test_names_are_under_60_characters() {
    let mut count = 0;
    let mut long = Vec::new();
    for (file, lines) in lines_in(&["src", "tests"]) {
        for name in test_names(&lines) {
            count += 1;
            if name.len() > MAX_TEST_NAME {
                long.push(format!("{file}: {name}"));
            }
        }
    }
    assert!(count > 100, "{count} tests");
    assert_eq!(long, [""; 0]);
}

#[test]
fn modules_are_in_the_folder_of_their_parent() {
    let mut wrong = Vec::new();
    for (file, lines) in lines_in(&["src", "tests", "benches", "fuzz"]) {
        if lines.iter().any(|line| line.starts_with(PATH_ATTRIBUTE)) {
            wrong.push(file);
        }
    }
    assert_eq!(wrong, [""; 0], "modules with a path attribute");
}
