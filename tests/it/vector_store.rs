//! Laws of vector stores: a map of vectors by id is the reference.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use ndarray::{Array2, s};
use passim::{
    Article, Cancel, Error, ErrorKind, ExactIndex, HnswParams, IdFilter, IdNeighbor,
    IdSearchParams, IndexChoice, Phase, Retriever, Route, RowSet, ScanReason, SearchEffort,
    SearchParams, VectorIndex, VectorReader, VectorStore, VectorStoreBuilder, Vectors,
};
use passim_testkit::{
    Seeded,
    vectors::{clustered, spread},
};
use proptest::prelude::*;

const DIM: usize = 5;
const GRAPH: IndexChoice = IndexChoice::Hnsw(HnswParams { m: 4, ef_construction: 12 });
/// Ids of the model test, few enough to collide and wide apart.
const IDS: [u64; 12] =
    [0, 1, 2, 3, 5, 8, 1 << 20, 1 << 32, 1 << 40, 1 << 63, u64::MAX - 1, u64::MAX];

/// Whether a filter allows an id.
type IsAllowed<'f> = &'f dyn Fn(u64) -> bool;

/// The reference of a store: the vector of each id.
type Model = BTreeMap<u64, Vec<f32>>;

#[derive(Clone, Debug)]
enum Step {
    /// Positions in [`IDS`] with the seeds of their vectors.
    Add(Vec<(usize, u64)>),
    Remove(Vec<usize>),
    Commit,
    Compact,
    Rollback,
    /// Drops the store and opens it again, which discards uncommitted changes.
    Reopen,
    Calibrate(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = 0..IDS.len();
    let step = prop_oneof![
        4 => prop::collection::vec((id.clone(), 0_u64..50), 0..9).prop_map(Step::Add),
        2 => prop::collection::vec(id, 0..5).prop_map(Step::Remove),
        3 => Just(Step::Commit),
        1 => Just(Step::Compact),
        1 => Just(Step::Rollback),
        1 => Just(Step::Reopen),
        1 => (0_u64..9).prop_map(Step::Calibrate),
    ];
    prop::collection::vec(step, 1..25)
}

/// A vector of few different values, so that similarities tie.
fn vector(seed: u64) -> Vec<f32> {
    let mut random = Seeded(seed % 7);
    let value = (0..DIM).map(|_| random.unit()).collect();
    Vectors::normalized(DIM, value).unwrap().row(0).to_vec()
}

fn vectors(rows: &[Vec<f32>]) -> Vectors {
    Vectors::normalized(DIM, rows.concat()).unwrap()
}

/// The neighbors of `query` among those of `model` that `is_allowed`, by an index of all of them.
fn expected(
    model: &Model,
    query: &[f32],
    k: usize,
    is_allowed: impl Fn(u64) -> bool,
) -> Vec<IdNeighbor> {
    let ids: Vec<u64> = model.keys().copied().collect();
    let rows: Vec<Vec<f32>> = model.values().cloned().collect();
    let index = ExactIndex::new(Arc::new(vectors(&rows))).unwrap();
    let mut allowed = RowSet::none(u32::try_from(ids.len()).unwrap());
    (0..).zip(&ids).filter(|(_, id)| is_allowed(**id)).for_each(|(row, _)| _ = allowed.insert(row));
    let params = SearchParams { k, allowed: Some(&allowed), ..SearchParams::default() };
    let found = index.search(query, &params).unwrap().neighbors.into_iter();
    let neighbor = |found: passim::Neighbor| IdNeighbor {
        id: ids[found.row as usize],
        similarity: found.similarity,
    };
    found.map(neighbor).collect()
}

/// Checks every answer of `reader` against `model`.
fn check(reader: &VectorReader, model: &Model) {
    assert_eq!((reader.len(), reader.is_empty()), (model.len(), model.is_empty()));
    assert!(reader.ids().unwrap().iter().eq(model.keys()));
    for id in IDS {
        assert_eq!(reader.get(id).unwrap(), model.get(&id).map(Vec::as_slice), "{id}");
        assert_eq!(reader.contains(id).unwrap(), model.contains_key(&id));
    }
    let among = [8, 3, 1 << 40, 12_345, 3, u64::MAX];
    let is_even = |id: u64| id.is_multiple_of(2);
    let filters: [(Option<IdFilter>, IsAllowed); 4] = [
        (None, &|_| true),
        (Some(IdFilter::Among(&among)), &|id| among.contains(&id)),
        (Some(IdFilter::Where(&is_even)), &is_even),
        (Some(IdFilter::Among(&[])), &|_| false),
    ];
    let queries = vectors(&[vector(3), vector(6).iter().map(|x| x + 0.1).collect()]);
    for effort in [SearchEffort::Exact, SearchEffort::Recall(1.0)] {
        for k in [1, 4, 100] {
            for (filter, is_allowed) in filters {
                let params = IdSearchParams { k, effort, filter, ..IdSearchParams::default() };
                let many = reader.search_many(&queries, &params).unwrap();
                for (query, many) in queries.rows().zip(many) {
                    let found = reader.search(query, &params).unwrap();
                    assert_eq!(found.neighbors, expected(model, query, k, is_allowed));
                    assert!(found.is_complete());
                    assert_eq!(many.neighbors, found.neighbors);
                }
            }
        }
    }
}

/// The searches of a graph find as many vectors as there are, all of them live.
fn check_graph_search(reader: &VectorReader, model: &Model) {
    let params = IdSearchParams { k: 4, effort: SearchEffort::Ef(16), ..IdSearchParams::default() };
    let found = reader.search(&vector(2), &params).unwrap().neighbors;
    assert_eq!(found.len(), model.len().min(4));
    let ids: HashSet<u64> = found.iter().map(|neighbor| neighbor.id).collect();
    assert!(ids.len() == found.len() && ids.iter().all(|id| model.contains_key(id)));
}

/// A store beside its reference.
struct Modelled<'p> {
    store: Option<VectorStore>,
    builder: VectorStoreBuilder,
    /// `None` in memory.
    folder: Option<&'p Path>,
    now: Model,
    committed: Model,
}

