//! docs/FORMAT.md is enough to read an index, and the indexes of earlier versions are read.

use std::{
    collections::HashSet,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use passim::{
    Article, Chunker, Embedder, Filter, HnswParams, IndexChoice, Mode, Query, Retriever, Role,
    StaticEmbedder,
};
use passim_testkit::{
    FakeEmbedder, Seeded, corpus, fixture_v1 as v1,
    format_reader::{
        Folder, Segment, StoredArticle, StoredPassage,
        cache::{self, CachedVector},
        graph::Graph,
        lexical::{Lexical, Norm, Posting},
    },
};
use xxhash_rust::xxh3::xxh3_128;

/// A passage of the corpus that is alive: where it is in the files, and what it is.
struct Live<'f> {
    article: &'f StoredArticle,
    passage: &'f StoredPassage,
    vector: &'f [f32],
}

fn live_articles(folder: &Folder) -> impl Iterator<Item = &StoredArticle> {
    folder.segments.iter().flat_map(|one| &one.articles).filter(|article| !article.removed)
}

fn live(folder: &Folder) -> Vec<Live<'_>> {
    folder.segments.iter().flat_map(live_in).collect()
}

fn live_in(segment: &Segment) -> impl Iterator<Item = Live<'_>> {
    let articles = segment.articles.iter().filter(|article| !article.removed);
    let rows = articles.flat_map(|article| article.rows.clone().map(move |row| (article, row)));
    rows.map(|(article, row)| Live {
        article,
        passage: &segment.passages[row],
        vector: &segment.vectors[row],
    })
}

/// The files say what the retriever says, which has them open.
fn compare(path: &Path, retriever: &Retriever, model: &dyn Embedder, questions: &[&str]) {
    let folder = Folder::read(path);
    let listed = Folder::listed(path).into_iter().filter(|name| name != "lock");
    assert_eq!(folder.names, listed.collect::<Vec<_>>());
    compare_manifest(&folder, retriever, model);
    compare_articles(&folder, retriever);
    compare_passages(&folder, retriever);
    compare_vectors(&folder, model);
    compare_calibration(&folder, retriever, model, questions);
    for segment in &folder.segments {
        check_codes(segment);
        check_reach(segment);
    }
    for question in questions {
        compare_answer(&folder, retriever, model, question);
    }
}

fn compare_manifest(folder: &Folder, retriever: &Retriever, model: &dyn Embedder) {
    let (manifest, stats) = (&folder.manifest, retriever.stats());
    let identity = model.identity();
    assert_eq!(manifest.generation, stats.generation);
    assert_eq!(&manifest.model, identity);
    assert_eq!(manifest.dim, model.dim());
    assert_eq!(manifest.probes.len(), 3);
    for probe in &manifest.probes {
        let vectors = model.embed(Role::Passage, &[&probe.text]).unwrap();
        assert_eq!(vectors.row(0), probe.vector, "{}", probe.text);
    }
    let removed = |segment: &Segment| segment.articles.iter().filter(|one| one.removed).count();
    let segments = folder.segments.iter().map(|one| (removed(one), one.graph.is_some()));
    let stated = stats.segments.iter().map(|one| (one.removed, one.has_graph));
    assert_eq!(segments.collect::<Vec<_>>(), stated.collect::<Vec<_>>());
}

fn compare_articles(folder: &Folder, retriever: &Retriever) {
    let keys: Vec<_> = live_articles(folder).map(|article| article.key.as_str()).collect();
    assert_eq!(retriever.keys().collect::<passim::Result<Vec<_>>>().unwrap(), keys);
    let mut contents = HashSet::new();
    for stored in live_articles(folder) {
        let article = retriever.article(&stored.key).unwrap().unwrap();
        let mut wanted = Article::new(&stored.key, &stored.text);
        wanted.title.clone_from(&stored.head.title);
        wanted.metadata = stored.head.metadata.clone();
        let declared = stored.head.language.filter(|language| language.is_declared);
        wanted.language = declared.map(|language| language.language);
        assert_eq!(article, wanted);
        let content = (wanted.title, wanted.metadata.into_iter().collect::<Vec<_>>(), wanted.text);
        contents.insert((stored.content_hash, format!("{content:?}")));
    }
    let hashes: HashSet<_> = contents.iter().map(|(hash, _)| hash).collect();
    assert_eq!(hashes.len(), contents.len(), "a hash for each content");
}

