//! Indexes written, read back, and damaged.

use std::{fs, sync::LazyLock};

use proptest::{prelude::*, sample::Index};
use tempfile::TempDir;
use xxhash_rust::xxh3::xxh3_64;

use super::*;
use crate::{
    Cancel, Error, GraphReport, HnswParams, IndexChoice, Route, RowSet, SearchEffort,
    format::{
        column::MappedFile,
        sections::{Kind, header, padding},
    },
    vector::to_row,
    work::WorkMonitor,
};

/// Two blocks of codes, which have coarse codes.
const DIM: usize = 70;

/// `len` vectors with noise of the amplitude `apart`, each repeated `copies` times.
fn vectors(len: usize, apart: f32, copies: usize) -> Vectors {
    let noise = |at: usize| f32::from(xxh3_64(&at.to_le_bytes()).to_le_bytes()[0]) / 256.0 - 0.5;
    let value = |at: usize| noise(at % DIM) + apart * noise(DIM + at);
    let rows = (0..len).map(|row| row - row % copies);
    let values = rows.flat_map(|row| (0..DIM).map(move |at| value(row * DIM + at)));
    Vectors::normalized(DIM, values.collect()).unwrap()
}

struct Case {
    vectors: Arc<Vectors>,
    index: SegmentIndex,
}

/// So few links that a search with `ef` 96 among 600 vectors uses the graph.
const PARAMS: HnswParams = HnswParams { m: 4, ef_construction: 12 };

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let graph = IndexChoice::Hnsw(PARAMS);
    let of_equal_codes = [&vectors(40, 1e-7, 1), &vectors(560, 1.0, 1)];
    let cases = [
        (vectors(600, 1.0, 1), IndexChoice::Exact),
        (vectors(600, 1.0, 1), graph),
        (vectors(600, 1.0, 3), graph),
        (vectors(600, 1e-3, 1), graph),
        (vectors(600, 1e-4, 1), graph),
        (vectors(1, 1.0, 1), IndexChoice::Exact),
        (vectors(1, 1.0, 1), graph),
        (Vectors::empty(DIM), IndexChoice::Exact),
        (Vectors::empty(DIM), graph),
        (Vectors::concat(DIM, of_equal_codes).unwrap(), graph),
        (vectors(600, 0.1, 1), graph),
    ];
    let case = |(vectors, choice): (Vectors, IndexChoice)| {
        let vectors = Arc::new(vectors);
        Case {
            index: choice
                .build(Arc::clone(&vectors), WorkMonitor::new(&Cancel::new(), None))
                .unwrap(),
            vectors,
        }
    };
    cases.into_iter().map(case).collect()
});

type OwnedPart = (Tag, Vec<u8>);

impl Case {
    fn parts(&self) -> Vec<OwnedPart> {
        let sums = self.vectors.sums();
        let values = bytemuck::cast_slice(self.vectors.as_slice());
        let vectors =
            [Section::new(Tag::Vectors, values), Section::new(Tag::VectorSums, sums.as_bytes())];
        let parts = self.index.sections().into_iter().chain(vectors);
        parts.map(|part| (part.tag, part.bytes.to_vec())).collect()
    }

    fn queries(&self) -> impl Iterator<Item = Vec<f32>> {
        let rows = (0..self.vectors.len()).step_by(97).map(|row| self.vectors.row(row).to_vec());
        rows.chain([vec![0.3; DIM]])
    }
}

fn file(parts: &[OwnedPart]) -> Vec<u8> {
    let parts: Vec<Section> = parts.iter().map(|(tag, bytes)| Section::new(*tag, bytes)).collect();
    let (mut file, _) = header(Kind::Segment, 7, &parts);
    for Section { bytes, .. } in parts {
        file.extend(padding(file.len()));
        file.extend(bytes);
    }
    file
}

/// An opened index and its temporary file.
struct Opened {
    index: SegmentIndex,
    sections: Sections,
    _folder: TempDir,
}

fn opened(file: &[u8], record: &IndexRecord) -> Result<Opened, DecodeError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    fs::write(&path, file).unwrap();
    let sections = Sections::open(MappedFile::open(&path).unwrap(), Kind::Segment)?;
    let values = sections.column(Tag::Vectors)?;
    let sums = sections.column(Tag::VectorSums)?;
    let vectors = Vectors::in_file(DIM, values, sums).ok_or(DecodeError::Corrupt("vectors"))?;
    let index = SegmentIndex::open(record, &sections, Arc::new(vectors))?;
    index.check(&sections)?;
    Ok(Opened { index, sections, _folder: folder })
}

/// Results of all `queries`, by graph and by scan, with all rows allowed and with some.
fn answers(
    index: &SegmentIndex,
    queries: impl Iterator<Item = Vec<f32>>,
) -> Vec<Result<Neighbors>> {
    let rows = to_row(index.len());
    let mut most = RowSet::all(rows);
    (0..rows).step_by(7).for_each(|row| _ = most.remove(row));
    let mut answers = Vec::new();
    for query in queries {
        for effort in [SearchEffort::Ef(16), SearchEffort::Ef(96), SearchEffort::Exact] {
            for allowed in [None, Some(&most)] {
                let params = SearchParams { k: 10, effort, allowed, ..SearchParams::default() };
                answers.push(index.search(&query, &params));
            }
        }
    }
    answers
}

