//! Laws of the embedding stage: order, independence of threads, errors, panics, interruption.

use std::{
    error::Error as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use passim::{
    Article, Cancel, EmbedStage, Embedder, Error, Interrupt, InterruptReason, ModelIdentity,
    Progress, Query, Result, Retriever, Role, StaticEmbedder, Vectors,
};
use passim_testkit::corpus;

fn as_strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[test]
fn vectors_do_not_depend_on_threads_or_batches() {
    let embedder = StaticEmbedder::bundled().unwrap();
    let texts: Vec<String> = (1..60).flat_map(|words| corpus::texts(1, 4, words)).collect();
    let texts = as_strs(&texts);
    let one_by_one =
        texts.iter().map(|text| embedder.embed(Role::Passage, &[text], Interrupt::none()).unwrap());
    let want = Vectors::concat(embedder.dim(), &one_by_one.collect::<Vec<_>>()).unwrap();
    for (threads, tokens) in [(1, 1), (1, 1_000_000), (2, 700), (4, 1_024), (300, 1)] {
        let stage = EmbedStage::new(&embedder).embed_threads(threads).batch_tokens(tokens);
        let (got, report) = stage.run(Role::Passage, &texts).unwrap();
        assert_eq!(got, want, "{threads} threads, batches of {tokens} tokens");
        assert_eq!((report.texts, report.truncated), (texts.len(), 0));
        let tokens: usize = texts.iter().map(|text| embedder.count_tokens(text).unwrap()).sum();
        assert_eq!(report.tokens, tokens);
    }
}

#[test]
fn a_repeated_text_is_embedded_once() {
    let model = Faulty::new(2, |_, _| Err(Error::EmptyQuery));
    let texts = ["a b", "c", "a b", "c", "a b"];
    let seen = Mutex::new(Vec::<Progress>::new());
    let note = |progress| seen.lock().unwrap().push(progress);
    let (vectors, report) =
        EmbedStage::new(&model).progress(&note).run(Role::Passage, &texts).unwrap();
    assert_eq!((report.texts, report.repeated, report.cached), (5, 3, 0));
    assert_eq!((report.tokens, vectors.len()), (3, 5));
    let last = seen.into_inner().unwrap().pop().expect("one batch");
    assert_eq!((last.done, last.total, last.tokens), (5, 5, 3));
}

#[test]
fn no_texts_have_no_vectors() {
    let embedder = StaticEmbedder::bundled().unwrap();
    let (vectors, report) = EmbedStage::new(&embedder).run(Role::Query, &[]).unwrap();
    assert_eq!((vectors.len(), vectors.dim(), report.tokens), (0, embedder.dim(), 0));
}

#[test]
fn progress_grows_and_ends_at_the_total() {
    let embedder = StaticEmbedder::bundled().unwrap();
    let texts = corpus::texts(1, 200, 20);
    let seen = Mutex::new(Vec::<Progress>::new());
    let note = |progress| seen.lock().unwrap().push(progress);
    let stage = EmbedStage::new(&embedder).embed_threads(3).batch_tokens(150).progress(&note);
    let (_, report) = stage.run(Role::Passage, &as_strs(&texts)).unwrap();
    let seen = seen.into_inner().unwrap();
    assert!(seen.is_sorted_by_key(|progress| (progress.done, progress.tokens)));
    let last = seen.last().expect("at least one batch");
    assert_eq!((last.done, last.total, last.tokens), (200, 200, report.tokens));
}

/// A model that runs `fault` in place of embedding once it has seen `after` texts.
struct Faulty {
    identity: ModelIdentity,
    after: usize,
    seen: AtomicUsize,
    fault: fn(&Faulty, usize) -> Result<Vectors>,
    cancel: Cancel,
}

impl Faulty {
    fn new(after: usize, fault: fn(&Self, usize) -> Result<Vectors>) -> Self {
        let identity = ModelIdentity { name: "faulty".to_owned(), hash: 1 };
        Self { identity, after, seen: AtomicUsize::new(0), fault, cancel: Cancel::new() }
    }
}

impl Embedder for Faulty {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn dim(&self) -> usize {
        2
    }

    fn max_tokens(&self) -> Option<usize> {
        Some(3)
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        Ok(text.split_whitespace().count())
    }

    fn embed(&self, _: Role, texts: &[&str], _: Interrupt<'_>) -> Result<Vectors> {
        if self.seen.fetch_add(texts.len(), Ordering::Relaxed) >= self.after {
            return (self.fault)(self, texts.len());
        }
        Vectors::normalized(2, vec![1.0; 2 * texts.len()])
    }
}

fn run(model: &Faulty, threads: usize) -> Result<usize> {
    let texts: Vec<String> = (0..400).map(|at| at.to_string()).collect();
    let stage = EmbedStage::new(model).embed_threads(threads).batch_tokens(5).cancel(&model.cancel);
    stage.run(Role::Passage, &as_strs(&texts)).map(|(vectors, _)| vectors.len())
}

#[test]
fn a_failing_model_ends_the_run() {
    for threads in [1, 4] {
        let failing = Faulty::new(50, |_, _| Err(Error::Embed("out of memory".into())));
        assert!(matches!(run(&failing, threads), Err(Error::Embed(_))));
        let seen = failing.seen.load(Ordering::Relaxed);
        assert!(seen < 400, "{seen} texts were embedded after the failure");
    }
}

#[test]
fn a_panicking_model_is_an_error() {
    for threads in [1, 4] {
        let model = Faulty::new(50, |_, _| panic!("on purpose"));
        let error = run(&model, threads).unwrap_err();
        assert!(matches!(error, Error::Embed(_)), "{error}");
        assert_eq!(error.source().unwrap().to_string(), "the model panicked: on purpose");
        assert!(model.seen.load(Ordering::Relaxed) < 400);
    }
}

/// Embeds texts by the bundled model; panics while `is_broken`.
struct Fragile {
    model: StaticEmbedder,
    is_broken: Arc<AtomicBool>,
}

impl Fragile {
    fn check(&self) {
        assert!(!self.is_broken.load(Ordering::Relaxed), "on purpose");
    }
}

impl Embedder for Fragile {
    fn identity(&self) -> &ModelIdentity {
        self.model.identity()
    }

    fn dim(&self) -> usize {
        self.model.dim()
    }

    fn max_tokens(&self) -> Option<usize> {
        None
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        self.check();
        self.model.count_tokens(text)
    }

    fn embed(&self, role: Role, texts: &[&str], interrupt: Interrupt<'_>) -> Result<Vectors> {
        self.check();
        self.model.embed(role, texts, interrupt)
    }
}

#[test]
fn a_retriever_works_on_after_its_model_panicked() {
    let is_broken = Arc::new(AtomicBool::new(false));
    let model = StaticEmbedder::bundled().unwrap();
    let embedder = Fragile { model, is_broken: Arc::clone(&is_broken) };
    let mut retriever = Retriever::builder().embedder(embedder).in_memory().unwrap();
    let bog = || Article::new("bog", "A bog stores water.");
    let otter = || Article::new("otter", "Otters sleep on the water.");
    retriever.add([bog()]).unwrap();
    let hits = retriever.search("Who sleeps?").unwrap();

    is_broken.store(true, Ordering::Relaxed);
    let errors = [
        retriever.add([otter()]).unwrap_err(),
        retriever.sync([bog(), otter()]).unwrap_err(),
        retriever.search("Who sleeps?").unwrap_err(),
        retriever.search_many(&["Who sleeps?", "What stores water?"]).unwrap_err(),
        retriever.context(&hits, 100).unwrap_err(),
        retriever.calibrate(0.9, &["Who sleeps?"]).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Embed(_)), "{error}");
        assert_eq!(error.source().unwrap().to_string(), "the model panicked: on purpose");
    }

    is_broken.store(false, Ordering::Relaxed);
    assert_eq!(retriever.articles(), 1);
    retriever.sync([bog(), otter()]).unwrap();
    assert_eq!(retriever.search("Who sleeps?").unwrap()[0].article, "otter");
}

