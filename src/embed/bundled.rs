//! The static embedder: pooling of a model file's rows, and the model that is part of the crate.

mod format;
mod pieces;
mod trie;
mod words;

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::{fmt, fs};

use self::format::Layout;
use self::pieces::Pieces;
use crate::refusal::Refusal;
use crate::{Embedder, Error, ModelIdentity, Result, Role, Vectors};

static BUNDLED_FILE: &[u8] = include_bytes!("../../models/passim-de-en.psm");

/// A model without a network: one vector per word piece, summed over the pieces of a text.
///
/// A piece that occurs `n` times counts `1 + ln n` times; word order does not
/// count. There is no limit of length. The tokens of a text are its pieces, and
/// every character that no piece covers.
///
/// Texts without a known piece, the empty text too, all have the same vector, so
/// each finds any other with similarity 1. The bundled model knows Latin and Greek
/// letters: it tells texts in other scripts apart by their digits and marks alone.
///
/// Clones share one model.
///
/// # Examples
///
/// ```
/// use passim::{Embedder, Role, StaticEmbedder};
///
/// let embedder = StaticEmbedder::bundled()?;
/// let vectors = embedder.embed(Role::Passage, &["Der Hund schläft.", "The dog is asleep.", "Steuern"])?;
/// let similarity = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
/// let [german, english, other] = [0, 1, 2].map(|row| vectors.row(row));
/// assert!(similarity(german, english) > similarity(german, other));
/// # Ok::<(), passim::Error>(())
/// ```
///
/// # Source
///
/// Tables distilled from a transformer: Tulkens & van Dongen (2024), `Model2Vec`.
#[derive(Clone)]
pub struct StaticEmbedder(Arc<Model>);

impl StaticEmbedder {
    /// The German and English model that is part of the crate; `models/README.md` describes it.
    ///
    /// It is read once per process, at the first call.
    ///
    /// # Errors
    ///
    /// Those of [`from_bytes`](Self::from_bytes), if the crate was built with a
    /// model file that is not its own.
    pub fn bundled() -> Result<Self> {
        static BUNDLED: OnceLock<StaticEmbedder> = OnceLock::new();
        if let Some(embedder) = BUNDLED.get() {
            return Ok(embedder.clone());
        }
        let embedder = Self::read(Cow::Borrowed(BUNDLED_FILE), "the bundled model")?;
        Ok(BUNDLED.get_or_init(|| embedder).clone())
    }

    /// The model in the bytes of a model file (`docs/MODEL_FORMAT.md`).
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] or [`Error::Version`] if they are not one that can be read.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        Self::read(Cow::Owned(bytes), "a model file")
    }

    /// The model in the file at `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] if it cannot be read, else those of [`from_bytes`](Self::from_bytes).
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(Error::read(path))?;
        Self::read(Cow::Owned(bytes), path.display())
    }

    fn read(bytes: Cow<'static, [u8]>, origin: impl fmt::Display) -> Result<Self> {
        let model = Model::read(bytes).map_err(|refusal| refusal.about(origin))?;
        Ok(Self(Arc::new(model)))
    }
}

impl fmt::Debug for StaticEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticEmbedder").field("identity", &self.0.identity).finish_non_exhaustive()
    }
}

impl Embedder for StaticEmbedder {
    fn identity(&self) -> &ModelIdentity {
        &self.0.identity
    }

    fn dim(&self) -> usize {
        self.0.layout.dim
    }

    fn max_tokens(&self) -> Option<usize> {
        None
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        let mut count = 0;
        self.0.pieces.for_each_token(text, &mut String::new(), |_| count += 1);
        Ok(count)
    }

    fn embed(&self, _role: Role, texts: &[&str]) -> Result<Vectors> {
        let dim = self.dim();
        let mut sums = vec![0.0; texts.len() * dim];
        let mut scratch = Scratch::default();
        for (text, sum) in texts.iter().zip(sums.chunks_exact_mut(dim)) {
            self.0.pool(text, &mut scratch, sum);
        }
        Vectors::normalized(dim, sums)
    }
}

/// Buffers that one text after the other uses, so that no token allocates.
#[derive(Default)]
struct Scratch {
    word: String,
    rows: Vec<u32>,
}

/// A model file with what is derived from it at load.
struct Model {
    bytes: Cow<'static, [u8]>,
    layout: Layout,
    pieces: Pieces,
    identity: ModelIdentity,
}

impl Model {
    fn read(bytes: Cow<'static, [u8]>) -> Result<Self, Refusal> {
        let layout = Layout::read(&bytes)?;
        let pieces =
            Pieces::read(&bytes[layout.vocabulary.clone()], layout.starts, layout.unknown())?;
        let identity = ModelIdentity { name: layout.name.clone(), hash: layout.hash };
        Ok(Self { bytes, layout, pieces, identity })
    }

