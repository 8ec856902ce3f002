//! `docs/FORMAT.md` is enough to read an index, and indexes of earlier versions open.

mod compare;

use std::{fs, path::Path, sync::Arc};

use passim::{
    Article, Chunker, Embedder, ExactIndex, HnswIndex, HnswParams, IndexChoice, Mode, Query,
    Retriever, Role, StaticEmbedder, VectorStore, Vectors,
};
use passim_testkit::{
    FakeEmbedder, Seeded, corpus, fixture_v1 as v1,
    format_reader::{
        Folder,
        cache::{self, CachedVector},
        graph::Graph,
        lexical::{Lexical, Norm, Posting},
        vector_index::VectorIndexFile,
        vector_store::VectorFolder,
    },
    vectors::{clustered, of_text},
};
use xxhash_rust::xxh3::xxh3_128;

use compare::{assert_files_match, check_code};

#[test]
fn the_document_is_enough_to_read_an_index() {
    let folder = tempfile::tempdir().unwrap();
    v1::write(folder.path());
    let written = Folder::read(folder.path());
    let params = HnswParams { m: 4, ef_construction: 20 };
    assert_eq!(written.manifest.index, IndexChoice::Auto(params));
    let chunker = Chunker::default().max_tokens(24).overlap_sentences(1);
    assert_eq!(written.manifest.chunker, chunker);
    let shape = |graph: &Graph| (graph.m, graph.ef_construction, graph.quantized);
    let shapes = written.segments.iter().map(|one| one.graph.as_ref().map(shape));
    assert_eq!(shapes.collect::<Vec<_>>(), [Some((4, 20, true)), None]);
    let retriever = v1::builder().open(folder.path()).unwrap();
    assert_files_match(folder.path(), &retriever, &FakeEmbedder::of_version_1(), &v1::QUESTIONS);
}

#[test]
fn indexes_of_the_bundled_model_are_readable() {
    let model = StaticEmbedder::bundled().unwrap();
    let questions = ["Was speichern Moore?", "Why might Meta stop releasing open models?"];
    for index in [IndexChoice::default(), IndexChoice::Hnsw(HnswParams::default())] {
        let folder = tempfile::tempdir().unwrap();
        let builder = Retriever::builder().verify_model(true).index(index).merge_threads(0);
        let mut retriever = builder.create(folder.path()).unwrap();
        retriever.add(corpus::samples()).unwrap();
        retriever.commit().unwrap();
        retriever.remove("moorschutz.md").unwrap();
        retriever.calibrate(0.9, &questions).unwrap();
        retriever.commit().unwrap();
        let manifest = Folder::read(folder.path()).manifest;
        assert_eq!((manifest.index, manifest.chunker), (index, Chunker::default()));
        assert_eq!((manifest.generation, manifest.next_number), (2, 4));
        assert_files_match(folder.path(), &retriever, &model, &questions);
    }
}

/// Adds the terms of passage `row` to `lexical`.
fn add_terms(lexical: &mut Lexical, row: u32, terms: &[usize]) {
    for term in terms {
        let postings = lexical.terms.entry(term.to_string()).or_default();
        match postings.last_mut().filter(|posting| posting.row == row) {
            Some(posting) => posting.tf += 1,
            None => postings.push(Posting { row, tf: 1 }),
        }
    }
    let length = u32::try_from(terms.len()).unwrap();
    lexical.norms.push(Norm { length, language: 0 });
}

/// The texts are numbers of up to three digits, which are terms unchanged.
#[test]
fn postings_are_those_of_the_texts() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Seeded(7);
    let mut expected = Lexical::default();
    let mut articles = Vec::new();
    for row in 0..700 {
        let mut word = || {
            let bound = 1 + random.below(1_000);
            random.below(bound)
        };
        let mut words: Vec<usize> = (0..12).map(|_| word()).collect();
        words.extend(std::iter::repeat_n(row % 2, row % 50));
        add_terms(&mut expected, u32::try_from(row).unwrap(), &words);
        let words: Vec<String> = words.iter().map(usize::to_string).collect();
        articles.push(Article::new(format!("{row:03}"), words.join("; ")));
    }
    let mut retriever = v1::builder().chunker(Chunker::default()).create(folder.path()).unwrap();
    retriever.add(articles).unwrap();
    retriever.commit().unwrap();
    let written = Folder::read(folder.path());
    let [segment] = &written.segments[..] else { panic!("one segment") };
    assert_eq!(segment.lexical.as_ref(), Some(&expected));
    let lengths: Vec<usize> = expected.terms.values().map(Vec::len).collect();
    assert!(lengths.iter().any(|len| *len > 256) && lengths.iter().any(|len| *len < 128));
}