/// Embeds passages; with a question it waits until it is interrupted.
struct Endless(ModelIdentity);

impl Embedder for Endless {
    fn identity(&self) -> &ModelIdentity {
        &self.0
    }

    fn dim(&self) -> usize {
        2
    }

    fn max_tokens(&self) -> Option<usize> {
        None
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        Ok(text.len())
    }

    fn embed(&self, role: Role, texts: &[&str], interrupt: Interrupt<'_>) -> Result<Vectors> {
        if role == Role::Passage {
            return Vectors::normalized(2, vec![1.0; 2 * texts.len()]);
        }
        loop {
            interrupt.check()?;
            thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn limits_of_a_query_end_the_embedding_of_its_question() {
    let identity = ModelIdentity { name: "endless".to_owned(), hash: 1 };
    let mut retriever = Retriever::builder().embedder(Endless(identity)).in_memory().unwrap();
    retriever.add([Article::new("bog", "A bog stores water.")]).unwrap();
    let limited = Query::new("bog").time_limit(Duration::from_millis(20));
    let used = Cancel::new();
    used.cancel();
    let cancelled = Query::new("bog").cancel(&used);
    let reasons = [InterruptReason::TimedOut, InterruptReason::Cancelled];
    for (query, reason) in [limited, cancelled].into_iter().zip(reasons) {
        let one = retriever.search(query.clone()).unwrap();
        let many = retriever.search_many(&[query.clone(), query]).unwrap();
        for hits in many.iter().chain([&one]) {
            assert_eq!((hits.len(), hits.plan().interrupted), (0, Some(reason)));
        }
    }
}

#[test]
fn cancelling_ends_a_call_of_the_model() {
    let model = Endless(ModelIdentity { name: "endless".to_owned(), hash: 1 });
    let cancel = Cancel::new();
    let stage = EmbedStage::new(&model).embed_threads(2).batch_tokens(1).cancel(&cancel);
    thread::scope(|scope| {
        let run = scope.spawn(|| stage.run(Role::Query, &["a", "b", "c"]));
        thread::sleep(Duration::from_millis(20));
        cancel.cancel();
        assert!(matches!(run.join().unwrap(), Err(Error::Cancelled)));
    });
}

#[test]
fn the_bundled_model_checks_its_interrupt_between_texts() {
    let model = StaticEmbedder::bundled().unwrap();
    let passed = Interrupt::new(Some(Instant::now()), None);
    let embed = |texts: usize| model.embed(Role::Passage, &vec!["bog"; texts], passed);
    assert!(embed(1).is_ok());
    assert!(matches!(embed(1_000), Err(Error::TimedOut)));
}

#[test]
fn cancelling_ends_the_run() {
    for threads in [1, 4] {
        let model = Faulty::new(50, |model, len| {
            model.cancel.cancel();
            Vectors::normalized(2, vec![1.0; 2 * len])
        });
        assert!(matches!(run(&model, threads), Err(Error::Cancelled)));
        assert!(model.seen.load(Ordering::Relaxed) < 400);
        model.cancel.reset();
        let healthy = Faulty { after: usize::MAX, ..model };
        assert_eq!(run(&healthy, threads).unwrap(), 400);
    }
}

#[test]
fn too_few_or_wrong_vectors_are_an_error() {
    let too_few = Faulty::new(0, |_, len| Vectors::normalized(2, vec![1.0; 2 * len - 2]));
    assert!(matches!(run(&too_few, 1), Err(Error::VectorCount { expected: 5, got: 4 })));
    let too_wide = Faulty::new(0, |_, len| Vectors::normalized(3, vec![1.0; 3 * len]));
    assert!(matches!(run(&too_wide, 2), Err(Error::ModelDimension { expected: 2, got: 3 })));
}

#[test]
fn texts_over_the_limit_are_counted() {
    let model = Faulty::new(usize::MAX, |_, _| Err(Error::EmptyQuery));
    let texts = ["one two three", "one two three four", "", "1 2 3 4 5"];
    let (_, report) = EmbedStage::new(&model).run(Role::Passage, &texts).unwrap();
    assert_eq!((report.tokens, report.truncated), (12, 2));
}

#[test]
fn settings_of_zero_are_errors() {
    let embedder = StaticEmbedder::bundled().unwrap();
    let stage = || EmbedStage::new(&embedder);
    for (stage, want) in
        [(stage().embed_threads(0), "embed_threads"), (stage().batch_tokens(0), "batch_tokens")]
    {
        let error = stage.run(Role::Query, &["x"]).unwrap_err();
        assert!(matches!(error, Error::Setting { name, got: 0, .. } if name == want), "{error}");
    }
}
