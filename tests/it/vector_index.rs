//! Laws of the vector indexes, on seeded data that is easy or hard for a graph.

#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "small numbers")]

use std::sync::Arc;

use passim::{
    Error, ExactIndex, HnswIndex, HnswParams, Neighbor, RowSet, SearchEffort, SearchParams,
    VectorIndex, Vectors,
};
use passim_testkit::vectors::{clustered, spread};
use proptest::prelude::*;

const PARAMS: HnswParams = HnswParams { m: 16, ef_construction: 100 };

fn at(k: usize, ef_search: usize) -> SearchParams<'static> {
    SearchParams { k, effort: SearchEffort::Ef(ef_search), ..SearchParams::default() }
}

fn neighbors(index: &dyn VectorIndex, query: &[f32], params: &SearchParams) -> Vec<Neighbor> {
    index.search(query, params).unwrap().neighbors
}

/// Mean recall@10 against `exact`. A neighbor as similar as the last exact one counts as found.
fn ann_recall_at_10(index: &HnswIndex, exact: &ExactIndex, queries: &Vectors, ef: usize) -> f64 {
    let shares = queries.rows().map(|query| {
        let want = neighbors(exact, query, &at(10, ef));
        let got = neighbors(index, query, &at(10, ef));
        assert_eq!(got.len(), want.len());
        let last = want.last().expect("an index with vectors").similarity;
        let found = got.iter().filter(|neighbor| neighbor.similarity >= last).count();
        found as f64 / want.len() as f64
    });
    shares.sum::<f64>() / queries.len() as f64
}

fn both(vectors: Vectors) -> (HnswIndex, ExactIndex, Arc<Vectors>) {
    let vectors = Arc::new(vectors);
    let hnsw = HnswIndex::build(Arc::clone(&vectors), PARAMS).unwrap();
    (hnsw, ExactIndex::new(Arc::clone(&vectors)).unwrap(), vectors)
}

/// Asserts that a search for every vector finds it or a duplicate.
fn assert_all_find_themselves(index: &HnswIndex, vectors: &Vectors, ef: usize) {
    let report = index.verify();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.vectors, report.degrees.iter().sum()), (vectors.len(), report.points));
    for (row, vector) in vectors.rows().enumerate() {
        let first = neighbors(index, vector, &at(1, ef))[0];
        assert!(first.similarity > 1.0 - 1e-5, "row {row} finds {first:?}");
    }
}

/// Vectors of over 64 values are searched by codes of four bits.
#[test]
fn recall_on_loose_clusters_is_at_least_95_percent() {
    for (dim, noise, bits) in [(64, 1.0, 8), (160, 0.5, 4)] {
        let (hnsw, exact, vectors) = both(clustered(1, dim, 50, 80, noise));
        let report = hnsw.verify();
        assert_eq!((report.bits_per_value, report.always_compared), (bits, 0));
        let queries = clustered(2, dim, 50, 4, noise);
        let recall = ann_recall_at_10(&hnsw, &exact, &queries, 96);
        assert!(recall >= 0.95, "recall@10 {recall}");
        assert_all_find_themselves(&hnsw, &vectors, 16);
    }
}

/// Groups of near-duplicates that four bits do not tell apart, among so many other vectors that a
/// sample does not show them.
#[test]
fn near_duplicates_are_told_apart_by_more_bits() {
    let groups = clustered(18, 160, 3, 80, 0.01);
    let others = spread(19, 160, 6_000);
    let (hnsw, exact, vectors) = both(Vectors::concat(160, [&groups, &others]).unwrap());
    let report = hnsw.verify();
    assert_eq!(report.bits_per_value, 8);
    assert!(report.always_compared <= 16, "{report:?}");
    assert_all_find_themselves(&hnsw, &vectors, 16);
    let recall = ann_recall_at_10(&hnsw, &exact, &groups, 96);
    assert!(recall >= 0.99, "recall@10 {recall}");
}

#[test]
fn recall_on_tight_clusters_in_order_is_at_least_99_percent() {
    for dim in [64, 160] {
        let (hnsw, exact, vectors) = both(clustered(3, dim, 20, 500, 0.05));
        assert_all_find_themselves(&hnsw, &vectors, 1);
        let queries = vectors.select(&(0..vectors.len()).step_by(40).collect::<Vec<_>>());
        let recall = ann_recall_at_10(&hnsw, &exact, &queries, 128);
        assert!(recall >= 0.99, "{dim} values: recall@10 {recall}");
    }
}

