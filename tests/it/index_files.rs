//! Laws of vector indexes in files of their own, and of builds that are watched.

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use ndarray::{Array1, Array2, s};
use passim::{
    Cancel, Error, ErrorKind, ExactIndex, HnswIndex, HnswParams, Neighbors, Phase, Retriever,
    Route, RowSet, ScanReason, SearchEffort, SearchParams, VectorIndex, Vectors,
};
use passim_testkit::{
    crafted_file::{CraftedFile, Kind, seal},
    segment_checksums::fix_vector_checksums,
    vectors::{clustered, spread},
};
use proptest::prelude::*;

const PARAMS: HnswParams = HnswParams { m: 4, ef_construction: 20 };

/// Section of the recalls of searches with a filter.
const FILTERED_RECALLS: u32 = 101;

fn exact(vectors: &Vectors) -> ExactIndex {
    ExactIndex::new(Arc::new(vectors.clone())).unwrap()
}

fn graph(vectors: &Vectors) -> HnswIndex {
    HnswIndex::build(Arc::new(vectors.clone()), PARAMS).unwrap()
}

/// Data that graphs index in all precisions, with and without duplicates, and none.
fn data() -> Vec<Vectors> {
    let one = clustered(4, 16, 1, 1, 0.0);
    let copies = Vectors::concat(16, std::iter::repeat_n(&one, 40)).unwrap();
    vec![
        spread(1, 16, 700),
        clustered(2, 16, 3, 200, 1e-4),
        Vectors::concat(16, [&copies, &spread(5, 16, 300)]).unwrap(),
        Vectors::concat(16, [&clustered(7, 16, 2, 60, 1e-6), &spread(8, 16, 300)]).unwrap(),
        spread(6, 16, 1),
        Vectors::empty(16),
        clustered(9, 130, 6, 60, 0.5),
    ]
}

/// Answers of an index with and without allowed rows.
fn answers(index: &dyn VectorIndex, queries: &Vectors) -> Vec<Result<Neighbors, Error>> {
    let rows = u32::try_from(index.len()).unwrap();
    let mut some = RowSet::all(rows);
    (0..rows).step_by(3).for_each(|row| _ = some.remove(row));
    let mut answers = Vec::new();
    for query in queries.rows().step_by(37) {
        for effort in [SearchEffort::Ef(16), SearchEffort::Exact] {
            for allowed in [None, Some(&some)] {
                let params = SearchParams { k: 5, effort, allowed, ..SearchParams::default() };
                answers.push(index.search(query, &params));
            }
        }
    }
    answers
}

fn undamaged(index: &dyn VectorIndex, queries: &Vectors) -> Vec<Neighbors> {
    answers(index, queries).into_iter().map(Result::unwrap).collect()
}

#[test]
fn opened_indexes_answer_like_saved_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    for vectors in data() {
        let queries = spread(9, vectors.dim(), 200);
        let built = exact(&vectors);
        built.save(&path).unwrap();
        let opened = ExactIndex::open(&path).unwrap();
        assert_eq!((opened.len(), opened.dim()), (vectors.len(), vectors.dim()));
        assert_eq!(undamaged(&opened, &queries), undamaged(&built, &queries));

        let built = graph(&vectors);
        built.save(&path).unwrap();
        let opened = HnswIndex::open(&path).unwrap();
        assert_eq!(opened.verify(), built.verify());
        assert_eq!(undamaged(&opened, &queries), undamaged(&built, &queries));
    }
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "no other file is left");
}

#[test]
fn a_calibration_is_saved_with_its_graph() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let vectors = spread(1, 16, 3_000);
    let mut built = graph(&vectors);
    let calibration = built.calibrate(10, &spread(2, 16, 60)).unwrap();
    let is_proven = |recall: &f32| calibration.ef_search(*recall, 10).is_some();
    let recall = (1..90_u8).rev().map(|share| f32::from(share) / 100.0).find(is_proven).unwrap();
    let ef = calibration.ef_search(recall, 10).unwrap();
    built.save(&path).unwrap();
    let opened = HnswIndex::open(&path).unwrap();
    assert_eq!((opened.params(), opened.calibration()), (PARAMS, Some(&calibration)));
    let params = SearchParams { effort: SearchEffort::Recall(recall), ..SearchParams::default() };
    let query = spread(3, 16, 1);
    let found = opened.search(query.row(0), &params).unwrap();
    assert_eq!(found, built.search(query.row(0), &params).unwrap());
    let route = found.plan.route;
    match route {
        Route::Graph { ef_search } => assert_eq!(ef_search, ef.max(16)),
        route => assert!(ef * PARAMS.m >= vectors.len(), "{route}"),
    }
    let mut half = RowSet::none(3_000);
    half.insert_range(500..2_000);
    let filtered = SearchParams { allowed: Some(&half), ..params };
    let found = opened.search(query.row(0), &filtered).unwrap();
    assert_eq!(found, built.search(query.row(0), &filtered).unwrap());
    assert_ne!(found.plan.route, Route::Scan(ScanReason::FilterNotMeasured));

    let mut file = CraftedFile::of(&fs::read(&path).unwrap());
    file.replace(FILTERED_RECALLS, vec![9; 12]);
    fs::write(&path, file.bytes(Kind::VectorIndex, 0).0).unwrap();
    assert!(matches!(HnswIndex::open(&path), Err(Error::Corrupt { .. })));
    // Files of earlier versions lack the section.
    file.sections.retain(|section| section.tag != FILTERED_RECALLS);
    fs::write(&path, file.bytes(Kind::VectorIndex, 0).0).unwrap();
    let opened = HnswIndex::open(&path).unwrap();
    assert_eq!(opened.search(query.row(0), &params).unwrap().plan.route, route);
    let found = opened.search(query.row(0), &filtered).unwrap();
    assert_eq!(found.plan.route, Route::Scan(ScanReason::FilterNotMeasured));

    // An index without a calibration keeps none.
    graph(&vectors).save(&path).unwrap();
    let refused = HnswIndex::open(&path).unwrap().search(query.row(0), &params);
    assert!(matches!(refused, Err(Error::NotCalibrated)));
}