/// `cargo test --no-default-features --test it -- --ignored write_v1`
#[test]
#[ignore = "overwrites tests/data/v1"]
fn write_v1() {
    let folder = v1::folder();
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    v1::write(&folder);
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let names = Folder::listed(folder).into_iter();
    names.map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect()
}

#[test]
fn the_same_articles_make_the_same_files() {
    let write = |threads: usize| {
        let folder = tempfile::tempdir().unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| v1::write(folder.path()));
        files(folder.path())
    };
    let written = write(1);
    assert!(written == write(1), "written twice");
    assert!(written == write(3), "written by another number of threads");
}

#[test]
fn an_index_of_version_1_is_searched_and_changed() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files(&v1::folder()) {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let mut retriever = v1::builder().open(folder.path()).unwrap();
    let mut articles = v1::articles();
    articles.retain(|article| !v1::REMOVED.contains(&article.key.as_str()));
    check_v1(&retriever, &articles);
    assert_files_match(folder.path(), &retriever, &FakeEmbedder::of_version_1(), &v1::QUESTIONS);
    let report = retriever.verify().unwrap();
    assert!(report.is_sound() && report.graphs.len() == 1, "{report:?}");
    assert_eq!((report.files, report.articles), (5, v1::articles().len()));

    let added = Article::new("neu.txt", "Seit Montag fährt die Fähre wieder.");
    retriever.add([added.clone()]).unwrap();
    assert_eq!(retriever.commit().unwrap(), 3);
    drop(retriever);
    articles.push(added);
    let mut retriever = v1::builder().open(folder.path()).unwrap();
    assert_eq!(retriever.article("neu.txt").unwrap().as_ref(), articles.last());
    assert_files_match(folder.path(), &retriever, &FakeEmbedder::of_version_1(), &v1::QUESTIONS);
    // The commit merges into one segment, or leaves that to `compact`.
    assert!(matches!(retriever.compact(), Ok(3 | 4)));
    assert!(retriever.verify().unwrap().is_sound());
    let keys = retriever.keys().collect::<passim::Result<Vec<_>>>().unwrap();
    let mut expected: Vec<&str> = articles.iter().map(|article| article.key.as_str()).collect();
    expected.sort_unstable();
    assert_eq!(keys, expected);
}

/// Key, start and similarity of the closest three passages to each question.
const ANSWERS: [[(&str, usize, f32); 3]; 4] = [
    [("wal.txt", 0, 0.660_080), ("moor.md", 0, 0.608_577), ("moor.md", 21, 0.400_082)],
    [("glass.md", 0, 0.915_581), ("bread.txt", 112, 0.859_181), ("bog.md", 112, 0.816_564)],
    [("netz.md", 206, 0.815_874), ("wal.txt", 0, 0.667_005), ("moor.md", 0, 0.653_909)],
    [("brot.txt", 79, 0.803_999), ("glass.md", 0, 0.735_476), ("bread.txt", 0, 0.664_411)],
];

fn check_v1(retriever: &Retriever, articles: &[Article]) {
    assert_eq!(retriever.articles(), articles.len());
    for article in articles {
        assert_eq!(retriever.article(&article.key).unwrap().as_ref(), Some(article));
    }
    let queries = v1::QUESTIONS.map(|question| Query::new(question).mode(Mode::Dense).k(3));
    for (query, wanted) in queries.into_iter().zip(ANSWERS) {
        let by_graph = retriever.search(query.clone()).unwrap();
        let exact = retriever.search(query.exact()).unwrap();
        for hits in [by_graph, exact] {
            let found: Vec<_> =
                hits.iter().map(|hit| (&*hit.article, hit.range.start, hit.score)).collect();
            assert_eq!(found.len(), wanted.len());
            for (hit, wanted) in found.iter().zip(wanted) {
                let is_same = (hit.0, hit.1) == (wanted.0, wanted.1);
                assert!(is_same && (hit.2 - wanted.2).abs() < 1e-5, "{hit:?}");
            }
        }
    }
}

#[test]
fn the_document_is_enough_to_read_a_cache() {
    let folder = tempfile::tempdir().unwrap();
    let model = Arc::new(FakeEmbedder::of_version_1());
    let builder = Retriever::builder()
        .verify_model(true)
        .embedder(Arc::clone(&model))
        .embedding_cache(1 << 20);
    let mut retriever = builder.create(folder.path()).unwrap();
    let texts: Vec<String> = (0..30).map(|at| format!("Zug {at} fährt.")).collect();
    let articles = texts.iter().map(|text| Article::new(text.clone(), text.clone()));
    retriever.add(articles).unwrap();
    retriever.calibrate(0.9, &["Wann?"]).unwrap();
    let mut found = cache::read(&folder.path().join("embeddings.cache"));
    let entry = |role_number, role, text: &str| CachedVector {
        model: model.identity().hash,
        role: role_number,
        text: xxh3_128(text.as_bytes()),
        vector: of_text(&*model, role, text),
    };
    let mut expected: Vec<_> = texts.iter().map(|text| entry(2, Role::Passage, text)).collect();
    expected.push(entry(1, Role::Query, "Wann?"));
    found.sort_by_key(|one| (one.role, one.text));
    expected.sort_by_key(|one| (one.role, one.text));
    assert_eq!(found, expected);
}

