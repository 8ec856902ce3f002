//! Comparison of an index's files, as the independent reader reads them, with its retriever.

use std::{
    collections::HashSet,
    ops::Range,
    path::Path,
    sync::{Arc, Mutex},
};

use passim::{
    Article, ArticleHead, Embedder, Filter, GraphCalibration, Hit, Markup, Mode, Passage, Query,
    Retriever, Role,
};
use passim_testkit::{
    format_reader::{
        Folder, GraphMeasurement,
        segment::{PointCode, Segment, StoredArticle, StoredPassage},
    },
    vectors::{of_text, of_texts},
};

/// A passage of an article that is not removed.
struct LivePassage<'f> {
    article: &'f StoredArticle,
    passage: &'f StoredPassage,
    vector: &'f [f32],
}

impl LivePassage<'_> {
    /// The key of the article and the range of the passage.
    fn place(&self) -> (String, Range<usize>) {
        (self.article.key.clone(), self.passage.range.clone())
    }

    fn heading(&self) -> Option<&str> {
        self.passage.heading.clone().map(|heading| &self.article.text[heading])
    }

    fn similarity(&self, vector: &[f32]) -> f64 {
        let products = self.vector.iter().zip(vector).map(|(a, b)| f64::from(*a) * f64::from(*b));
        products.sum()
    }
}

fn live_articles(folder: &Folder) -> impl Iterator<Item = &StoredArticle> {
    folder.segments.iter().flat_map(live_articles_of)
}

fn live_articles_of(segment: &Segment) -> impl Iterator<Item = &StoredArticle> {
    segment.articles.iter().filter(|article| !article.removed)
}

fn live_passages(folder: &Folder) -> Vec<LivePassage<'_>> {
    let mut live = Vec::new();
    for segment in &folder.segments {
        for article in live_articles_of(segment) {
            live.extend(article.rows.clone().map(|row| LivePassage {
                article,
                passage: &segment.passages[row],
                vector: &segment.vectors[row],
            }));
        }
    }
    live
}

/// Asserts that the files in `path` hold what `retriever` returns, which has them open.
pub fn assert_files_match(
    path: &Path,
    retriever: &Retriever,
    model: &dyn Embedder,
    questions: &[&str],
) {
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
    let manifest = &folder.manifest;
    let stats = retriever.stats();
    assert_eq!(manifest.generation, stats.generation);
    assert_eq!(&manifest.model, model.identity());
    assert_eq!(manifest.dim, model.dim());
    assert_eq!(manifest.probes.len(), 3);
    for probe in &manifest.probes {
        assert_eq!(of_text(model, Role::Passage, &probe.text), probe.vector, "{}", probe.text);
    }
    let removed = |segment: &Segment| segment.articles.len() - live_articles_of(segment).count();
    let segments = folder.segments.iter().map(|one| (removed(one), one.graph.is_some()));
    let reported = stats.segments.iter().map(|one| (one.removed, one.has_graph));
    assert_eq!(segments.collect::<Vec<_>>(), reported.collect::<Vec<_>>());
}

fn compare_articles(folder: &Folder, retriever: &Retriever) {
    let mut keys: Vec<_> = live_articles(folder).map(|article| article.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(retriever.keys().collect::<passim::Result<Vec<_>>>().unwrap(), keys);
    let mut contents = HashSet::new();
    for stored in live_articles(folder) {
        let article = article_of(stored);
        assert_eq!(retriever.article(&stored.key).unwrap().as_ref(), Some(&article));
        let metadata: Vec<_> = article.metadata.into_iter().collect();
        let content = format!("{:?}", (article.title, metadata, article.text));
        contents.insert((stored.content_hash, content));
    }
    let hashes: HashSet<_> = contents.iter().map(|(hash, _)| hash).collect();
    assert_eq!(hashes.len(), contents.len(), "a hash for each content");
}

fn article_of(stored: &StoredArticle) -> Article {
    let mut article = Article::new(&stored.key, &stored.text);
    article.title.clone_from(&stored.head.title);
    article.metadata = stored.head.metadata.clone();
    article.markup = stored.markup;
    let declared = stored.head.language.filter(|language| language.is_declared);
    article.language = declared.map(|language| language.language);
    article
}

/// The live passages, as a filter's closure receives them.
fn filtered_passages(retriever: &Retriever) -> Vec<(ArticleHead, Passage)> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let seen_by_closure = Arc::clone(&seen);
    let query = Query::new("?").k(1).filter(Filter::custom(move |article, passage| {
        seen_by_closure.lock().unwrap().push((article.clone(), passage.clone()));
        true
    }));
    retriever.search(query).unwrap();
    std::mem::take(&mut seen.lock().unwrap())
}

