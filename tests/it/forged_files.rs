//! Files with valid checksums and invalid content are refused; the fuzzer found these cases.

use std::{fs, path::Path};

use passim::{Error, Result, Retriever};
use passim_testkit::{
    crafted_file::{CraftedFile, FileId, Kind, Section, file_id, seal},
    fixture_v1 as v1,
    format_reader::Folder,
    segment_checksums::fix_checksums,
};
use tempfile::TempDir;

/// The index of version 1 with its file `name` changed by `forge`.
fn forged(name: &str, forge: impl FnOnce(&mut Vec<u8>)) -> TempDir {
    forged_of(&v1::folder(), name, forge)
}

/// The index in `source` with its file `name` changed by `forge`.
fn forged_of(source: &Path, name: &str, forge: impl FnOnce(&mut Vec<u8>)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let path = folder.path().join(name);
    let mut bytes = fs::read(&path).unwrap();
    forge(&mut bytes);
    seal(&mut bytes);
    fs::write(path, bytes).unwrap();
    folder
}

fn open(folder: &TempDir) -> Result<Retriever> {
    v1::builder().open(folder.path())
}

/// Overwrites the start of the record of the manifest `bytes` with `record`.
fn put_record(bytes: &mut Vec<u8>, record: &[u8]) {
    let mut file = CraftedFile::of(bytes);
    let mut changed = file.section(1).to_vec();
    changed[..record.len()].copy_from_slice(record);
    file.replace(1, changed);
    *bytes = file.bytes(Kind::Manifest, 2).0;
}

#[test]
fn generations_and_file_numbers_out_of_range_are_errors() {
    let [max, two] = [u64::MAX, 2].map(u64::to_le_bytes);
    for counted in [[max, two], [two, max]] {
        let folder = forged("manifest.passim", |bytes| put_record(bytes, &counted.concat()));
        let refused = open(&folder).unwrap_err();
        assert!(matches!(refused, Error::Corrupt { .. }), "{refused}");
    }
    let counted = [two, (1_u64 << 62).to_le_bytes()].concat();
    let folder = forged("manifest.passim", |bytes| put_record(bytes, &counted));
    assert_eq!(open(&folder).unwrap().compact().unwrap(), 3);
}

/// The index of version 1 with its segment 1 changed by `forge`, and a manifest that names it.
fn with_segment(forge: impl FnOnce(&mut CraftedFile)) -> TempDir {
    with_segment_of(&v1::folder(), forge)
}

/// Like [`with_segment`], of the index in `source`, which has the files of version 1.
fn with_segment_of(source: &Path, forge: impl FnOnce(&mut CraftedFile)) -> TempDir {
    let mut segment = CraftedFile::of(&fs::read(source.join("segment-1.passim")).unwrap());
    forge(&mut segment);
    fix_checksums(&mut segment);
    let (bytes, id) = segment.bytes(Kind::Segment, 1);
    let old = fs::read(source.join("segment-1.passim")).unwrap();
    let in_record = |id: FileId| id.map(u64::to_le_bytes).concat();
    let folder = forged_of(source, "manifest.passim", |manifest| {
        let file = CraftedFile::of(manifest);
        let mut record = file.section(1).to_vec();
        let at = record.windows(24).position(|window| window == in_record(file_id(&old))).unwrap();
        record[at..at + 24].copy_from_slice(&in_record(id));
        put_record(manifest, &record);
    });
    fs::write(folder.path().join("segment-1.passim"), bytes).unwrap();
    folder
}

/// Overwrites section `tag` with `bytes` at the offset `at`.
fn put(segment: &mut CraftedFile, tag: u32, at: usize, bytes: &[u8]) {
    let mut section = segment.section(tag).to_vec();
    section[at..at + bytes.len()].copy_from_slice(bytes);
    segment.replace(tag, section);
}