fn compare_passages(folder: &Folder, retriever: &Retriever) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&seen);
    let query = Query::new("?").k(1).filter(Filter::custom(move |article, passage| {
        into.lock().unwrap().push((article.clone(), passage.clone()));
        true
    }));
    retriever.search(query).unwrap();
    let (seen, live) = (seen.lock().unwrap(), live(folder));
    assert_eq!((seen.len(), retriever.passages()), (live.len(), live.len()));
    for ((article, passage), Live { article: wanted, passage: stored, .. }) in seen.iter().zip(live)
    {
        assert_eq!((&article.key, &article.title), (&wanted.key, &wanted.head.title));
        assert_eq!(article.metadata, wanted.head.metadata);
        assert_eq!(article.language, wanted.head.language.map(|language| language.language));
        let passim::Passage { range, heading, titled, tokens, .. } = passage.clone();
        assert_eq!(*stored, StoredPassage { range, heading, tokens, titled });
    }
}

/// Every vector is what the model gives for title, heading and text of its passage.
fn compare_vectors(folder: &Folder, model: &dyn Embedder) {
    for Live { article, passage, vector } in live(folder) {
        let title = article.head.title.as_deref().map(str::trim).filter(|_| passage.titled);
        let heading = passage.heading.clone().map(|heading| &article.text[heading]);
        let text = Some(&article.text[passage.range.clone()]);
        let lines: Vec<_> = [title, heading, text].into_iter().flatten().collect();
        let embedded = model.embed(Role::Passage, &[&lines.join("\n")]).unwrap();
        assert_eq!(embedded.row(0), vector, "{lines:?}");
    }
}

fn compare_calibration(
    folder: &Folder,
    retriever: &Retriever,
    model: &dyn Embedder,
    questions: &[&str],
) {
    let (stored, report) = (folder.calibration.as_ref(), retriever.calibration());
    assert_eq!(stored.is_some(), report.is_some());
    let Some((stored, report)) = stored.zip(report) else { return };
    assert_eq!(stored.target_recall.to_bits(), report.target_recall.to_bits());
    let vectors: Vec<_> = stored.questions.iter().map(Vec::as_slice).collect();
    assert_eq!(model.embed(Role::Query, questions).unwrap().rows().collect::<Vec<_>>(), vectors);
    let numbers = stored.graphs.iter().map(|graph| graph.segment);
    let graphs = folder.segments.iter().filter(|segment| segment.graph.is_some());
    assert!(numbers.eq(graphs.map(|segment| segment.number)));
    assert_eq!(stored.graphs.len(), report.graphs.len());
    for (stored, reported) in stored.graphs.iter().zip(report.graphs) {
        assert_eq!(stored.questions, questions.len());
        let least = stored.max_neighbors.min(reported.passages);
        for step in &stored.steps {
            assert_eq!(step.recalls.len(), least.min(step.ef_search));
        }
        assert_eq!(stored.steps.last().map(|step| step.recalls.len()), Some(least));
        assert!(stored.steps.is_sorted_by(|a, b| a.ef_search < b.ef_search));
        let at = report.k.min(least) - 1;
        let steps = stored.steps.iter();
        let steps = steps.filter_map(|step| Some((step.ef_search, *step.recalls.get(at)?)));
        let ladder = reported.ladder.iter().map(|step| (step.ef_search, step.recall));
        assert_eq!(steps.collect::<Vec<_>>(), ladder.collect::<Vec<_>>());
    }
}

