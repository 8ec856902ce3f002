//! Laws of the source: who knows which foreign crate, and what may cross threads.

use std::{fs, path::Path};

use passim::{
    Cancel, Chunker, EmbedReport, Embedder, EmbeddingCache, Error, ExactIndex, Filter, Hits,
    HnswIndex, Query, Reranker, Retriever, Searcher, StaticEmbedder, VectorIndex, Vectors,
};

/// Every source file of the library, by its path below `src`.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
                files.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    files
}

fn files_with(text: &str) -> Vec<String> {
    let holds = |(name, source): (String, String)| source.contains(text).then_some(name);
    let mut files: Vec<_> = sources().into_iter().filter_map(holds).collect();
    files.sort();
    files
}

#[test]
fn each_foreign_crate_has_one_home() {
    for (name, home) in [
        ("hnsw_rs::", "index/hierarchy.rs"),
        ("bincode::", "store/codec.rs"),
        ("fastembed::", "onnx/session.rs"),
        ("use ort::", "onnx/runtime.rs"),
        ("candle_core::", "onnx/candle.rs"),
        ("candle_nn::", "onnx/candle.rs"),
        ("tokenizers::", "onnx/candle.rs"),
        ("hf_hub::", "onnx/hub.rs"),
        ("ndarray::", "vectors.rs"),
        ("jiff::", "article.rs"),
        ("unicode_segmentation::", "chunk/unicode.rs"),
        ("memmap2::", "array/map.rs"),
        ("bitpacking::", "lexical/postings.rs"),
        ("frostem::", "lexical/analyzer.rs"),
        ("whatlang::", "lexical/language.rs"),
        ("use lru::", "embed/cache/recent.rs"),
        ("unicode_normalization::", "embed/bundled/rules.rs"),
        ("walkdir::", "files.rs"),
    ] {
        assert_eq!(files_with(name), [home], "{name}");
    }
}

#[test]
fn unsafe_code_is_in_the_kernel_and_where_files_are_mapped() {
    let files = files_with("unsafe {");
    let (mapping, kernel): (Vec<_>, Vec<_>) =
        files.iter().partition(|name| *name == "array/map.rs");
    assert_eq!(mapping.len(), 1);
    assert!(
        !kernel.is_empty() && kernel.iter().all(|name| name.starts_with("kernel")),
        "{files:?}"
    );
    assert_eq!(files_with("unsafe impl"), ["kernel/block.rs"]);
}

#[test]
fn public_types_cross_threads() {
    fn crosses<T: Send + Sync + ?Sized>() {}
    crosses::<Retriever>();
    crosses::<Searcher>();
    crosses::<StaticEmbedder>();
    crosses::<dyn Embedder>();
    crosses::<dyn VectorIndex>();
    crosses::<dyn Reranker>();
    #[cfg(feature = "fastembed")]
    {
        crosses::<passim::FastEmbedder>();
        crosses::<passim::FastReranker>();
    }
    crosses::<ExactIndex>();
    crosses::<HnswIndex>();
    crosses::<Vectors>();
    crosses::<Chunker>();
    crosses::<Query>();
    crosses::<Filter>();
    crosses::<Hits>();
    crosses::<Cancel>();
    crosses::<EmbedReport>();
    crosses::<EmbeddingCache>();
    crosses::<Error>();
}