impl Modelled<'_> {
    fn store(&mut self) -> &mut VectorStore {
        self.store.as_mut().unwrap()
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Add(added) => self.add(added),
            Step::Remove(positions) => {
                let ids: Vec<u64> = positions.iter().map(|position| IDS[*position]).collect();
                let removed = ids.iter().filter(|id| self.now.remove(id).is_some()).count();
                assert_eq!(self.store().remove(&ids).unwrap(), removed);
            }
            Step::Commit => {
                self.store().commit().unwrap();
                self.committed = self.now.clone();
            }
            Step::Compact => {
                self.store().compact().unwrap();
                self.committed = self.now.clone();
            }
            Step::Rollback => {
                self.store().rollback();
                self.now = self.committed.clone();
            }
            Step::Reopen => {
                let Some(folder) = self.folder else { return };
                self.store = None;
                self.store = Some(self.builder.clone().open(folder).unwrap());
                self.now = self.committed.clone();
            }
            Step::Calibrate(seed) => {
                let report = self.store().calibrate(0.5, &vectors(&[vector(*seed)])).unwrap();
                assert_eq!(self.store().calibration(), Some(report));
            }
        }
    }

    fn add(&mut self, added: &[(usize, u64)]) {
        let ids: Vec<u64> = added.iter().map(|(position, _)| IDS[*position]).collect();
        let rows: Vec<Vec<f32>> = added.iter().map(|(_, seed)| vector(*seed)).collect();
        let distinct: HashSet<u64> = ids.iter().copied().collect();
        let replaced = distinct.iter().filter(|id| self.now.contains_key(id)).count();
        assert_eq!(self.store().add(&ids, vectors(&rows)).unwrap(), replaced);
        self.now.extend(ids.into_iter().zip(rows));
    }

    fn check(&mut self, folder_reader: Option<&mut VectorReader>) {
        let writer = self.store.as_ref().unwrap();
        let mut own = writer.reader();
        check(&own, &self.committed);
        check_graph_search(&own, &self.committed);
        assert!(!own.reload().unwrap());
        let ids: Vec<u64> = self.now.keys().copied().collect();
        assert_eq!(writer.ids().unwrap(), ids);
        let params = IdSearchParams { k: 3, effort: SearchEffort::Exact, ..Default::default() };
        let found = writer.search(&vector(1), &params).unwrap().neighbors;
        assert_eq!(found, expected(&self.now, &vector(1), 3, |_| true), "uncommitted vectors");
        if let Some(reader) = folder_reader {
            reader.reload().unwrap();
            assert_eq!(reader.generation(), writer.generation());
            check(reader, &self.committed);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_store_equals_a_map(steps in steps(), in_folder: bool, has_graphs: bool) {
        let temp = tempfile::tempdir().unwrap();
        let folder = in_folder.then_some(temp.path());
        let index = if has_graphs { GRAPH } else { IndexChoice::Exact };
        let builder = VectorStore::builder().index(index);
        let store = match folder {
            Some(folder) => builder.clone().create(folder, DIM),
            None => builder.clone().in_memory(DIM),
        };
        let store = Some(store.unwrap());
        let mut reader = folder.map(|folder| VectorReader::open(folder).unwrap());
        let mut modelled =
            Modelled { store, builder, folder, now: Model::new(), committed: Model::new() };
        for step in &steps {
            modelled.take(step);
            modelled.check(reader.as_mut());
        }
        prop_assert!(modelled.store().verify().unwrap().is_sound());
    }
}

/// A store in memory with the vectors `0..len`, committed.
fn store_of(index: IndexChoice, all: &Vectors) -> VectorStore {
    let mut store = VectorStore::builder().index(index).in_memory(all.dim()).unwrap();
    store.add(&(0..all.len() as u64).collect::<Vec<_>>(), all.clone()).unwrap();
    store.commit().unwrap();
    store
}

fn routes(store: &VectorStore, query: &[f32], params: &IdSearchParams) -> Vec<Route> {
    let found = store.search(query, params).unwrap();
    found.plans.iter().map(|plan| plan.route).collect()
}

#[test]
fn graphs_are_searched_filtered_and_calibrated() {
    let all = spread(1, 16, 3_000);
    let mut store = store_of(GRAPH, &all);
    let queries = spread(2, 16, 200);
    let query = queries.row(0);
    let by_recall = IdSearchParams { effort: SearchEffort::Recall(0.5), ..Default::default() };
    assert_eq!(routes(&store, query, &by_recall), [Route::Scan(ScanReason::NotCalibrated)]);

    let report = store.calibrate(0.5, &queries).unwrap();
    assert_eq!((report.questions, report.graphs.len()), (200, 1));
    let ef_search = report.graphs[0].outcome.as_ref().unwrap().ef_search;
    assert_eq!(report.graphs[0].passages, 3_000);
    match routes(&store, query, &by_recall)[..] {
        [Route::Graph { ef_search: used }] => assert_eq!(used, ef_search.max(16)),
        [Route::Scan(ScanReason::WideSearch)] => assert!(ef_search * 4 >= 3_000),
        ref routes => panic!("{routes:?}"),
    }
    // A later graph is calibrated by the commit that builds it.
    store.remove(&(0..1_600).collect::<Vec<_>>()).unwrap();
    store.commit().unwrap();
    let report = store.calibration().unwrap();
    assert_eq!(report.graphs.iter().map(|graph| graph.passages).collect::<Vec<_>>(), [1_400]);

    // Few allowed vectors are compared one by one.
    let filter = Some(IdFilter::Among(&[2_000, 2_500, 17, 5_000]));
    let params = IdSearchParams { filter, ..IdSearchParams::default() };
    let found = store.search(query, &params).unwrap();
    let mut ids: Vec<u64> = found.neighbors.iter().map(|neighbor| neighbor.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [2_000, 2_500], "17 was removed and 5,000 never added");
    assert!(matches!(found.plans[0].route, Route::Scan(_)), "{}", found.plans[0]);
}

#[test]
fn many_small_commits_leave_few_segments() {
    let all = clustered(3, 16, 5, 120, 0.3);
    let mut store = VectorStore::in_memory(16).unwrap();
    for (id, row) in (0..).zip(0..all.len()) {
        store.add(&[id], all.select(&[row])).unwrap();
        if id % 3 == 0 {
            store.commit().unwrap();
        }
    }
    store.commit().unwrap();
    let params = IdSearchParams::default();
    let found = store.search(all.row(7), &params).unwrap();
    assert!(found.plans.len() < 8, "{} segments", found.plans.len());
    assert_eq!(found.plans.iter().map(|plan| plan.rows).sum::<usize>(), 600);
    store.compact().unwrap();
    assert_eq!(store.search(all.row(7), &params).unwrap().plans.len(), 1);
    assert_eq!(store.search(all.row(7), &params).unwrap().neighbors, found.neighbors);
    let generation = store.generation();
    assert_eq!(store.compact().unwrap(), generation, "it is compact already");
}

#[test]
fn invalid_input_is_refused_and_changes_nothing() {
    let one = || Vectors::normalized(2, vec![1.0, 0.0]).unwrap();
    for dim in [0, 65_537] {
        let refused = VectorStore::in_memory(dim);
        assert!(matches!(refused, Err(Error::Setting { name: "dim", got, .. }) if got == dim));
    }
    let bad = IndexChoice::Hnsw(HnswParams { m: 1, ef_construction: 20 });
    let refused = VectorStore::builder().index(bad).in_memory(2);
    assert!(matches!(refused, Err(Error::Setting { name: "m", .. })));

    let mut store = VectorStore::in_memory(2).unwrap();
    assert_eq!(store.add(&[], Vectors::empty(2)).unwrap(), 0);
    assert_eq!(store.commit().unwrap(), 0, "nothing changed");
    store.add(&[7], one()).unwrap();
    let refused = store.add(&[1, 2], one());
    assert!(matches!(refused, Err(Error::IdCount { ids: 2, vectors: 1 })));
    let refused = store.add(&[1], Vectors::normalized(3, vec![1.0; 3]).unwrap());
    assert!(matches!(refused, Err(Error::Dimension { expected: 2, got: 3 })));
    assert!(Vectors::normalized(2, vec![f32::NAN, 1.0]).is_err(), "no NaN becomes `Vectors`");
    assert_eq!(store.remove(&[1, 2, 3]).unwrap(), 0);
    assert_eq!(store.ids().unwrap(), [7]);

    let params = IdSearchParams::default();
    for store in [&store, &VectorStore::in_memory(2).unwrap()] {
        let refused = store.search(&[1.0], &params);
        assert!(matches!(refused, Err(Error::Dimension { expected: 2, got: 1 })));
        for query in [[0.0, 0.0], [f32::NAN, 1.0], [f32::INFINITY, 1.0]] {
            let refused = store.search(&query, &params);
            assert!(matches!(refused, Err(Error::InvalidVector { row: 0 })));
        }
        let refused = store.search(&[1.0, 0.0], &IdSearchParams { k: 0, ..params });
        assert!(matches!(refused, Err(Error::Setting { name: "k", .. })));
        let effort = SearchEffort::Recall(1.5);
        let refused = store.search(&[1.0, 0.0], &IdSearchParams { effort, ..params });
        assert!(matches!(refused, Err(Error::Fraction { .. })));
        let refused = store.search_many(&Vectors::empty(3), &params);
        assert!(matches!(refused, Err(Error::Dimension { expected: 2, got: 3 })));
        assert!(store.search_many(&Vectors::empty(2), &params).unwrap().is_empty());
    }
    let refused = store.calibrate(0.0, &one());
    assert!(matches!(refused, Err(Error::Fraction { .. })));
    let refused = store.calibrate(0.9, &Vectors::empty(2));
    assert!(matches!(refused, Err(Error::Setting { name: "queries", .. })));
    let refused = store.calibrate(0.9, &Vectors::normalized(1, vec![1.0]).unwrap());
    assert!(matches!(refused, Err(Error::Dimension { .. })));
    assert!(store.calibration().is_none());
    assert!(matches!(store.backup("anywhere"), Err(Error::NotInFolder)));
}

#[test]
fn folders_of_other_kinds_are_refused_by_name() {
    let temp = tempfile::tempdir().unwrap();
    let [corpus, vectors, empty] =
        ["corpus", "vectors", "empty"].map(|name| temp.path().join(name));
    drop(Retriever::create(&corpus).unwrap());
    let store = VectorStore::create(&vectors, 2).unwrap();
    fs::create_dir(&empty).unwrap();

    let other = |error: Error, opened_by: &str| {
        assert!(matches!(error, Error::OtherIndex { .. }), "{error}");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&format!("open it with `{opened_by}`")), "{error}");
    };
    other(VectorStore::open(&corpus).unwrap_err(), "Retriever::open");
    other(VectorStore::create(&corpus, 2).unwrap_err(), "Retriever::open");
    other(VectorStore::open_or_create(&corpus, 2).unwrap_err(), "Retriever::open");
    other(VectorReader::open(&corpus).unwrap_err(), "Retriever::open");
    other(Retriever::open(&vectors).unwrap_err(), "VectorStore::open");
    let locked = Retriever::create(&vectors);
    assert!(matches!(locked, Err(Error::Locked { .. })), "a store's lock is that of a corpus");

    assert!(matches!(VectorStore::open(&vectors), Err(Error::Locked { .. })));
    drop(store);
    other(Retriever::create(&vectors).unwrap_err(), "VectorStore::open");
    assert!(matches!(VectorStore::create(&vectors, 2), Err(Error::IndexExists { .. })));
    let refused = VectorStore::open_or_create(&vectors, 3);
    assert!(matches!(refused, Err(Error::Dimension { expected: 2, got: 3 })));
    VectorStore::open_or_create(&vectors, 2).unwrap();
    for path in [&empty, &temp.path().join("absent")] {
        assert!(matches!(VectorStore::open(path), Err(Error::NoIndex { .. })));
        assert!(matches!(VectorReader::open(path), Err(Error::NoIndex { .. })));
    }
}