    /// Adds the rows of the pieces of `text` to `sum`, each `1 + ln n` times.
    ///
    /// Rows are added in ascending order: the same pieces give the same bits.
    fn pool(&self, text: &str, scratch: &mut Scratch, sum: &mut [f32]) {
        let rows = &mut scratch.rows;
        rows.clear();
        self.pieces.for_each_token(text, &mut scratch.word, |row| rows.extend(row));
        if rows.is_empty() {
            rows.push(self.layout.unknown());
        }
        rows.sort_unstable();
        for same in rows.chunk_by(|a, b| a == b) {
            #[expect(clippy::cast_precision_loss, reason = "a logarithm follows")]
            let count = same.len() as f32;
            self.add_row(same[0], 1.0 + count.ln(), sum);
        }
    }

    /// Adds `weight` times a row to `sum`.
    ///
    /// The low halves of a row's bytes are the first half of its values.
    fn add_row(&self, row: u32, weight: f32, sum: &mut [f32]) {
        let codes = self.layout.codes(&self.bytes, row);
        let weight = weight * self.layout.scale(&self.bytes, row);
        let (low, high) = sum.split_at_mut(codes.len());
        for ((low, high), code) in low.iter_mut().zip(high).zip(codes) {
            *low += weight * f32::from((code & 15).cast_signed() - 8);
            *high += weight * f32::from((code >> 4).cast_signed() - 8);
        }
    }
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    const DIM: usize = 4;
    const STARTS: [&str; 6] = ["!", "haus", "haustür", "ß", "é", "über"];
    const CONTINUATIONS: [&str; 3] = ["boot", "s", "tür"];

    /// A model file of the pieces above; row `i` is `i + 1` times a unit axis, the last row the sum of all.
    fn small_file() -> Vec<u8> {
        let rows = STARTS.len() + CONTINUATIONS.len() + 1;
        let vocabulary = [front_coded(&STARTS), front_coded(&CONTINUATIONS)].concat();
        let scales: Vec<u8> = (1..=rows)
            .flat_map(|row| f32::from(u8::try_from(row).unwrap()).to_le_bytes())
            .collect();
        // Code 9 is a one, code 8 a zero; the low half of byte 0 is value 0, its high half value 2.
        let axes = [[0x89, 0x88], [0x88, 0x89], [0x98, 0x88], [0x88, 0x98]];
        let mut codes: Vec<u8> = (0..rows - 1).flat_map(|row| axes[row % DIM]).collect();
        codes.extend([0x99, 0x99]);

        let mut file = b"\x89PSM\r\n\x1a\n".to_vec();
        for number in [1, 1, DIM, 4, rows, STARTS.len()] {
            file.extend(u32::try_from(number).unwrap().to_le_bytes());
        }
        let mut body = Vec::new();
        for section in [vocabulary, scales, codes] {
            for number in [128 + body.len(), section.len()] {
                file.extend((number as u64).to_le_bytes());
            }
            body.extend(section);
            body.resize(body.len().next_multiple_of(64), 0);
        }
        file.extend(*b"small");
        file.resize(128, 0);
        file.extend(body);
        file.extend([0; 8]);
        sealed(file)
    }

    fn front_coded(pieces: &[&str]) -> Vec<u8> {
        let (mut coded, mut before) = (Vec::new(), "");
        for piece in pieces {
            let shared = before.bytes().zip(piece.bytes()).take_while(|(a, b)| a == b).count();
            coded.extend([
                u8::try_from(shared).unwrap(),
                u8::try_from(piece.len() - shared).unwrap(),
            ]);
            coded.extend(&piece.as_bytes()[shared..]);
            before = piece;
        }
        coded
    }

    /// `file` with the checksum that fits.
    fn sealed(mut file: Vec<u8>) -> Vec<u8> {
        let checked = file.len() - 8;
        let checksum = xxh3_64(&file[..checked]);
        file[checked..].copy_from_slice(&checksum.to_le_bytes());
        file
    }

    fn rows_of(text: &str) -> Vec<u32> {
        let model = Model::read(Cow::Owned(small_file())).unwrap();
        let mut rows = Vec::new();
        model.pieces.for_each_token(text, &mut String::new(), |row| rows.extend(row));
        rows
    }

    fn words_of(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        words::for_each_word(text, &mut String::new(), |word| found.push(word.to_owned()));
        found
    }

    #[test]
    fn words_are_lower_case_and_symbols_stand_alone() {
        assert_eq!(
            words_of("Der Preis: 3.500 €/m²"),
            ["der", "preis", ":", "3", ".", "500", "€", "/", "m", "²"]
        );
        assert_eq!(words_of("GRÖẞE, große"), ["größe", ",", "große"]);
        assert_eq!(words_of("Schiff\u{AD}fahrt\u{200B}s\u{A0}weg"), ["schifffahrts", "weg"]);
        assert_eq!(words_of("ΟΔΟΣ 🙂👍🏽"), ["οδοσ", "🙂", "👍", "🏽"]);
        assert!(words_of(" \t\r\n\0").is_empty());
    }