#[test]
fn saving_replaces_a_file_that_stays_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let [old, new] = [spread(1, 16, 300), spread(2, 16, 200)];
    graph(&old).save(&path).unwrap();
    let opened = HnswIndex::open(&path).unwrap();
    let before = undamaged(&opened, &old);
    graph(&new).save(&path).unwrap();
    assert_eq!(undamaged(&opened, &old), before);
    assert_eq!(HnswIndex::open(&path).unwrap().len(), 200);
    // An opened index can be saved to its own file.
    opened.save(&path).unwrap();
    assert_eq!(undamaged(&HnswIndex::open(&path).unwrap(), &old), before);
}

#[test]
fn other_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let vectors = spread(1, 16, 50);
    exact(&vectors).save(&path).unwrap();
    let error = HnswIndex::open(&path).unwrap_err();
    assert!(error.to_string().contains("`ExactIndex::open` opens it"), "{error}");
    graph(&vectors).save(&path).unwrap();
    let error = ExactIndex::open(&path).unwrap_err();
    assert!(error.to_string().contains("`HnswIndex::open` opens"), "{error}");

    let absent = HnswIndex::open(folder.path().join("absent")).unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
    let retriever = Retriever::create(folder.path().join("corpus")).unwrap();
    drop(retriever);
    let manifest = folder.path().join("corpus/manifest.passim");
    let error = HnswIndex::open(manifest).unwrap_err();
    assert!(error.to_string().contains("another kind"), "{error}");
    let error = Retriever::open(&path).unwrap_err();
    assert!(matches!(error, Error::Read { .. }), "{error}");
}

/// Opens the file and searches: the answers are right, or the damage is reported.
fn check_damaged(path: &Path, bytes: &[u8], queries: &Vectors, right: &[Neighbors]) -> bool {
    // A new name each time: no mapped file may change.
    fs::write(path, bytes).unwrap();
    let opened = HnswIndex::open(path);
    fs::remove_file(path).unwrap();
    let is_reported =
        |error: &Error| matches!(error, Error::Corrupt { .. } | Error::Version { .. });
    match opened {
        Err(error) => {
            assert!(is_reported(&error), "{error}");
            true
        }
        Ok(index) => {
            let mut reported = false;
            for (answer, right) in answers(&index, queries).iter().zip(right) {
                match answer {
                    Ok(answer) => assert_eq!(answer, right),
                    Err(error) => {
                        assert!(is_reported(error), "{error}");
                        reported = true;
                    }
                }
            }
            let refused = index.save(path);
            assert!(matches!(refused, Err(Error::Corrupt { .. })), "damage is saved");
            reported
        }
    }
}

#[test]
fn damage_is_reported_and_never_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let vectors = spread(1, 16, 150);
    let built = graph(&vectors);
    built.save(&path).unwrap();
    let right = undamaged(&built, &vectors);
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let mut reported = 0;
    let places = (0..bytes.len()).filter(|at| *at < 900 || at % 41 == 0);
    for at in places {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        // Padding between sections is not read, and is the only other place.
        let is_padding = bytes[at] == 0 && !is_content(&bytes, at);
        if is_padding {
            continue;
        }
        reported += usize::from(check_damaged(&path, &damaged, &vectors, &right));
    }
    assert!(reported > 400, "{reported}");
    for len in (0..bytes.len()).step_by(97) {
        fs::write(&path, &bytes[..len]).unwrap();
        let opened = HnswIndex::open(&path);
        assert!(matches!(opened, Err(Error::Corrupt { .. })), "{len} bytes");
    }
}

/// Whether the table of the file lists a section with byte `at`, or it is before all sections.
fn is_content(bytes: &[u8], at: usize) -> bool {
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let sections = u32::from_le_bytes(bytes[32..36].try_into().unwrap()) as usize;
    let table = 64..64 + 32 * sections;
    let within = |entry: usize| {
        let start = usize::try_from(number(entry + 8)).unwrap();
        let len = usize::try_from(number(entry + 16)).unwrap();
        (start..start + len).contains(&at)
    };
    at < table.end || table.step_by(32).any(within)
}