#[test]
fn files_with_names_of_another_kind_remain() {
    let temp = tempfile::tempdir().unwrap();
    let [corpus, vectors] = ["corpus", "vectors"].map(|name| temp.path().join(name));
    let mut articles = Retriever::create(&corpus).unwrap();
    let mut store = VectorStore::create(&vectors, 2).unwrap();
    let index = ExactIndex::new(Arc::new(Vectors::normalized(2, vec![1.0, 0.0]).unwrap())).unwrap();
    let others = [corpus.join("vectors-1.passim"), vectors.join("segment-1.passim")];
    for path in &others {
        index.save(path).unwrap();
    }

    articles.add([Article::new("moor", "Moore speichern Wasser.")]).unwrap();
    articles.commit().unwrap();
    store.add(&[7], Vectors::normalized(2, vec![0.0, 1.0]).unwrap()).unwrap();
    store.commit().unwrap();
    for path in others {
        ExactIndex::open(&path).unwrap();
    }
}

#[test]
fn settings_are_kept_in_the_folder() {
    let temp = tempfile::tempdir().unwrap();
    let all = spread(1, 8, 60);
    let ids: Vec<u64> = (0..60).collect();
    let mut store = VectorStore::builder().index(GRAPH).create(temp.path(), 8).unwrap();
    store.add(&ids[..40], all.select(&(0..40).collect::<Vec<_>>())).unwrap();
    store.commit().unwrap();
    store.calibrate(0.4, &spread(2, 8, 30)).unwrap();
    store.commit().unwrap();
    let calibration = store.calibration();
    drop(store);
    let mut store = VectorStore::open(temp.path()).unwrap();
    assert_eq!(store.calibration(), calibration);
    store.compact().unwrap();
    assert_eq!(store.verify().unwrap().graphs.len(), 1, "the choice of a graph is kept");
    drop(store);
    let mut store = VectorStore::builder().index(IndexChoice::Exact).open(temp.path()).unwrap();
    store.commit().unwrap();
    assert_eq!(store.verify().unwrap().graphs, [], "another choice holds from the next commit on");
    assert_eq!(store.calibration().unwrap().graphs, []);
}