/// Eight bits per value do not discriminate vectors of one cluster.
#[test]
fn recall_below_the_quantization_error_is_at_least_99_percent() {
    let all = clustered(11, 64, 20, 503, 0.002);
    let (indexed, held_out): (Vec<_>, Vec<_>) = (0..all.len()).partition(|row| row % 503 < 500);
    let (hnsw, exact, vectors) = both(all.select(&indexed));
    assert!(hnsw.verify().bits_per_value == 32);
    assert_all_find_themselves(&hnsw, &vectors, 16);
    let recall = ann_recall_at_10(&hnsw, &exact, &all.select(&held_out), 128);
    assert!(recall >= 0.99, "recall@10 {recall}");
}

/// One huge value per vector leaves few steps of any fixed scale for the others.
#[test]
fn recall_on_vectors_with_outliers_is_at_least_99_percent() {
    let dim = 64;
    let with_outliers = |seed, each| {
        let mut data = clustered(seed, dim, 40, each, 0.8).as_slice().to_vec();
        for (at, vector) in data.chunks_mut(dim).enumerate().filter(|(at, _)| at % 3 == 0) {
            vector[at * 7 % 5] = if at % 2 == 0 { 50.0 } else { -9.0 };
        }
        Vectors::normalized(dim, data).unwrap()
    };
    let (hnsw, exact, vectors) = both(with_outliers(12, 100));
    assert_all_find_themselves(&hnsw, &vectors, 16);
    let recall = ann_recall_at_10(&hnsw, &exact, &with_outliers(13, 5), 256);
    assert!(recall >= 0.99, "recall@10 {recall}");
}

#[test]
fn the_graph_does_not_depend_on_the_number_of_threads() {
    let sets = [(14, 48, 0.7), (15, 48, 0.001), (20, 160, 0.7)];
    for (seed, dim, noise) in sets {
        let vectors = clustered(seed, dim, 12, 250, noise);
        let vectors = Arc::new(vectors);
        let built = [1, 2, 8, 8].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| HnswIndex::build(Arc::clone(&vectors), PARAMS).unwrap().verify())
        });
        for report in &built {
            assert_eq!(report, &built[0]);
        }
    }
}

#[test]
fn leading_duplicates_hide_no_vector() {
    let one = clustered(4, 32, 1, 1, 0.0);
    let copies = Vectors::concat(32, std::iter::repeat_n(&one, 500)).unwrap();
    let others = spread(5, 32, 1_500);
    let (hnsw, exact, vectors) = both(Vectors::concat(32, [&copies, &others]).unwrap());
    assert_all_find_themselves(&hnsw, &vectors, 16);
    let recall = ann_recall_at_10(&hnsw, &exact, &others, 128);
    assert!(recall >= 0.99, "recall@10 {recall}");
    let found = neighbors(&hnsw, one.row(0), &at(600, 64));
    assert_eq!(found.len(), 600);
    let rows: Vec<u32> = found[..500].iter().map(|neighbor| neighbor.row).collect();
    assert!(rows.into_iter().eq(0..500), "duplicates come first, by row");
}

/// Vectors that differ by rounding, as those of one text in several batches of a model do, have equal
/// codes.
#[test]
fn vectors_of_equal_codes_are_one_point_and_told_apart() {
    let near = clustered(16, 32, 4, 200, 1e-6);
    let others = spread(17, 32, 1_500);
    let (hnsw, exact, vectors) = both(Vectors::concat(32, [&near, &others, &near]).unwrap());
    let report = hnsw.verify();
    assert!(report.bits_per_value < 32);
    // A value on the border of two codes divides a cluster.
    assert!((1_504..1_600).contains(&report.points), "{report:?}");
    assert_eq!(report.always_compared, 0, "{report:?}");
    assert_all_find_themselves(&hnsw, &vectors, 16);
    let mut allowed = RowSet::none(3_100);
    (0..3_100).step_by(2).for_each(|row| _ = allowed.insert(row));
    for query in near.rows().step_by(7) {
        for allowed in [None, Some(&allowed)] {
            let params = SearchParams { allowed, ..at(30, 64) };
            assert_eq!(neighbors(&hnsw, query, &params), neighbors(&exact, query, &params));
        }
    }
}