/// Codes are vectors in steps of 1/127 of their largest value.
fn check_codes(segment: &Segment) {
    let first_rows: Vec<usize> = match &segment.graph {
        Some(graph) => graph.first_rows.clone(),
        None => (0..segment.vectors.len()).collect(),
    };
    for (code, row) in segment.codes.iter().zip(first_rows) {
        let vector: Vec<f64> = segment.vectors[row].iter().copied().map(f64::from).collect();
        let (bytes, filling) = code.bytes.split_at(segment.dim);
        assert!(filling.iter().all(|byte| *byte == 128));
        let codes: Vec<f64> = bytes.iter().map(|byte| f64::from(*byte) - 128.0).collect();
        let step = vector.iter().fold(0.0, |most: f64, x| most.max(x.abs())) / 127.0;
        let off = vector.iter().zip(&codes).map(|(x, code)| (x / step - code).abs());
        assert!(off.fold(0.0, f64::max) < 0.5001);
        let norm = codes.iter().map(|code| code * code).sum::<f64>().sqrt();
        assert!((f64::from(code.inverse_norm) * norm - 1.0).abs() < 1e-6);
        let apart = vector.iter().zip(&codes).map(|(x, code)| (x - code / norm).powi(2));
        assert!((f64::from(code.quantization_error) - apart.sum::<f64>().sqrt()).abs() < 1e-6);
    }
}

/// Links, or the list of strays, lead to every point; rows of one point have one vector.
fn check_reach(segment: &Segment) {
    let Some(graph) = &segment.graph else { return };
    for (row, point) in graph.points_of_rows.iter().enumerate() {
        assert_eq!(segment.vectors[row], segment.vectors[graph.first_rows[*point]]);
    }
    let mut reached = graph.reached(graph.start());
    reached.extend(&graph.unreachable);
    assert_eq!(reached.len(), graph.first_rows.len());
}

/// The answer to `question`, found by comparing all vectors.
fn compare_answer(folder: &Folder, retriever: &Retriever, model: &dyn Embedder, question: &str) {
    let (vector, live) = (model.embed(Role::Query, &[question]).unwrap(), live(folder));
    let place = |one: &Live| (one.article.key.clone(), one.passage.range.clone());
    let similarity = |one: &Live| -> f64 {
        one.vector.iter().zip(vector.row(0)).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let mut similarities: Vec<f64> = live.iter().map(similarity).collect();
    let hits =
        retriever.search(Query::new(question).mode(Mode::Dense).k(live.len() + 1).exact()).unwrap();
    assert_eq!(hits.len(), live.len());
    let places: HashSet<_> = live.iter().map(place).collect();
    assert_eq!(
        hits.iter().map(|hit| (hit.article.clone(), hit.range.clone())).collect::<HashSet<_>>(),
        places
    );
    for hit in &hits {
        let at = live.iter().position(|one| place(one) == (hit.article.clone(), hit.range.clone()));
        let (one, wanted) = (&live[at.unwrap()], similarities[at.unwrap()]);
        assert!((f64::from(hit.score) - wanted).abs() < 1e-6, "{hit:?}: {wanted}");
        assert_eq!(hit.text, one.article.text[hit.range.clone()]);
        let heading = one.passage.heading.clone().map(|heading| &one.article.text[heading]);
        assert_eq!((hit.heading.as_deref(), &hit.title), (heading, &one.article.head.title));
        assert_eq!(hit.metadata, one.article.head.metadata);
    }
    similarities.sort_by(|a, b| b.total_cmp(a));
    let ranked = hits.iter().map(|hit| f64::from(hit.score));
    assert!(ranked.zip(similarities).all(|(got, wanted)| (got - wanted).abs() < 1e-6));
}

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
    compare(folder.path(), &retriever, &FakeEmbedder::of_version_1(), &v1::QUESTIONS);
}

#[test]
fn indexes_of_the_bundled_model_are_read_as_well() {
    let model = StaticEmbedder::bundled().unwrap();
    let questions = ["Was speichern Moore?", "Why might Meta stop releasing open models?"];
    for index in [IndexChoice::default(), IndexChoice::Hnsw(HnswParams::default())] {
        let folder = tempfile::tempdir().unwrap();
        let mut retriever =
            Retriever::builder().verify_model(true).index(index).create(folder.path()).unwrap();
        retriever.add(corpus::samples()).unwrap();
        retriever.commit().unwrap();
        retriever.remove("moorschutz.md").unwrap();
        retriever.calibrate(0.9, &questions).unwrap();
        retriever.commit().unwrap();
        let manifest = Folder::read(folder.path()).manifest;
        assert_eq!((manifest.index, manifest.chunker), (index, Chunker::default()));
        assert_eq!((manifest.generation, manifest.next_number), (2, 4));
        compare(folder.path(), &retriever, &model, &questions);
    }
}