#[test]
fn a_backup_is_a_store() {
    let temp = tempfile::tempdir().unwrap();
    let [folder, copy] = ["store", "copy"].map(|name| temp.path().join(name));
    let all = spread(1, 8, 30);
    let mut store = VectorStore::create(&folder, 8).unwrap();
    store.add(&(0..30).collect::<Vec<_>>(), all.clone()).unwrap();
    store.commit().unwrap();
    store.remove(&[3]).unwrap();
    let report = VectorReader::open(&folder).unwrap().backup(&copy).unwrap();
    assert_eq!((report.generation, report.files), (1, 2));
    assert!(matches!(store.backup(&copy), Err(Error::FolderNotEmpty { .. })));
    let copied = VectorStore::open(&copy).unwrap();
    assert!(copied.verify().unwrap().is_sound());
    assert_eq!(copied.get(3).unwrap(), Some(all.row(3)));
}

#[test]
fn readers_see_whole_commits_beside_a_writer() {
    const IN_EACH: u64 = 40;
    let temp = tempfile::tempdir().unwrap();
    let mut store = VectorStore::builder().index(GRAPH).create(temp.path(), 2).unwrap();
    let generations = AtomicUsize::new(0);
    let is_done = AtomicBool::new(false);
    // In generation `g` every vector has the angle `g / 100`, and `g` of the ids have none.
    let angle = |generation: u64| {
        let angle = f32::from(u16::try_from(generation).unwrap()) / 100.0;
        [angle.cos(), angle.sin()]
    };
    let read = |mut reader: VectorReader| {
        while !is_done.load(Relaxed) {
            reader.reload().unwrap();
            let generation = reader.generation();
            let ids = reader.ids().unwrap();
            assert_eq!(
                ids.len() as u64,
                if generation == 0 { 0 } else { IN_EACH - generation % 30 }
            );
            let query = angle(generation);
            let params = IdSearchParams { k: 100, ..IdSearchParams::default() };
            let found = reader.search(&query, &params).unwrap().neighbors;
            assert_eq!(found.len(), ids.len());
            assert!(found.iter().all(|neighbor| neighbor.similarity > 0.999_99), "{found:?}");
            generations.fetch_max(usize::try_from(generation).unwrap(), Relaxed);
        }
    };
    thread::scope(|scope| {
        let shared = store.reader();
        let opened = VectorReader::open(temp.path()).unwrap();
        let readers = [scope.spawn(|| read(shared)), scope.spawn(|| read(opened))];
        for generation in 1..=60 {
            let ids: Vec<u64> = (0..IN_EACH).collect();
            let all = angle(generation).repeat(ids.len());
            store.add(&ids, Vectors::normalized(2, all).unwrap()).unwrap();
            let removed: Vec<u64> = (0..generation % 30).collect();
            store.remove(&removed).unwrap();
            assert_eq!(store.commit().unwrap(), generation);
        }
        let deadline = Instant::now() + Duration::from_mins(1);
        while generations.load(Relaxed) < 60 && Instant::now() < deadline {
            thread::yield_now();
        }
        is_done.store(true, Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
    assert_eq!(generations.load(Relaxed), 60, "a reader saw the last commit");
    assert!(store.verify().unwrap().is_sound());
}

#[test]
fn searches_and_commits_can_be_ended() {
    let all = spread(1, 16, 9_000);
    let cancel = Cancel::new();
    let reports = Arc::new(AtomicUsize::new(0));
    let builder = VectorStore::builder().index(GRAPH).cancel(&cancel).progress({
        let reports = Arc::clone(&reports);
        move |progress| {
            assert_eq!((progress.phase, progress.total), (Phase::BuildGraph, 9_000));
            reports.fetch_add(1, Relaxed);
        }
    });
    let mut store = builder.in_memory(16).unwrap();
    store.add(&(0..9_000).collect::<Vec<_>>(), all.clone()).unwrap();
    cancel.cancel();
    assert!(matches!(store.commit(), Err(Error::Cancelled)));
    assert_eq!((store.generation(), store.len()), (0, 9_000), "the changes remain");
    assert!(store.reader().is_empty());
    cancel.reset();
    assert_eq!(store.commit().unwrap(), 1);
    assert!(reports.load(Relaxed) > 1);

    let ended = Cancel::new();
    ended.cancel();
    let exact = IdSearchParams { effort: SearchEffort::Exact, ..IdSearchParams::default() };
    for params in [
        IdSearchParams { cancel: Some(&ended), ..exact },
        IdSearchParams { deadline: Some(Instant::now()), ..exact },
    ] {
        assert!(!store.search(all.row(0), &params).unwrap().is_complete());
    }
    assert!(store.search(all.row(0), &exact).unwrap().is_complete());
}

#[test]
fn arrays_are_added_and_asked() {
    let embeddings = Array2::from(spread(1, 8, 20));
    let mut store = VectorStore::in_memory(8).unwrap();
    let rows = embeddings.slice(s![..10, ..]);
    store.add(&(100..110).rev().collect::<Vec<_>>(), Vectors::try_from(rows).unwrap()).unwrap();
    let params = IdSearchParams { k: 1, ..IdSearchParams::default() };
    let found = store.search_array(embeddings.row(3), &params).unwrap();
    assert_eq!(found.neighbors[0].id, 106);
    let backwards = embeddings.slice(s![4, ..;-1]).to_owned();
    let found = store.search_array(backwards.slice(s![..;-1]), &params).unwrap();
    assert_eq!(found.neighbors[0].id, 105);
}