#[test]
fn verify_finds_vectors_whose_length_is_not_1() {
    assert!(
        open(&with_segment(|_| ())).unwrap().verify().is_ok(),
        "a segment that is only rewritten is valid"
    );
    for value in [f32::NAN, f32::INFINITY, 2.0] {
        let folder = with_segment(|segment| put(segment, 50, 32, &value.to_le_bytes()));
        let refused = open(&folder).unwrap().verify().unwrap_err();
        assert!(matches!(&refused, Error::Corrupt { fault, .. } if fault.contains("length 1")));
    }
}

#[test]
fn unknown_sections_are_ignored() {
    let folder = with_segment(|segment| {
        segment.sections.push(Section { tag: 999, bytes: b"of a later version".into() });
    });
    let retriever = open(&folder).unwrap();
    assert!(retriever.verify().unwrap().is_sound());
    assert_eq!(retriever.search("Was speichert ein Moor?").unwrap().len(), 10);
}

/// Pieces and totals are made anew from texts and vectors, and answers are the same.
#[test]
fn missing_pieces_and_totals_are_made_anew() {
    let current = tempfile::tempdir().unwrap();
    v1::write(current.path());
    let hits = |retriever: &Retriever| {
        let hits = retriever.search("Was speichert ein Moor im Sommer?").unwrap();
        hits.iter().map(|hit| (hit.article.clone(), hit.score.to_bits())).collect::<Vec<_>>()
    };
    let untouched = hits(&v1::builder().open(current.path()).unwrap());
    for missing in [&[52][..], &[123], &[52, 120, 121, 122, 123]] {
        let folder = with_segment_of(current.path(), |segment| {
            segment.sections.retain(|section| !missing.contains(&section.tag));
        });
        let mut retriever = open(&folder).unwrap();
        assert_eq!(hits(&retriever), untouched, "without {missing:?}");
        assert!(retriever.verify().unwrap().is_sound());
        retriever.commit().unwrap();
        retriever.wait_for_merges().unwrap();
        assert_eq!(hits(&retriever), untouched, "without {missing:?}");
        let lacks_pieces = missing.contains(&123);
        let segments = Folder::read(folder.path()).segments;
        assert!(!lacks_pieces || segments.iter().all(|segment| segment.pieces.is_some()));
    }
}

/// A list of pieces or totals that contradict the file are damage.
#[test]
fn forged_pieces_and_totals_are_refused() {
    let current = tempfile::tempdir().unwrap();
    v1::write(current.path());
    let question = "Was speichert ein Moor im Sommer?";
    for (tag, at, bytes) in [(52, 0, [9; 8]), (52, 24, [127; 8]), (120, 0, [255; 8])] {
        let folder = with_segment_of(current.path(), |segment| put(segment, tag, at, &bytes));
        let refused = open(&folder).unwrap().search(question).unwrap_err();
        assert!(matches!(refused, Error::Corrupt { .. }), "{tag}: {refused}");
    }
}

mod lexical_index {
    use passim::{Mode, Query};

    use super::*;

    const LEXICAL: u32 = 110;

    fn lexical_hits(retriever: &Retriever) -> Result<Vec<(String, u32)>> {
        let query = Query::new("Was speichert ein Moor im Sommer?").mode(Mode::Lexical);
        let hits = retriever.search(query)?;
        Ok(hits.iter().map(|hit| (hit.article.clone(), hit.score.to_bits())).collect())
    }

    fn without_lexical_index(segment: &mut CraftedFile) {
        segment.sections.retain(|section| section.tag != LEXICAL);
    }

    fn of_an_older_layout(segment: &mut CraftedFile) {
        put(segment, LEXICAL, 0, &2_u32.to_le_bytes());
    }

    fn of_another_analysis(segment: &mut CraftedFile) {
        put(segment, LEXICAL, 8, &1_u64.to_le_bytes());
    }