proptest! {
    /// Files with any bytes changed and all checksums corrected open and search without a panic.
    #[test]
    fn forged_index_files_never_panic(
        has_graph: bool,
        changes in prop::collection::vec((any::<u32>(), any::<u8>()), 1..6),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        let vectors = spread(1, 16, 60);
        if has_graph { graph(&vectors).save(&path) } else { exact(&vectors).save(&path) }.unwrap();
        let mut bytes = fs::read(&path).unwrap();
        for (place, byte) in changes {
            let place = place as usize % bytes.len();
            bytes[place] = byte;
        }
        let mut crafted = CraftedFile::of(&bytes);
        fix_vector_checksums(&mut crafted, 0);
        let resealed = crafted.bytes(Kind::VectorIndex, 0).0;
        seal(&mut bytes);
        for forged in [bytes, resealed] {
            fs::remove_file(&path).unwrap();
            fs::write(&path, &forged).unwrap();
            let opened = ExactIndex::open(&path).map(|index| Box::new(index) as Box<dyn VectorIndex>);
            let opened = opened.or_else(|_| {
                HnswIndex::open(&path).map(|index| Box::new(index) as Box<dyn VectorIndex>)
            });
            let answers = opened.map_or_else(|error| vec![Err(error)], |index| {
                // The dimension can be forged.
                if index.dim() == 16 { answers(&*index, &vectors) } else { Vec::new() }
            });
            for error in answers.into_iter().filter_map(Result::err) {
                let is_typed = matches!(error, Error::Corrupt { .. } | Error::Version { .. });
                prop_assert!(is_typed, "{error:?}");
            }
        }
    }
}

#[test]
fn a_watched_build_reports_progress_and_can_be_cancelled() {
    let vectors = Arc::new(spread(1, 16, 9_000));
    let reports = Mutex::new(Vec::new());
    let watched =
        HnswIndex::build_monitored(Arc::clone(&vectors), PARAMS, &Cancel::new(), |progress| {
            reports.lock().unwrap().push(progress);
        })
        .unwrap();
    let reports = reports.into_inner().unwrap();
    assert!(reports.len() > 2);
    assert!(reports.is_sorted_by_key(|progress| progress.done));
    assert!(reports.iter().all(|one| (one.phase, one.total) == (Phase::BuildGraph, 9_000)));
    assert_eq!(reports.last().unwrap().done, 9_000);
    let unwatched = HnswIndex::build(Arc::clone(&vectors), PARAMS).unwrap();
    assert_eq!(watched.verify().fingerprint, unwatched.verify().fingerprint);

    // In every stage of the build.
    for quarter in 0..4 {
        let cancel = Cancel::new();
        let calls = AtomicUsize::new(0);
        let cancelled =
            HnswIndex::build_monitored(Arc::clone(&vectors), PARAMS, &cancel, |progress| {
                assert!(!cancel.is_cancelled(), "a report after the cancellation");
                calls.fetch_add(1, Relaxed);
                if progress.done >= quarter * progress.total / 4 {
                    cancel.cancel();
                }
            });
        assert!(matches!(cancelled, Err(Error::Cancelled)));
        assert!(calls.load(Relaxed) < reports.len());
    }
}

#[test]
fn allowed_rows_of_another_index_are_an_error() {
    let vectors = spread(1, 16, 500);
    let exact = exact(&vectors);
    let graph = graph(&vectors);
    for index in [&exact as &dyn VectorIndex, &graph] {
        for bound in [0, 499, 501, 10_000] {
            let allowed = RowSet::all(bound);
            for effort in [SearchEffort::Exact, SearchEffort::Ef(16)] {
                let params =
                    SearchParams { effort, allowed: Some(&allowed), ..SearchParams::default() };
                let refused = index.search(vectors.row(0), &params);
                let is_named = matches!(
                    refused,
                    Err(Error::RowBound { expected: 500, got }) if got == bound
                );
                assert!(is_named, "{refused:?}");
            }
        }
        let allowed = RowSet::none(500);
        let params = SearchParams { allowed: Some(&allowed), ..SearchParams::default() };
        assert!(index.search(vectors.row(0), &params).unwrap().neighbors.is_empty());
    }
}

#[test]
fn queries_are_views_of_any_layout() {
    let vectors = spread(1, 16, 300);
    let index = exact(&vectors);
    let params = SearchParams { k: 3, ..SearchParams::default() };
    let queries = Array2::from(spread(2, 16, 4));
    let by_column = queries.t().as_standard_layout().to_owned();
    let backwards: Array1<f32> = queries.slice(s![2, ..;-1]).to_owned();
    let right = index.search(queries.row(2).as_slice().unwrap(), &params).unwrap();
    for view in [queries.row(2), by_column.column(2), backwards.slice(s![..;-1])] {
        assert_eq!(index.search_array(view, &params).unwrap(), right);
    }
    let short = index.search_array(queries.slice(s![0, ..3]), &params);
    assert!(matches!(short, Err(Error::Dimension { expected: 16, got: 3 })));
    let many = index.search_many(&Vectors::try_from(queries.view()).unwrap(), &params).unwrap();
    assert_eq!(many[2], right);
}
