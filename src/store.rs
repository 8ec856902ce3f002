//! One corpus in one file: how it is laid out, written and checked.
//!
//! The layout is specified in `docs/FORMAT.md`. Whatever the bytes are, reading them gives
//! a corpus or an error.

mod codec;
mod record;

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use tempfile::NamedTempFile;
use xxhash_rust::xxh3::Xxh3Default;

use crate::{
    Error, ModelIdentity, Result, Vectors,
    refusal::{Refusal, require, require_version, u32_at, u64_at},
    segment::Chunked,
    store::record::ArticleRecord,
};

/// Not text, not UTF-8, and broken by newline conversion.
const MAGIC: [u8; 8] = *b"\x89PSC\r\n\x1a\n";
const OLDEST: u32 = 1;
const NEWEST: u32 = 1;

// Each offset is the end of the field before it.
const VERSION_AT: usize = MAGIC.len();
const DIM_AT: usize = VERSION_AT + size_of::<u32>();
const RECORDS_AT: usize = DIM_AT + size_of::<u32>();
const VECTORS_AT: usize = RECORDS_AT + size_of::<u64>();
const CHECKSUM_AT: usize = VECTORS_AT + size_of::<u64>();
const HEADER_LEN: usize = CHECKSUM_AT + size_of::<u64>();

/// Writes a corpus to `path`, replacing what is there in one step.
pub(crate) fn save(
    path: &Path,
    identity: &ModelIdentity,
    articles: &[Chunked],
    vectors: &Vectors,
) -> Result<()> {
    let parts = encode(identity, articles, vectors)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let beside = written_beside(folder, &parts).map_err(Error::write(path))?;
    // Until here the file is removed when it is dropped.
    beside.persist(path).map_err(|error| Error::write(path)(error.error))?;
    sync_folder(folder)
}

/// A file in `folder` that holds `parts`, synced, under a name that nobody else has.
fn written_beside(folder: &Path, parts: &[Vec<u8>]) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What any new file gets, less the process's own mask.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.prefix(".passim-").suffix(".new").tempfile_in(folder)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Makes the renaming itself durable; folders can be synced on Unix alone.
fn sync_folder(folder: &Path) -> Result<()> {
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::write(folder))?;
    }
    Ok(())
}

/// Reads the corpus at `path`, which must be embedded with the model `identity`.
pub(crate) fn load(
    path: &Path,
    identity: &ModelIdentity,
    dim: usize,
) -> Result<(Vec<Chunked>, Vectors)> {
    let bytes = fs::read(path).map_err(Error::read(path))?;
    let saved = decode(&bytes).map_err(|refusal| refusal.about(path.display()))?;
    if saved.identity != *identity {
        let (index, given) = (Box::new(saved.identity), Box::new(identity.clone()));
        return Err(Error::ModelMismatch { index, given });
    }
    if saved.vectors.dim() != dim {
        return Err(Error::Dimension { expected: saved.vectors.dim(), got: dim });
    }
    Ok((saved.articles, saved.vectors))
}

/// A corpus as it is in a file.
#[derive(Debug)]
struct Saved {
    identity: ModelIdentity,
    articles: Vec<Chunked>,
    vectors: Vectors,
}

/// Header and payload of a file.
fn encode(
    identity: &ModelIdentity,
    articles: &[Chunked],
    vectors: &Vectors,
) -> Result<[Vec<u8>; 2]> {
    let mut records = codec::encode(identity)?;
    for article in articles {
        records.extend(codec::encode(&ArticleRecord::from(article))?);
    }
    let values = vectors.as_slice();
    let mut header = Vec::with_capacity(HEADER_LEN);
    header.extend(MAGIC);
    header.extend(NEWEST.to_le_bytes());
    header.extend(dim_field(vectors)?.to_le_bytes());
    header.extend(length_field(records.len()));
    header.extend(length_field(size_of_val(values)));
    let mut payload = records;
    payload.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    header.extend(checksum(&header, &payload).to_le_bytes());
    Ok([header, payload])
}

/// The checksum of a file: of its header up to the checksum, and of what follows the header.
fn checksum(header: &[u8], payload: &[u8]) -> u64 {
    let mut hasher = Xxh3Default::new();
    hasher.update(header);
    hasher.update(payload);
    hasher.digest()
}

fn dim_field(vectors: &Vectors) -> Result<u32> {
    let (what, got, limit) = ("values in one vector", vectors.dim(), u32::MAX as usize);
    u32::try_from(got).map_err(|_| Error::TooLarge { what, got, limit })
}

fn length_field(len: usize) -> [u8; 8] {
    (len as u64).to_le_bytes()
}

/// Magic, version, lengths, checksum, and only then what they are about.
fn decode(bytes: &[u8]) -> Result<Saved, Refusal> {
    let header = bytes.get(..HEADER_LEN).ok_or(Refusal::Corrupt("shorter than its header"))?;
    require(header.starts_with(&MAGIC), "it does not begin as a passim corpus does")?;
    require_version(u32_at(header, VERSION_AT), OLDEST..=NEWEST)?;
    let payload = &bytes[HEADER_LEN..];
    let (records, values) = sections(header, payload)?;
    let sum = checksum(&header[..CHECKSUM_AT], payload);
    require(sum == u64_at(header, CHECKSUM_AT), "the checksum does not match")?;
    let vectors = decode_vectors(u32_at(header, DIM_AT) as usize, values)?;
    let (identity, articles) = decode_records(records)?;
    let passages: usize = articles.iter().map(|article| article.passages.len()).sum();
    require(passages == vectors.len(), "it has another number of passages than of vectors")?;
    Ok(Saved { identity, articles, vectors })
}