    /// The index of version 1, written by the present program.
    fn current() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        v1::write(folder.path());
        folder
    }

    #[test]
    fn an_outdated_lexical_index_is_rebuilt_from_the_texts() {
        let current = current();
        let untouched = lexical_hits(&v1::builder().open(current.path()).unwrap()).unwrap();
        assert!(untouched.len() > 3);
        let written = CraftedFile::of(&fs::read(current.path().join("segment-1.passim")).unwrap());
        let [version, analysis] =
            [0..4, 8..16].map(|range| written.section(LEXICAL)[range].to_vec());
        for forge in [without_lexical_index, of_an_older_layout, of_another_analysis] {
            let folder = with_segment_of(current.path(), forge);
            let mut retriever = open(&folder).unwrap();
            assert_eq!(lexical_hits(&retriever).unwrap(), untouched);
            assert!(retriever.verify().unwrap().is_sound());
            // A commit without changes starts a merge, which writes the new lexical index.
            let generation = retriever.commit().unwrap();
            retriever.wait_for_merges().unwrap();
            assert_eq!(lexical_hits(&retriever).unwrap(), untouched);
            drop(retriever);
            let mut retriever = open(&folder).unwrap();
            assert_eq!(lexical_hits(&retriever).unwrap(), untouched);
            assert_eq!(retriever.commit().unwrap(), generation, "nothing is left to write");
            let files = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
            let mut segments = files.filter(|path| path.to_str().unwrap().contains("segment-"));
            let is_current = |path| {
                let bytes = fs::read(path).unwrap();
                let lexical = CraftedFile::of(&bytes).section(LEXICAL).to_vec();
                // The version, and the fingerprint of the analysis.
                (&lexical[..4], &lexical[8..16]) == (&version, &analysis)
            };
            assert!(segments.all(is_current));
        }
    }

    /// Without a lexical index the texts are read; one damaged live article fails the search.
    #[test]
    fn a_damaged_article_fails_lexical_search_until_removed() {
        for key in ["glas.md", "moor.md"] {
            let folder = with_segment(without_lexical_index);
            let path = folder.path().join("segment-1.passim");
            let mut bytes = fs::read(&path).unwrap();
            let articles = v1::articles();
            let article = articles.iter().find(|article| article.key == key).unwrap();
            let text = article.text.as_bytes();
            let at = bytes.windows(text.len()).position(|window| window == text).unwrap();
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            let mut retriever = open(&folder).unwrap();
            if !v1::REMOVED.contains(&key) {
                let refused = lexical_hits(&retriever).unwrap_err();
                assert!(refused.to_string().contains(key), "{refused}");
                retriever.remove(key).unwrap();
            }
            let left = lexical_hits(&retriever).unwrap();
            assert!(!left.is_empty());
            retriever.compact().unwrap();
            assert_eq!(lexical_hits(&retriever).unwrap(), left);
            assert!(retriever.verify().unwrap().is_sound());
        }
    }

    /// The texts decide: `verify` finds a lexical index that differs from them.
    #[test]
    fn a_damaged_lexical_index_is_an_error_until_rebuilt() {
        let current = current();
        let untouched = lexical_hits(&v1::builder().open(current.path()).unwrap()).unwrap();
        let short = |segment: &mut CraftedFile| {
            let section = segment.section(LEXICAL);
            segment.replace(LEXICAL, section[..section.len() - 9].to_vec());
        };
        let folder = with_segment_of(current.path(), short);
        let mut retriever = open(&folder).unwrap();
        let refused = lexical_hits(&retriever).unwrap_err();
        assert!(matches!(refused, Error::Corrupt { .. }), "{refused}");
        assert!(retriever.verify().is_err());
        retriever.compact().unwrap();
        assert_eq!(lexical_hits(&retriever).unwrap(), untouched);
        assert!(retriever.verify().unwrap().is_sound());

        // The language of the first passage.
        let other_language = |segment: &mut CraftedFile| {
            let language = segment.section(LEXICAL)[51] ^ 0xc0;
            put(segment, LEXICAL, 51, &[language]);
        };
        let folder = with_segment_of(current.path(), other_language);
        let refused = open(&folder).unwrap().verify().unwrap_err();
        assert!(refused.to_string().contains("differs from the texts"), "{refused}");
    }
}