    #[test]
    fn composed_and_decomposed_text_is_the_same() {
        assert_eq!(words_of("u\u{308}ber Cafe\u{301}"), words_of("über Café"));
        assert_eq!(rows_of("U\u{308}BER"), [5]);
    }

    #[test]
    fn the_longest_piece_is_taken_and_what_has_none_is_skipped() {
        let [bang, house, door, eszett, over] = [0, 1, 2, 3, 5];
        let [boat, genitive, door_end] = [6, 7, 8];
        assert_eq!(rows_of("Haustür"), [door]);
        assert_eq!(rows_of("Haustürtür"), [door, door_end]);
        assert_eq!(rows_of("Hausboots!"), [house, boat, genitive, bang]);
        assert_eq!(rows_of("ß Häuser über"), [eszett, genitive, over]);
        assert_eq!(rows_of("xhausboot"), [genitive, boat]);
        assert!(rows_of("日本語 Ж").is_empty());
    }

    #[test]
    fn repeated_pieces_count_by_logarithm() {
        let embedder = StaticEmbedder::from_bytes(small_file()).unwrap();
        let vectors = embedder.embed(Role::Query, &["!", "haus ! ! !", "", "日本"]).unwrap();
        assert_eq!(vectors.row(0), [1.0, 0.0, 0.0, 0.0]);
        // Row 1 is twice the second axis.
        let (x, y) = (1.0 + 3.0_f32.ln(), 2.0);
        assert!((vectors.row(1)[0] / vectors.row(1)[1] - x / y).abs() < 1e-6);
        assert_eq!(vectors.row(2), [0.5; DIM]);
        assert_eq!(vectors.row(2), vectors.row(3));
        assert_eq!(embedder.count_tokens("haus ! ! !").unwrap(), 4);
    }

    #[test]
    fn pieces_and_skipped_characters_are_tokens() {
        let embedder = StaticEmbedder::from_bytes(small_file()).unwrap();
        for (text, tokens) in [
            ("", 0),
            (" \t\u{200B}", 0),
            ("Haustür!", 2),
            ("xhausboot", 6),
            ("日本語 Ж, 🙂", 6),
            ("a\u{308}", 1),
        ] {
            assert_eq!(embedder.count_tokens(text).unwrap(), tokens, "{text:?}");
        }
    }

    #[test]
    fn the_name_is_no_part_of_the_identity() {
        let renamed = sealed({
            let mut file = small_file();
            file[80..85].copy_from_slice(b"other");
            file
        });
        let [small, other] =
            [small_file(), renamed].map(|file| StaticEmbedder::from_bytes(file).unwrap());
        assert_eq!(small.identity(), other.identity());
        assert_eq!((&*small.identity().name, &*other.identity().name), ("small", "other"));
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_is_an_error() {
        let file = small_file();
        for len in 0..file.len() {
            let error = StaticEmbedder::from_bytes(file[..len].to_vec()).unwrap_err();
            assert!(matches!(error, Error::Corrupt { .. }), "{len} bytes: {error}");
        }
        for bit in 0..file.len() * 8 {
            let error = StaticEmbedder::from_bytes(flipped(&file, bit)).unwrap_err();
            let expected = matches!(error, Error::Corrupt { .. } | Error::Version { .. });
            assert!(expected, "bit {bit}: {error}");
        }
    }

    #[test]
    fn wrong_contents_under_a_right_checksum_never_panic() {
        let file = small_file();
        let vectors =
            StaticEmbedder::from_bytes(file.clone()).unwrap().embed(Role::Query, &["über"]);
        let mut refused = 0;
        for bit in 0..(file.len() - 8) * 8 {
            match StaticEmbedder::from_bytes(sealed(flipped(&file, bit))) {
                Ok(embedder) => assert_eq!(
                    embedder.embed(Role::Query, &["über"]).map(|v| v.len()).ok(),
                    vectors.as_ref().map(Vectors::len).ok(),
                    "bit {bit}"
                ),
                Err(Error::Corrupt { .. } | Error::Version { .. }) => refused += 1,
                Err(error) => panic!("bit {bit}: {error}"),
            }
        }
        assert!(
            refused > 80 * 8,
            "only {refused} bits are checked, the numbers of the header alone have 640"
        );
    }

    #[test]
    fn damage_to_the_bundled_model_is_found() {
        // A prime step, so that flips fall on all bits and all sections.
        for bit in (0..BUNDLED_FILE.len() * 8).step_by(2_999_999) {
            let error = StaticEmbedder::from_bytes(flipped(BUNDLED_FILE, bit)).unwrap_err();
            assert!(matches!(error, Error::Corrupt { .. }), "bit {bit}: {error}");
        }
    }

    fn flipped(file: &[u8], bit: usize) -> Vec<u8> {
        let mut file = file.to_vec();
        file[bit / 8] ^= 1 << (bit % 8);
        file
    }
}