fn is_damage(error: &Error) -> bool {
    matches!(error, Error::Corrupt { .. })
}

#[test]
fn cases_cover_all_precisions_and_both_routes() {
    let reports = CASES.iter().filter_map(|case| case.index.graph()).map(HnswIndex::verify);
    let reports: Vec<_> = reports.collect();
    let seen = reports.iter().map(|one| (one.vectors, one.points, one.bits_per_value));
    let want = [
        (600, 600, 4),
        (600, 200, 4),
        (600, 600, 32),
        (600, 600, 32),
        (1, 1, 4),
        (0, 0, 8),
        (600, 561, 4),
        (600, 600, 8),
    ];
    assert!(seen.eq(want), "{reports:?}");
    assert!(reports.iter().all(GraphReport::is_sound), "{reports:?}");
    assert!(reports[1].always_compared == 0 && reports[3].always_compared > 0, "{reports:?}");
    let answers = answers(&CASES[1].index, CASES[1].queries());
    let ways = answers.iter().map(|answer| answer.as_ref().unwrap().plan.route);
    let want = [16, 16, 96].map(|ef_search| Route::Graph { ef_search });
    assert!(ways.take(3).eq(want), "{answers:?}");
}

#[test]
fn stored_indexes_equal_the_built_ones() {
    for case in &*CASES {
        let opened = opened(&file(&case.parts()), &case.index.record()).unwrap();
        let stored = answers(&opened.index, case.queries()).into_iter().map(Result::unwrap);
        let built = answers(&case.index, case.queries()).into_iter().map(Result::unwrap);
        assert!(stored.eq(built));
        let verify = |index: &SegmentIndex| index.graph().map(HnswIndex::verify);
        assert_eq!(verify(&opened.index), verify(&case.index));
        let written: Vec<_> = case.index.sections();
        assert_eq!(opened.index.sections(), written);
        assert_eq!(opened.index.record(), case.index.record());
        opened.sections.check_all().unwrap();
    }
}

#[test]
fn a_missing_section_is_refused() {
    for case in &*CASES {
        for missing in 0..case.parts().len() {
            let mut parts = case.parts();
            let (tag, bytes) = parts.remove(missing);
            // Files of earlier versions lack the first section. The others may be missing together.
            let optional = [Tag::DistinctRows, Tag::CoarseCodes, Tag::CoarseCodeNorms];
            if tag == optional[0] || bytes.is_empty() && optional.contains(&tag) {
                continue;
            }
            assert!(opened(&file(&parts), &case.index.record()).is_err());
        }
    }
}

/// Files of earlier versions have no coarse codes: their searches compare eight bits.
#[test]
fn a_file_without_coarse_codes_is_searched_by_codes() {
    let case = &CASES[1];
    let coarse = [Tag::CoarseCodes, Tag::CoarseCodeNorms];
    for missing in coarse {
        let mut parts = case.parts();
        parts.retain(|(tag, _)| *tag != missing);
        assert!(opened(&file(&parts), &case.index.record()).is_err(), "without {missing:?}");
    }
    let mut parts = case.parts();
    parts.retain(|(tag, _)| !coarse.contains(tag));
    let opened = opened(&file(&parts), &case.index.record()).unwrap();
    assert_eq!(opened.index.graph().unwrap().verify().bits_per_value, 8);
    for answer in answers(&opened.index, case.queries()) {
        assert_eq!(answer.unwrap().neighbors.len(), 10);
    }
}

#[test]
fn truncated_sections_are_refused_or_searchable() {
    for case in &*CASES {
        for part in 0..case.parts().len() {
            for cut in [1, 2, 4, 8, 64, 80] {
                let mut parts = case.parts();
                let (tag, bytes) = &mut parts[part];
                bytes.truncate(bytes.len().saturating_sub(cut));
                let tag = *tag;
                let len = bytes.len();
                let Ok(opened) = opened(&file(&parts), &case.index.record()) else { continue };
                // The numbers of these follow from no other section.
                let is_of_any_length = matches!(tag, Tag::AlwaysCompared | Tag::DistinctRows);
                assert!(is_of_any_length || len == case.parts()[part].1.len(), "{tag:?} -{cut}");
                let answers = answers(&opened.index, case.queries());
                assert!(answers.iter().all(Result::is_ok), "{answers:?}");
            }
        }
    }
}

