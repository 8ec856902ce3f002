//! Files with right checksums and wrong content are refused: what the fuzzer has found.

use std::{fs, path::Path};

use passim::{Error, Result, Retriever};
use passim_testkit::{
    crafted_file::{CraftedFile, Kind, Section, seal},
    fixture_v1 as v1,
    segment_checksums::fix_checksums,
};
use tempfile::TempDir;

/// The index of version 1, its file `name` as `forge` has changed it.
fn forged(name: &str, forge: impl FnOnce(&mut Vec<u8>)) -> TempDir {
    forged_of(&v1::folder(), name, forge)
}

/// The index in `source`, its file `name` as `forge` has changed it.
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

/// Puts `record` in place of that of the manifest in `bytes`, as far as it goes.
fn put_record(bytes: &mut Vec<u8>, record: &[u8]) {
    let mut file = CraftedFile::of(bytes);
    let mut changed = file.section(1).to_vec();
    changed[..record.len()].copy_from_slice(record);
    file.replace(1, changed);
    *bytes = file.bytes(Kind::Manifest, 2).0;
}

#[test]
fn generations_and_file_numbers_can_be_counted_on() {
    let [most, two] = [u64::MAX, 2].map(u64::to_le_bytes);
    for counted in [[most, two], [two, most]] {
        let folder = forged("manifest.passim", |bytes| put_record(bytes, &counted.concat()));
        let refused = open(&folder).unwrap_err();
        assert!(matches!(refused, Error::Corrupt { .. }), "{refused}");
    }
    let counted = [two, (1_u64 << 62).to_le_bytes()].concat();
    let folder = forged("manifest.passim", |bytes| put_record(bytes, &counted));
    assert_eq!(open(&folder).unwrap().compact().unwrap(), 3);
}

/// Puts what `forge` makes of it in place of segment 1 of the index of version 1, and names it in
/// the manifest.
fn with_segment(forge: impl FnOnce(&mut CraftedFile)) -> TempDir {
    with_segment_of(&v1::folder(), forge)
}

/// The same of the index in `source`, which has the files of that of version 1.
fn with_segment_of(source: &Path, forge: impl FnOnce(&mut CraftedFile)) -> TempDir {
    let mut segment = CraftedFile::of(&fs::read(source.join("segment-1.passim")).unwrap());
    forge(&mut segment);
    fix_checksums(&mut segment);
    let (bytes, id) = segment.bytes(Kind::Segment, 1);
    let old = fs::read(source.join("segment-1.passim")).unwrap();
    let named = |bytes: &[u8]| [&bytes[16..32], &bytes[56..64]].concat();
    let folder = forged_of(source, "manifest.passim", |manifest| {
        let file = CraftedFile::of(manifest);
        let mut record = file.section(1).to_vec();
        let at = record.windows(24).position(|window| window == named(&old)).unwrap();
        record[at..at + 24].copy_from_slice(&id.map(u64::to_le_bytes).concat());
        put_record(manifest, &record);
    });
    fs::write(folder.path().join("segment-1.passim"), bytes).unwrap();
    folder
}

/// Puts `bytes` at `at` of section `tag`.
fn put(segment: &mut CraftedFile, tag: u32, at: usize, bytes: &[u8]) {
    let mut section = segment.section(tag).to_vec();
    section[at..at + bytes.len()].copy_from_slice(bytes);
    segment.replace(tag, section);
}

#[test]
fn verify_finds_vectors_that_are_not_of_length_1() {
    assert!(open(&with_segment(|_| ())).unwrap().verify().is_ok(), "only what is forged is wrong");
    for value in [f32::NAN, f32::INFINITY, 2.0] {
        let folder = with_segment(|segment| put(segment, 50, 32, &value.to_le_bytes()));
        let refused = open(&folder).unwrap().verify().unwrap_err();
        assert!(matches!(&refused, Error::Corrupt { check, .. } if check.contains("length 1")));
    }
}

#[test]
fn sections_of_other_tags_are_left_alone() {
    let folder = with_segment(|segment| {
        segment.sections.push(Section { tag: 999, bytes: b"of a later version".into() });
    });
    let retriever = open(&folder).unwrap();
    assert!(retriever.verify().unwrap().is_sound());
    assert_eq!(retriever.search("Was speichert ein Moor?").unwrap().len(), 10);
}

mod words {
    use passim::{Mode, Query};

    use super::*;

    const LEXICAL: u32 = 110;