#[test]
fn searches_of_many_queries_equal_those_of_each() {
    let (mut hnsw, exact, _) = both(clustered(18, 32, 30, 100, 0.8));
    let queries = clustered(19, 32, 30, 3, 0.8);
    hnsw.calibrate(10, &queries).unwrap();
    let mut few = RowSet::none(3_000);
    (0..3_000).step_by(50).for_each(|row| _ = few.insert(row));
    let efforts = [SearchEffort::Ef(40), SearchEffort::Exact, SearchEffort::Recall(0.9)];
    for index in [&hnsw as &dyn VectorIndex, &exact] {
        for effort in efforts {
            for allowed in [None, Some(&few)] {
                let params = SearchParams { effort, allowed, ..SearchParams::default() };
                let each: Vec<_> =
                    queries.rows().map(|query| index.search(query, &params).unwrap()).collect();
                assert_eq!(index.search_many(&queries, &params).unwrap(), each);
            }
        }
        let none = SearchParams { k: 0, ..SearchParams::default() };
        assert!(matches!(index.search_many(&queries, &none), Err(Error::Setting { .. })));
        assert!(index.search_many(&Vectors::empty(32), &none).unwrap().is_empty());
        let other = spread(20, 31, 2);
        let error = index.search_many(&other, &SearchParams::default()).unwrap_err();
        assert!(matches!(error, Error::Dimension { .. }), "{error}");
    }
}

#[test]
fn equal_vectors_are_all_found() {
    let one = Vectors::normalized(8, vec![1.0; 8]).unwrap();
    let (hnsw, ..) = both(Vectors::concat(8, std::iter::repeat_n(&one, 300)).unwrap());
    for k in [1, 10, 300, 1_000] {
        assert_eq!(neighbors(&hnsw, one.row(0), &at(k, 10)).len(), k.min(300));
    }
}

#[test]
fn empty_and_single_vector_indexes_are_searchable() {
    let query = [1.0, 0.0, 0.0];
    let (empty, ..) = both(Vectors::empty(3));
    assert!(empty.is_empty());
    assert!(empty.search(&query, &SearchParams::default()).unwrap().neighbors.is_empty());
    assert!(empty.verify().is_sound());
    let (single, ..) = both(Vectors::normalized(3, vec![1.0, 1.0, 0.0]).unwrap());
    let found = single.search(&query, &SearchParams::default()).unwrap().neighbors;
    assert_eq!((found.len(), found[0].row), (1, 0));
}

#[test]
fn k_over_the_number_of_vectors_returns_all() {
    let (hnsw, exact, vectors) = both(spread(6, 16, 200));
    for (k, ef) in [(200, 1), (201, 64), (usize::MAX, 64), (10, 0)] {
        let found = neighbors(&hnsw, vectors.row(0), &at(k, ef));
        assert_eq!(found.len(), k.min(200), "k {k} ef {ef}");
        if k >= 200 {
            assert_eq!(found, neighbors(&exact, vectors.row(0), &at(k, ef)));
        }
    }
}

#[test]
fn invalid_input_is_an_error() {
    let vectors = Arc::new(spread(7, 4, 50));
    for m in [0, 1, 256, 300, usize::MAX] {
        let built = HnswIndex::build(Arc::clone(&vectors), HnswParams { m, ef_construction: m });
        assert!(matches!(built, Err(Error::Setting { name: "m", .. })), "m {m}");
    }
    let short = HnswIndex::build(Arc::clone(&vectors), HnswParams { m: 8, ef_construction: 7 });
    assert!(matches!(short, Err(Error::Setting { name: "ef_construction", got: 7, .. })));

    let wide =
        HnswIndex::build(Arc::clone(&vectors), HnswParams { m: 8, ef_construction: usize::MAX });
    assert!(matches!(wide, Err(Error::Setting { name: "ef_construction", .. })));

    let hnsw = HnswIndex::build(Arc::clone(&vectors), PARAMS).unwrap();
    let exact = ExactIndex::new(vectors).unwrap();
    for index in [&hnsw as &dyn VectorIndex, &exact] {
        let search = |query: &[f32], k| index.search(query, &at(k, 10));
        assert!(matches!(search(&[1.0; 3], 1), Err(Error::Dimension { expected: 4, got: 3 })));
        assert!(matches!(search(&[0.0; 4], 1), Err(Error::InvalidVector { .. })));
        assert!(matches!(search(&[1.0, f32::NAN, 0.0, 0.0], 1), Err(Error::InvalidVector { .. })));
        assert!(matches!(search(&[1.0; 4], 0), Err(Error::Setting { name: "k", .. })));
    }
}

