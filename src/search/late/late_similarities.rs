//! Similarities between the pieces of a question and those of passages.

use super::{
    late_question::{LateQuestion, QuestionPiece},
    piece_list::PieceList,
};
use crate::{
    embed::PieceRows,
    vector::kernel::{BLOCK, CodeBlock, code_dots},
};

/// Number of rows that are unpacked together, so that they stay in the cache.
const UNPACKED: usize = 64;
/// Rows of cosines are a multiple of this long, so that whole registers are compared.
const LANES: usize = 8;

/// Cosines of the pieces of a question with the closest piece of each passage.
#[derive(Debug)]
pub(crate) struct LateSimilarities {
    /// Number of pieces of the question.
    pub(super) width: usize,
    /// Length of a row: `width`, rounded up to whole [`LANES`].
    stride: usize,
    /// A row for each passage.
    values: Vec<f32>,
    /// What the best of as many pieces reaches by chance, for each passage.
    breadths: Vec<f32>,
}

impl LateSimilarities {
    /// Compares `question` with the passages that have these pieces.
    pub(super) fn of(question: &LateQuestion, passages: &[PieceList]) -> Self {
        let table = CosineTable::of(question, passages);
        let mut values = Vec::with_capacity(table.stride * passages.len());
        for passage in passages {
            let start = values.len();
            // A passage without pieces is similar to nothing.
            let least = if passage.pieces().is_empty() { 0.0 } else { -1.0 };
            values.resize(start + table.stride, least);
            for piece in passage.pieces() {
                raise(&mut values[start..], table.cosines(*piece));
            }
        }
        let breadths = passages.iter().map(|passage| breadth(passage.pieces().len())).collect();
        Self { width: question.pieces.len(), stride: table.stride, values, breadths }
    }

    /// The cosines of each passage.
    pub(super) fn passages(
        &self,
    ) -> impl DoubleEndedIterator<Item = PassageSimilarities<'_>> + ExactSizeIterator {
        let at = |(passage, breadth): (usize, &f32)| PassageSimilarities {
            values: &self.values[passage * self.stride..][..self.width],
            breadth: *breadth,
        };
        self.breadths.iter().enumerate().map(at)
    }
}

/// The cosines of one passage.
pub(super) struct PassageSimilarities<'s> {
    /// Of each piece of the question.
    pub(super) values: &'s [f32],
    breadth: f32,
}

impl PassageSimilarities<'_> {
    /// Returns the cosine of each piece of the question above what is reached by chance.
    pub(super) fn excesses(&self) -> impl Iterator<Item = f32> {
        self.values.iter().map(|value| value - self.breadth)
    }
}

/// Returns the mean of the highest cosine of a piece with `pieces` others.
///
/// It was fitted to 13 corpora, where its correlation with the means of passages is .91 to .98.
#[expect(clippy::cast_precision_loss, reason = "at most 2^16 pieces")]
fn breadth(pieces: usize) -> f32 {
    if pieces == 0 { 0.0 } else { 0.0587 * (pieces as f32).ln() - 0.046 }
}

/// Raises each of `best` to the value of `cosines`, if that is higher. Both are whole [`LANES`].
fn raise(best: &mut [f32], cosines: &[f32]) {
    let best = best.as_chunks_mut::<LANES>().0;
    for (best, cosines) in best.iter_mut().zip(cosines.as_chunks::<LANES>().0) {
        // Cosines are numbers, so this is `f32::max`. Lanes that are all read before one is written
        // compile to vector instructions.
        *best = std::array::from_fn(|lane| {
            if cosines[lane] > best[lane] { cosines[lane] } else { best[lane] }
        });
    }
}

/// Cosines of the pieces of a question with every piece that a passage has.
struct CosineTable {
    /// Length of a row of `cosines`: the number of pieces, rounded up to whole [`LANES`].
    stride: usize,
    /// Position of each piece of the model in `cosines`, plus 1; 0 if no passage has it.
    positions: Vec<u16>,
    /// A row for each distinct piece.
    cosines: Vec<f32>,
}

impl CosineTable {
    fn of(question: &LateQuestion, passages: &[PieceList]) -> Self {
        let rows = &question.rows;
        let mut positions = vec![0; rows.len()];
        let mut distinct = Vec::new();
        for piece in passages.iter().flat_map(PieceList::pieces) {
            let position = &mut positions[usize::from(*piece)];
            if *position == 0 {
                distinct.push(*piece);
                *position = u16::try_from(distinct.len()).expect("fewer than 2^16 pieces");
            }
        }
        let stride = question.pieces.len().next_multiple_of(LANES);
        let mut cosines = vec![0.0; stride * distinct.len()];
        let mut unpacked = UnpackedRows::new(rows);
        let by_chunk = cosines.chunks_mut((stride * UNPACKED).max(1));
        for (pieces, cosines) in distinct.chunks(UNPACKED).zip(by_chunk) {
            unpacked.read(pieces, rows);
            for (at, piece) in question.pieces.iter().enumerate() {
                unpacked.compare(piece, cosines.chunks_exact_mut(stride).map(|row| &mut row[at]));
            }
        }
        Self { stride, positions, cosines }
    }