    fn by_words(retriever: &Retriever) -> Result<Vec<(String, u32)>> {
        let query = Query::new("Was speichert ein Moor im Sommer?").mode(Mode::Lexical);
        let hits = retriever.search(query)?;
        Ok(hits.iter().map(|hit| (hit.article.clone(), hit.score.to_bits())).collect())
    }

    fn without_words(segment: &mut CraftedFile) {
        segment.sections.retain(|section| section.tag != LEXICAL);
    }

    fn of_an_older_layout(segment: &mut CraftedFile) {
        put(segment, LEXICAL, 0, &2_u32.to_le_bytes());
    }

    fn of_another_analysis(segment: &mut CraftedFile) {
        put(segment, LEXICAL, 8, &1_u64.to_le_bytes());
    }

    /// The index of version 1, written with the present words.
    fn current() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        v1::write(folder.path());
        folder
    }

    /// Files of earlier rules have no words, or other ones.
    #[test]
    fn a_segment_without_current_words_gets_them_from_its_texts() {
        let untouched = by_words(&v1::builder().open(v1::folder()).unwrap()).unwrap();
        assert!(untouched.len() > 3);
        let current = current();
        let written = CraftedFile::of(&fs::read(current.path().join("segment-1.passim")).unwrap());
        let [version, analysis] =
            [0..4, 8..16].map(|range| written.section(LEXICAL)[range].to_vec());
        for forge in [without_words, of_an_older_layout, of_another_analysis] {
            let folder = with_segment_of(current.path(), forge);
            let mut retriever = open(&folder).unwrap();
            assert_eq!(by_words(&retriever).unwrap(), untouched);
            assert!(retriever.verify().unwrap().is_sound());
            // A commit writes them, though nothing was changed.
            let generation = retriever.commit().unwrap();
            assert_eq!(by_words(&retriever).unwrap(), untouched);
            drop(retriever);
            let mut retriever = open(&folder).unwrap();
            assert_eq!(by_words(&retriever).unwrap(), untouched);
            assert_eq!(retriever.commit().unwrap(), generation, "there is nothing left to write");
            let segment = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
            let mut segments = segment.filter(|path| path.to_str().unwrap().contains("segment-"));
            let is_current = |path| {
                let bytes = fs::read(path).unwrap();
                let words = CraftedFile::of(&bytes).section(LEXICAL).to_vec();
                // Version, and after the number of passages the analysis.
                (&words[..4], &words[8..16]) == (&version, &analysis)
            };
            assert!(segments.all(is_current));
        }
    }

    /// An article that is damaged ends searches by words that would have to read it, until it is
    /// removed.
    #[test]
    fn a_damaged_article_has_no_words() {
        for key in ["glas.md", "moor.md"] {
            let folder = with_segment(without_words);
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
                let refused = by_words(&retriever).unwrap_err();
                assert!(refused.to_string().contains(key), "{refused}");
                retriever.remove(key).unwrap();
            }
            let left = by_words(&retriever).unwrap();
            assert!(!left.is_empty());
            retriever.compact().unwrap();
            assert_eq!(by_words(&retriever).unwrap(), left);
            assert!(retriever.verify().unwrap().is_sound());
        }
    }

    /// Texts say what words there are: what is damaged or made up is told, and made anew.
    #[test]
    fn damaged_words_are_an_error_until_they_are_made_anew() {
        let untouched = by_words(&v1::builder().open(v1::folder()).unwrap()).unwrap();
        let short = |segment: &mut CraftedFile| {
            let section = segment.section(LEXICAL);
            segment.replace(LEXICAL, section[..section.len() - 9].to_vec());
        };
        let current = current();
        let folder = with_segment_of(current.path(), short);
        let mut retriever = open(&folder).unwrap();
        let refused = by_words(&retriever).unwrap_err();
        assert!(matches!(refused, Error::Corrupt { .. }), "{refused}");
        assert!(retriever.verify().is_err());
        retriever.compact().unwrap();
        assert_eq!(by_words(&retriever).unwrap(), untouched);
        assert!(retriever.verify().unwrap().is_sound());

        // The language of the first passage.
        let made_up = |segment: &mut CraftedFile| {
            let language = segment.section(LEXICAL)[51] ^ 0xc0;
            put(segment, LEXICAL, 51, &[language]);
        };
        let folder = with_segment_of(current.path(), made_up);
        let refused = open(&folder).unwrap().verify().unwrap_err();
        assert!(refused.to_string().contains("differs from the texts"), "{refused}");
    }
}