fn compare_passages(folder: &Folder, retriever: &Retriever) {
    let seen = filtered_passages(retriever);
    let live = live_passages(folder);
    assert_eq!([seen.len(), retriever.passages()], [live.len(); 2]);
    for ((head, passage), stored) in seen.into_iter().zip(live) {
        let stored_head = &stored.article.head;
        assert_eq!((&head.key, &head.title), (&stored.article.key, &stored_head.title));
        assert_eq!(head.metadata, stored_head.metadata);
        assert_eq!(head.language, stored_head.language.map(|language| language.language));
        let Passage { range, heading, table_header, markup, titled, tokens, .. } = passage;
        let passage = StoredPassage { range, heading, table_header, markup, tokens, titled };
        assert_eq!(*stored.passage, passage);
    }
}

/// Every vector of a plain text is that of the title, the heading and the text of its passage.
fn compare_vectors(folder: &Folder, model: &dyn Embedder) {
    let is_plain = |live: &LivePassage<'_>| live.passage.markup == Markup::Plain;
    for live in live_passages(folder).into_iter().filter(is_plain) {
        let title = live.article.head.title.as_deref().map(str::trim);
        let title = title.filter(|_| live.passage.titled);
        let text = &live.article.text[live.passage.range.clone()];
        let lines: Vec<_> = [title, live.heading(), Some(text)].into_iter().flatten().collect();
        assert_eq!(of_text(model, Role::Passage, &lines.join("\n")), live.vector, "{lines:?}");
    }
}

fn compare_calibration(
    folder: &Folder,
    retriever: &Retriever,
    model: &dyn Embedder,
    questions: &[&str],
) {
    let report = retriever.calibration();
    assert_eq!(folder.calibration.is_some(), report.is_some());
    let Some((stored, report)) = folder.calibration.as_ref().zip(report) else { return };
    assert_eq!(stored.target_recall.to_bits(), report.target_recall.to_bits());
    let vectors: Vec<_> = stored.questions.iter().map(Vec::as_slice).collect();
    assert_eq!(of_texts(model, Role::Query, questions).rows().collect::<Vec<_>>(), vectors);
    let numbers = stored.graphs.iter().map(|graph| graph.segment);
    let graphs = folder.segments.iter().filter(|segment| segment.graph.is_some());
    assert!(numbers.eq(graphs.map(|segment| segment.number)));
    assert_eq!(stored.graphs.len(), report.graphs.len());
    for (stored, reported) in stored.graphs.iter().zip(&report.graphs) {
        assert_eq!(stored.questions, questions.len());
        compare_steps(stored, reported, report.k, retriever.passages());
    }
}

/// The recall is that of all `passages` together; in files of earlier versions, of the graph alone.
fn compare_steps(
    stored: &GraphMeasurement,
    reported: &GraphCalibration,
    k: usize,
    passages: usize,
) {
    let depth = stored.steps.last().map_or(0, |step| step.recalls.len());
    let [least, most] = [reported.passages, passages].map(|rows| rows.min(stored.max_neighbors));
    assert!((least..=most).contains(&depth), "{depth} of {least} to {most}");
    for step in &stored.steps {
        assert_eq!(step.recalls.len(), depth.min(step.ef_search));
    }
    assert!(stored.steps.is_sorted_by(|a, b| a.ef_search < b.ef_search));
    let at = k.min(depth) - 1;
    let steps = stored.steps.iter();
    let steps = steps.filter_map(|step| Some((step.ef_search, *step.recalls.get(at)?)));
    let ladder = reported.ladder.iter().map(|step| (step.ef_search, step.recall));
    assert_eq!(steps.collect::<Vec<_>>(), ladder.collect::<Vec<_>>());
}