fn check_vectors(read: &VectorIndexFile, vectors: &Vectors) {
    assert_eq!(read.dim, vectors.dim());
    assert!(read.vectors.iter().map(Vec::as_slice).eq(vectors.rows()));
    let row_of = |point: usize| read.graph.as_ref().map_or(point, |graph| graph.first_rows[point]);
    for (point, code) in read.codes.iter().enumerate() {
        check_code(code, vectors.row(row_of(point)));
    }
}

#[test]
fn the_document_is_enough_to_read_a_vector_index() {
    /// Three blocks of codes, which have coarse codes.
    const DIM: usize = 150;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let distinct = clustered(1, DIM, 8, 80, 0.5);
    let vectors = Arc::new(Vectors::concat(DIM, [&distinct, &distinct.select(&[3, 9])]).unwrap());
    ExactIndex::new(Arc::clone(&vectors)).unwrap().save(&path).unwrap();
    let read = VectorIndexFile::read(&path);
    assert!(read.graph.is_none() && read.calibration.is_none());
    assert_eq!(read.codes.len(), vectors.len());
    check_vectors(&read, &vectors);

    let params = HnswParams { m: 4, ef_construction: 20 };
    let mut index = HnswIndex::build(Arc::clone(&vectors), params).unwrap();
    let calibration = index.calibrate(5, &clustered(2, DIM, 8, 4, 0.5)).unwrap();
    index.save(&path).unwrap();
    let read = VectorIndexFile::read(&path);
    check_vectors(&read, &vectors);
    let graph = read.graph.as_ref().unwrap();
    let report = index.verify();
    assert_eq!(report.bits_per_value, 4);
    assert_eq!((graph.m, graph.ef_construction, graph.quantized), (4, 20, true));
    assert_eq!(graph.first_rows.len(), distinct.len());
    assert_eq!(graph.links.iter().map(Vec::len).sum::<usize>(), report.links);
    let stored = read.calibration.unwrap();
    assert_eq!((stored.max_neighbors, stored.questions), (5, calibration.queries));
    let stored: Vec<_> =
        stored.steps.iter().map(|step| (step.ef_search, step.recalls[4])).collect();
    let shares: Vec<u32> = read.filtered.iter().map(|filtered| filtered.percent).collect();
    assert_eq!(shares, [50, 10, 1]);
    let half = calibration.reach_filtered(0.5, 0.5, 5).unwrap();
    assert!(read.filtered[0].steps.iter().any(|step| step.ef_search == half.ef_search));
    let measured = calibration.steps(5);
    let measured: Vec<_> = measured.iter().map(|step| (step.ef_search, step.recall)).collect();
    assert_eq!(stored, measured);
}

#[test]
fn the_document_is_enough_to_read_a_vector_store() {
    let folder = tempfile::tempdir().unwrap();
    let params = HnswParams { m: 4, ef_construction: 20 };
    let index = IndexChoice::Hnsw(params);
    let all = clustered(1, 20, 8, 40, 0.5);
    let mut store = VectorStore::builder().index(index).create(folder.path(), 20).unwrap();
    // Ids that a signed or a shorter number would not hold, in another order than the vectors.
    let ids: Vec<u64> = (0..320).map(|at| u64::MAX - at * at).collect();
    store.add(&ids, all.clone()).unwrap();
    store.commit().unwrap();
    store.calibrate(0.5, &clustered(2, 20, 8, 4, 0.5)).unwrap();
    store.remove(&ids[7..9]).unwrap();
    store.add(&[5], all.select(&[5])).unwrap();
    store.commit().unwrap();

    let read = VectorFolder::read(folder.path());
    assert_eq!((read.generation, read.dim, read.index), (2, 20, index));
    let [first, second] = &read.segments[..] else { panic!("{:?}", read.segments) };
    assert_eq!(first.removed, [ids[8], ids[7]]);
    assert!(first.graph.is_some());
    assert!(second.live.keys().eq([&5]) && second.removed.is_empty());
    let found = first.live.iter().chain(&second.live);
    for (id, vector) in found.clone() {
        assert_eq!(store.get(*id).unwrap(), Some(vector.as_slice()));
    }
    assert_eq!(found.count(), store.len());
    let stored = read.calibration.unwrap();
    assert_eq!((stored.questions.len(), stored.graphs.len()), (32, 2));
    let names = Folder::listed(folder.path());
    assert!(names.iter().filter(|name| *name != "lock").eq(&read.names), "{names:?}");
}