/// Numbers of up to three digits are terms as they are, so the postings are known.
#[test]
fn words_are_those_of_the_texts() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Seeded(7);
    let mut wanted = Lexical::default();
    let mut articles = Vec::new();
    for row in 0..700 {
        let mut word = || {
            let bound = 1 + random.below(1_000);
            random.below(bound)
        };
        let mut words: Vec<usize> = (0..12).map(|_| word()).collect();
        words.extend(std::iter::repeat_n(row % 2, row % 50));
        for word in &words {
            let postings = wanted.terms.entry(word.to_string()).or_default();
            let row = u32::try_from(row).unwrap();
            match postings.last_mut().filter(|posting| posting.row == row) {
                Some(posting) => posting.tf += 1,
                None => postings.push(Posting { row, tf: 1 }),
            }
        }
        let length = u32::try_from(words.len()).unwrap();
        wanted.norms.push(Norm { length, language: 0 });
        let words: Vec<String> = words.iter().map(usize::to_string).collect();
        articles.push(Article::new(format!("{row:03}"), words.join(" ")));
    }
    let mut retriever = v1::builder().chunker(Chunker::default()).create(folder.path()).unwrap();
    retriever.add(articles).unwrap();
    retriever.commit().unwrap();
    let written = Folder::read(folder.path());
    let [segment] = &written.segments[..] else { panic!("one segment") };
    assert_eq!(segment.lexical.as_ref(), Some(&wanted));
    let lengths: Vec<usize> = wanted.terms.values().map(Vec::len).collect();
    assert!(lengths.iter().any(|len| *len > 256) && lengths.iter().any(|len| *len < 128));
}

/// `cargo test --no-default-features --test it -- --ignored write_v1`
#[test]
#[ignore = "writes tests/data/v1 anew"]
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
    assert!(written == write(3), "by another number of threads");
}

/// Searching, changing and committing what version 1 wrote.
#[test]
fn version_1_is_read() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files(&v1::folder()) {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let mut retriever = v1::builder().open(folder.path()).unwrap();
    let mut articles = v1::articles();
    articles.retain(|article| !v1::REMOVED.contains(&article.key.as_str()));
    check_v1(&retriever, &articles);
    compare(folder.path(), &retriever, &FakeEmbedder::of_version_1(), &v1::QUESTIONS);
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
    compare(folder.path(), &retriever, &FakeEmbedder::of_version_1(), &v1::QUESTIONS);
    // The commit may have left one segment already.
    assert!(matches!(retriever.compact(), Ok(3 | 4)));
    assert!(retriever.verify().unwrap().is_sound());
    let keys = retriever.keys().collect::<passim::Result<Vec<_>>>().unwrap();
    assert!(keys.into_iter().eq(articles.iter().map(|article| article.key.as_str())));
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
            for (found, wanted) in found.iter().zip(wanted) {
                let same = (found.0, found.1) == (wanted.0, wanted.1);
                assert!(same && (found.2 - wanted.2).abs() < 1e-5, "{found:?}");
            }
        }
    }
}

#[test]
fn a_cache_is_read_from_its_description() {
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
    let entry = |number, role, text: &str| CachedVector {
        model: model.identity().hash,
        role: number,
        text: xxh3_128(text.as_bytes()),
        vector: model.embed(role, &[text]).unwrap().row(0).to_vec(),
    };
    let mut want: Vec<_> = texts.iter().map(|text| entry(2, Role::Passage, text)).collect();
    want.push(entry(1, Role::Query, "Wann?"));
    found.sort_by_key(|one| (one.role, one.text));
    want.sort_by_key(|one| (one.role, one.text));
    assert_eq!(found, want);
}