    /// The cosines of `piece`, which a passage has, with each piece of the question.
    fn cosines(&self, piece: u16) -> &[f32] {
        let position = usize::from(self.positions[usize::from(piece)]) - 1;
        &self.cosines[position * self.stride..][..self.stride]
    }
}

/// Unpacked rows of pieces.
struct UnpackedRows {
    codes: Vec<CodeBlock<u8>>,
    /// Length of the values of each row.
    lengths: Vec<f32>,
    /// `0..` up to the number of rows.
    numbers: Vec<u32>,
    dots: Vec<i32>,
    /// Number of blocks of a row.
    blocks: usize,
    /// What code 0 stands for.
    zero: i32,
    /// Difference between what two codes in sequence stand for.
    step: i32,
}

impl UnpackedRows {
    fn new(rows: &PieceRows) -> Self {
        let zero = i32::from(rows.value(0));
        Self {
            codes: vec![CodeBlock([0; BLOCK]); rows.blocks() * UNPACKED],
            lengths: Vec::new(),
            numbers: Vec::new(),
            dots: Vec::new(),
            blocks: rows.blocks(),
            zero,
            step: i32::from(rows.value(1)) - zero,
        }
    }

    /// Unpacks the rows of `pieces`, at most [`UNPACKED`].
    fn read(&mut self, pieces: &[u16], rows: &PieceRows) {
        let blocks = self.codes.chunks_exact_mut(self.blocks);
        let lengths = pieces.iter().zip(blocks).map(|(piece, codes)| rows.unpack(*piece, codes));
        self.lengths.clear();
        self.lengths.extend(lengths);
        self.numbers.clear();
        self.numbers.extend((0..).take(pieces.len()));
        self.dots.resize(pieces.len(), 0);
    }

    /// Writes the cosine of `piece` with each row.
    fn compare<'c>(&mut self, piece: &QuestionPiece, cosines: impl Iterator<Item = &'c mut f32>) {
        code_dots(&piece.values, &self.codes, &self.numbers, &mut self.dots);
        for ((cosine, dot), length) in cosines.zip(&self.dots).zip(&self.lengths) {
            #[expect(clippy::cast_precision_loss, reason = "a relative error of 2^-24")]
            let product = (self.step * dot + self.zero * piece.sum) as f32;
            *cosine = product / (piece.length * length);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Embedder, Interrupt, Role, StaticEmbedder, vector};

    /// Words that are one piece each.
    const WORDS: [&str; 8] =
        ["wasser", "water", "moor", "kohlenstoff", "carbon", "brücke", "bridge", "und"];

    /// Returns the cosine of two words that are one piece each: that of their vectors.
    fn cosine(a: &str, b: &str) -> f32 {
        let embedder = StaticEmbedder::bundled().unwrap();
        let vectors = embedder.embed(Role::Query, &[a, b], Interrupt::none()).unwrap();
        vector::similarity(vectors.row(0), vectors.row(1))
    }

    fn similarities(question: &str, passages: &[String]) -> Vec<Vec<f32>> {
        let rows = PieceRows::bundled().unwrap();
        let lists: Vec<PieceList> =
            passages.iter().map(|text| PieceList::of(text, &rows)).collect();
        let question = LateQuestion::of(question).unwrap();
        let similarities = question.similarities(&lists);
        similarities.passages().map(|passage| passage.values.to_vec()).collect()
    }

    #[test]
    fn a_piece_of_both_texts_has_similarity_one() {
        let passages = ["Im Moor ist Wasser.".to_owned(), String::new()];
        let [with, without] = &similarities("wasser", &passages)[..] else { panic!("two rows") };
        assert!((with[0] - 1.0).abs() < 1e-6, "{with:?}");
        assert_eq!(without, &[0.0]);
    }

    #[test]
    fn a_question_without_pieces_compares_nothing() {
        assert_eq!(similarities("東京", &["Wasser".to_owned()]), [[0.0; 0]]);
        assert!(similarities("Wasser", &[]).is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn similarities_equal_those_of_vectors(
            question in prop::sample::select(&WORDS[..]),
            passages in prop::collection::vec(prop::collection::vec(prop::sample::select(&WORDS[..]), 1..150), 1..8),
        ) {
            let texts: Vec<String> = passages.iter().map(|words| words.join(" ")).collect();
            let found = similarities(question, &texts);
            for (words, found) in passages.iter().zip(found) {
                let highest = words.iter().map(|word| cosine(question, word)).fold(-1.0, f32::max);
                prop_assert!((found[0] - highest).abs() < 1e-5, "{} {}", found[0], highest);
            }
        }
    }
}