fn check_codes(segment: &Segment) {
    let first_rows: Vec<usize> = match &segment.graph {
        Some(graph) => graph.first_rows.clone(),
        None => (0..segment.vectors.len()).collect(),
    };
    for (code, row) in segment.codes.iter().zip(first_rows) {
        check_code(code, &segment.vectors[row]);
    }
}

/// Codes are the values in steps of 1/127 of the largest one.
pub fn check_code(code: &PointCode, vector: &[f32]) {
    let vector: Vec<f64> = vector.iter().copied().map(f64::from).collect();
    let (bytes, filling) = code.bytes.split_at(vector.len());
    assert!(filling.iter().all(|byte| *byte == 128));
    let codes: Vec<f64> = bytes.iter().map(|byte| f64::from(*byte) - 128.0).collect();
    let step = vector.iter().fold(0.0, |max: f64, x| max.max(x.abs())) / 127.0;
    let rounding = vector.iter().zip(&codes).map(|(x, code)| (x / step - code).abs());
    assert!(rounding.fold(0.0, f64::max) < 0.5001);
    let norm = codes.iter().map(|code| code * code).sum::<f64>().sqrt();
    assert!((f64::from(code.inverse_norm) * norm - 1.0).abs() < 1e-6);
    let squares = vector.iter().zip(&codes).map(|(x, code)| (x - code / norm).powi(2));
    assert!((f64::from(code.quantization_error) - squares.sum::<f64>().sqrt()).abs() < 1e-6);
}

/// Every point is reached by links or listed as always compared; rows of one point have one vector.
fn check_reach(segment: &Segment) {
    let Some(graph) = &segment.graph else { return };
    for (row, point) in graph.points_of_rows.iter().enumerate() {
        assert_eq!(segment.vectors[row], segment.vectors[graph.first_rows[*point]]);
    }
    let mut reached = graph.reached(graph.start());
    reached.extend(&graph.always_compared);
    assert_eq!(reached.len(), graph.first_rows.len());
}

/// The hits of an exact search are all live passages, by their similarity to `question`.
fn compare_answer(folder: &Folder, retriever: &Retriever, model: &dyn Embedder, question: &str) {
    let vector = of_text(model, Role::Query, question);
    let live = live_passages(folder);
    let query = Query::new(question).mode(Mode::Dense).k(live.len() + 1).exact();
    let hits = retriever.search(query).unwrap();
    assert_eq!(hits.len(), live.len());
    let place = |hit: &Hit| (hit.article.clone(), hit.range.clone());
    let found: HashSet<_> = hits.iter().map(place).collect();
    assert_eq!(found, live.iter().map(LivePassage::place).collect());
    for hit in &hits {
        let stored = live.iter().find(|live| live.place() == place(hit)).unwrap();
        let similarity = stored.similarity(&vector);
        assert!((f64::from(hit.score) - similarity).abs() < 1e-6, "{hit:?}: {similarity}");
        assert_eq!(hit.text, stored.article.text[hit.range.clone()]);
        assert_eq!(hit.heading.as_deref(), stored.heading());
        assert_eq!(hit.title, stored.article.head.title);
        assert_eq!(hit.metadata, stored.article.head.metadata);
    }
    let mut similarities: Vec<f64> = live.iter().map(|live| live.similarity(&vector)).collect();
    similarities.sort_by(|a, b| b.total_cmp(a));
    let ranked = hits.iter().map(|hit| f64::from(hit.score));
    assert!(ranked.zip(similarities).all(|(score, wanted)| (score - wanted).abs() < 1e-6));
}