/// The sections of `payload`, if they are as long together as the header says.
fn sections<'a>(header: &[u8], payload: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), Refusal> {
    let length = |at| usize::try_from(u64_at(header, at)).ok();
    let (records, values) = length(RECORDS_AT).zip(length(VECTORS_AT)).unwrap_or_default();
    let whole = records.checked_add(values) == Some(payload.len());
    require(whole, "its length is not the one that was written")?;
    Ok(payload.split_at(records))
}

fn decode_records(mut rest: &[u8]) -> Result<(ModelIdentity, Vec<Chunked>), Refusal> {
    const DAMAGED: Refusal = Refusal::Corrupt("a record is not readable");
    let identity = codec::decode(&mut rest).ok_or(DAMAGED)?;
    let mut articles = Vec::new();
    while !rest.is_empty() {
        let record: ArticleRecord = codec::decode(&mut rest).ok_or(DAMAGED)?;
        articles.push(record.checked().map_err(Refusal::Corrupt)?);
    }
    Ok((identity, articles))
}

fn decode_vectors(dim: usize, bytes: &[u8]) -> Result<Vectors, Refusal> {
    let (values, rest) = bytes.as_chunks();
    require(rest.is_empty(), "its vectors are not whole numbers of values")?;
    let values = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Vectors::stored(dim, values).ok_or(Refusal::Corrupt("it has a vector that is not of length 1"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Article, Date, Passage};

    fn identity() -> ModelIdentity {
        ModelIdentity { name: "test".to_owned(), hash: 7 }
    }

    fn corpus() -> (Vec<Chunked>, Vectors) {
        let article = Article::new("ä", "Zwölf Boxkämpfer jagen Viktor.")
            .title("Satz")
            .metadata("on", Date::new(2024, 5, 1).unwrap())
            .metadata("n", 3)
            .metadata("x", 0.5)
            .metadata("ok", true)
            .metadata("by", "dpa");
        let passage = |range, heading| Passage { range, heading, titled: true, tokens: 2 };
        let passages = [passage(0..18, None), passage(19..32, Some(0..6))];
        let articles = vec![
            Chunked { article: Arc::new(article), passages: passages.into() },
            Chunked { article: Arc::new(Article::new("leer", "")), passages: [].into() },
        ];
        (articles, Vectors::normalized(3, vec![1.0, 2.0, 3.0, -4.0, 0.5, 0.0]).unwrap())
    }

    fn encoded() -> Vec<u8> {
        let (articles, vectors) = corpus();
        encode(&identity(), &articles, &vectors).unwrap().concat()
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("corpus.passim");
        let (articles, vectors) = corpus();
        for _ in 0..2 {
            save(&path, &identity(), &articles, &vectors).unwrap();
        }
        let (got, got_vectors) = load(&path, &identity(), 3).unwrap();
        assert_eq!(got_vectors, vectors);
        for (got, want) in got.iter().zip(&articles) {
            assert_eq!((&got.article, &got.passages), (&want.article, &want.passages));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn savers_of_one_path_do_not_mix() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("corpus.passim");
        let (articles, vectors) = corpus();
        save(&path, &identity(), &articles, &vectors).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    (0..50).for_each(|_| save(&path, &identity(), &articles, &vectors).unwrap());
                });
            }
            (0..200).for_each(|_| assert_eq!(load(&path, &identity(), 3).unwrap().1, vectors));
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn another_model_is_refused_and_another_name_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("corpus.passim");
        let (articles, vectors) = corpus();
        save(&path, &identity(), &articles, &vectors).unwrap();
        let other = ModelIdentity { hash: 8, ..identity() };
        assert!(matches!(load(&path, &other, 3), Err(Error::ModelMismatch { .. })));
        let renamed = ModelIdentity { name: "renamed".to_owned(), ..identity() };
        assert!(load(&path, &renamed, 3).is_ok());
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_is_refused() {
        let bytes = encoded();
        assert!(decode(&bytes).is_ok());
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_err(), "cut to {len}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&bytes).is_err(), "bit {bit}");
        }
        assert!(decode(&[bytes.as_slice(), b"more"].concat()).is_err());
    }

    /// Damage behind a right checksum, as a hostile writer makes it: refused or read, but
    /// no panic.
    #[test]
    fn hostile_records_do_no_harm() {
        let bytes = encoded();
        for at in HEADER_LEN..bytes.len() {
            for value in [0x00, 0x7f, 0xfb, 0xfc, 0xfd, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                let sum = checksum(&bytes[..CHECKSUM_AT], &bytes[HEADER_LEN..]);
                bytes[CHECKSUM_AT..HEADER_LEN].copy_from_slice(&sum.to_le_bytes());
                _ = decode(&bytes);
            }
        }
    }

    #[test]
    fn newer_versions_and_missing_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("newer");
        let mut bytes = encoded();
        bytes[VERSION_AT] = 9;
        fs::write(&path, bytes).unwrap();
        let error = load(&path, &identity(), 3).unwrap_err();
        assert!(matches!(error, Error::Version { got: 9, .. }), "{error}");
        assert!(error.to_string().contains("newer"), "{error}");
        let missing = folder.path().join("missing");
        assert!(
            matches!(load(&missing, &identity(), 3), Err(Error::Read { path, .. }) if path == missing)
        );
        let nowhere = folder.path().join("no/such/folder/corpus");
        let (articles, vectors) = corpus();
        assert!(matches!(
            save(&nowhere, &identity(), &articles, &vectors),
            Err(Error::Write { .. })
        ));
    }
}