#[test]
fn impossible_graph_shapes_are_refused() {
    let case = &CASES[1];
    let mut parts = case.parts();
    let IndexRecord::Graph(record) = case.index.record() else { panic!("a graph") };
    let refused = |parts: &[OwnedPart], record: GraphRecord| {
        opened(&file(parts), &IndexRecord::Graph(record)).err().unwrap()
    };
    for m in [0, 1, 256, u32::MAX] {
        let DecodeError::Corrupt(fault) = refused(&parts, GraphRecord { m, ..record.clone() })
        else {
            panic!("no version is at fault");
        };
        assert!(fault.contains("`m`"), "{fault}");
    }
    let mut layers = record.layers.clone();
    layers.push(LayerRecord { points: 0, max_degree: 3 });
    let refusal = refused(&parts, GraphRecord { layers, ..record.clone() });
    assert_eq!(refusal, DecodeError::Corrupt("a layer has no point"));
    let layers = vec![LayerRecord { points: u32::MAX, max_degree: u32::MAX }; 2];
    let refusal = refused(&parts, GraphRecord { layers, ..record.clone() });
    assert_eq!(refusal, DecodeError::Corrupt("the recorded sizes of the layers overflow"));

    for (tag, bytes) in &mut parts {
        let point = match tag {
            Tag::Links => 4 * record.max_degree as usize,
            Tag::LinkCounts => 2,
            _ => 0,
        };
        bytes.truncate(bytes.len() - point);
    }
    assert_eq!(
        refused(&parts, record),
        DecodeError::Corrupt("the graph has links for another number of points")
    );
}

proptest! {
    #[test]
    fn changed_sections_are_refused_or_searchable(
        case in any::<Index>(),
        changes in prop::collection::vec((any::<Index>(), any::<Index>(), any::<u8>()), 1..4),
    ) {
        let case = case.get(&CASES);
        let mut parts = case.parts();
        for (part, at, value) in changes {
            let part = part.index(parts.len());
            if !parts[part].1.is_empty() {
                *at.get_mut(&mut parts[part].1) = value;
            }
        }
        if let Ok(opened) = opened(&file(&parts), &case.index.record()) {
            for answer in answers(&opened.index, case.queries()) {
                prop_assert!(answer.as_ref().err().is_none_or(is_damage), "{answer:?}");
            }
            _ = opened.index.graph().map(HnswIndex::verify);
        }
    }

    #[test]
    fn changed_records_are_refused_or_searchable(
        case in any::<Index>(),
        (m, max_degree, quantized) in (0_u32..300, prop_oneof![0_u32..20, any::<u32>()], any::<bool>()),
        layers in prop::collection::vec((prop_oneof![0_u32..700, any::<u32>()], any::<u32>()), 0..3),
        changed in 0_usize..5,
    ) {
        let case = case.get(&CASES);
        let record = match (case.index.record(), changed) {
            (IndexRecord::Graph(_), 0) => IndexRecord::Exact,
            (IndexRecord::Graph(old), 1) => IndexRecord::Graph(GraphRecord { m, ..old }),
            (IndexRecord::Graph(old), 2) => IndexRecord::Graph(GraphRecord { max_degree, ..old }),
            (IndexRecord::Graph(old), 3) => IndexRecord::Graph(GraphRecord { quantized, ..old }),
            (old, _) => {
                let layers = layers.into_iter().map(|(points, max_degree)| LayerRecord { points, max_degree });
                let layers = layers.collect();
                match old {
                    IndexRecord::Graph(old) => IndexRecord::Graph(GraphRecord { layers, ..old }),
                    IndexRecord::Exact => {
                        let ef_construction = 200;
                        let record = GraphRecord { m, ef_construction, quantized, max_degree, layers };
                        IndexRecord::Graph(record)
                    }
                }
            }
        };
        if let Ok(opened) = opened(&file(&case.parts()), &record) {
            let answers = answers(&opened.index, case.queries());
            assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        }
    }

    /// A flipped bit is refused, or it is in a vector: then a search that needs the vector fails with
    /// an error that names the file, and every other search is right.
    #[test]
    fn every_flipped_bit_is_detected(case in any::<Index>(), at in any::<Index>(), bit in 0..8) {
        let case = case.get(&CASES);
        let parts = case.parts();
        let sound = file(&parts);
        let mut flipped = sound.clone();
        *at.get_mut(&mut flipped) ^= 1_u8 << bit;
        let Ok(opened) = opened(&flipped, &case.index.record()) else { return Ok(()) };
        let place = opened.sections.byte_range(Tag::Vectors).unwrap();
        let in_vectors = place.contains(&at.index(sound.len()));
        let is_padding = opened.sections.check_all() == Err(DecodeError::Corrupt("the bytes between two sections are not zero"));
        prop_assert!(in_vectors || is_padding);
        prop_assert!(!in_vectors || case.index.graph().is_none_or(|graph| graph.precision != Precision::Full));
        let right = answers(&case.index, case.queries());
        for (got, right) in answers(&opened.index, case.queries()).into_iter().zip(right) {
            match got {
                Ok(found) => prop_assert_eq!(found, right.unwrap()),
                Err(error) => prop_assert!(is_damage(&error) && error.to_string().contains("index is damaged"), "{error}"),
            }
        }
    }
}