#[test]
fn the_smallest_and_the_largest_m_find_every_vector() {
    for m in [2, 255] {
        let vectors = Arc::new(spread(8, 16, 600));
        let params = HnswParams { m, ef_construction: 255 };
        let hnsw = HnswIndex::build(Arc::clone(&vectors), params).unwrap();
        assert_all_find_themselves(&hnsw, &vectors, 16);
    }
}

#[test]
fn graphs_of_few_vectors_are_sound() {
    for len in (0..70).chain([255, 256, 257, 300]) {
        let vectors = Arc::new(spread(8, 16, len));
        for m in [2, 24] {
            let params = HnswParams { m, ef_construction: 24 };
            let report = HnswIndex::build(Arc::clone(&vectors), params).unwrap().verify();
            assert!(report.is_sound(), "{len} vectors, m {m}: {report:?}");
        }
    }
}

/// A graph with so few links has unreachable points, which every search compares.
#[test]
fn every_ef_finds_every_vector() {
    let vectors = Arc::new(spread(8, 16, 3_000));
    let params = HnswParams { m: 2, ef_construction: 20 };
    let hnsw = HnswIndex::build(Arc::clone(&vectors), params).unwrap();
    assert!(hnsw.verify().is_sound());
    for ef in (16..32).chain([45, 64, 96, 200]) {
        for (row, vector) in vectors.rows().enumerate() {
            let first = neighbors(&hnsw, vector, &at(1, ef))[0];
            assert!(first.similarity > 1.0 - 1e-5, "ef {ef}: row {row} finds {first:?}");
        }
    }
}

#[test]
fn zeros_of_either_sign_are_equal() {
    let one = |row: u16| (0..8).map(move |bit| if row >> bit & 1 == 1 { -0.0 } else { 0.0 });
    let data = (0..200).flat_map(|row| std::iter::once(1.0).chain(one(row))).collect();
    let (hnsw, ..) = both(Vectors::normalized(9, data).unwrap());
    assert_eq!(hnsw.verify().points, 1);
}

#[test]
fn filtered_search_returns_k_allowed_rows() {
    let (hnsw, exact, vectors) = both(clustered(9, 32, 10, 300, 0.3));
    let rows = vectors.len() as u32;
    for every in [1, 2, 3, 10, 100, 1_000] {
        let mut allowed = RowSet::none(rows);
        (0..rows).step_by(every).for_each(|row| _ = allowed.insert(row));
        for query in vectors.rows().step_by(211) {
            let got =
                neighbors(&hnsw, query, &SearchParams { allowed: Some(&allowed), ..at(10, 64) });
            let want =
                neighbors(&exact, query, &SearchParams { allowed: Some(&allowed), ..at(10, 64) });
            assert_eq!(got.len(), want.len());
            assert!(got.iter().all(|neighbor| allowed.contains(neighbor.row)));
            let shared = got.iter().filter(|neighbor| want.contains(neighbor)).count();
            assert!(shared * 10 >= want.len() * 8, "{shared} of {} at 1/{every}", want.len());
        }
    }
}

#[test]
fn allowed_rows_far_from_the_query_are_found() {
    let (hnsw, exact, vectors) = both(clustered(10, 32, 5, 800, 0.2));
    let mut last = RowSet::none(vectors.len() as u32);
    (3_200..4_000).for_each(|row| _ = last.insert(row));
    let got =
        neighbors(&hnsw, vectors.row(0), &SearchParams { allowed: Some(&last), ..at(10, 64) });
    assert_eq!(
        got,
        neighbors(&exact, vectors.row(0), &SearchParams { allowed: Some(&last), ..at(10, 64) })
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// With `ef_search` over the number of vectors both indexes agree. Few dimensions make
    /// duplicates and ties common.
    #[test]
    fn a_wide_search_is_exact(
        data in prop::collection::vec(-2_i8..3, 2..240),
        query in prop::collection::vec(-3_i8..4, 3),
        k in 1_usize..100,
    ) {
        let rows = data.chunks_exact(3).filter(|row| row.iter().any(|x| *x != 0));
        let data: Vec<f32> = rows.flatten().map(|x| f32::from(*x)).collect();
        let query: Vec<f32> = query.into_iter().map(f32::from).collect();
        prop_assume!(query.iter().any(|x| *x != 0.0));
        let (hnsw, exact, _) = both(Vectors::normalized(3, data).unwrap());
        let got = neighbors(&hnsw, &query, &at(k, 1_000));
        prop_assert_eq!(got, neighbors(&exact, &query, &at(k, 1_000)));
    }
}
