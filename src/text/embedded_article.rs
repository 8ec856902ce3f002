//! An article with the vectors of its passages, which are checked against each other once.

use std::ops::Range;

use xxhash_rust::xxh3::Xxh3Default;

use super::ContentHash;
use crate::{Article, Error, Markup, Passage, Result, Vectors};

/// An article with its passages and their vectors, which you computed.
///
/// [`Retriever::add_embedded`](crate::Retriever::add_embedded) adds it without a call of the
/// embedding model. The passages are those of a [`Chunker`](crate::Chunker), or your own ranges.
///
/// # Examples
///
/// ```
/// use passim::{Article, EmbeddedArticle, Vectors};
///
/// let article = Article::new("moor.txt", "Moore speichern Kohlenstoff. Sie wachsen langsam.");
/// let vectors = Vectors::normalized(2, vec![3.0, 4.0, 0.0, 2.0])?;
/// let embedded = EmbeddedArticle::of_ranges(article, [0..28, 29..49], vectors)?;
/// assert_eq!(embedded.passages()[1].range, 29..49);
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddedArticle {
    pub(crate) article: Article,
    pub(crate) passages: Vec<Passage>,
    pub(crate) vectors: Vectors,
    /// Hash with which a corpus stored it; `None` if it is not read from one.
    pub(crate) stored_hash: Option<ContentHash>,
}

impl EmbeddedArticle {
    /// Joins `article` with its `passages` and their `vectors`: row `i` belongs to `passages[i]`.
    ///
    /// Passages are in order: each starts and ends no earlier than the previous one. They may
    /// overlap, and they need not cover the text.
    ///
    /// # Errors
    ///
    /// - [`Error::PassageVectors`] if there is not one vector for each passage.
    /// - [`Error::InvalidPassage`] if a passage is not in order, has only white space, or has a
    ///   range that exceeds the text or splits a character; also if its markup is Markdown, but the
    ///   article is plain.
    pub fn new(article: Article, passages: Vec<Passage>, vectors: Vectors) -> Result<Self> {
        if passages.len() != vectors.len() {
            return Err(Error::PassageVectors {
                article: article.key,
                passages: passages.len(),
                vectors: vectors.len(),
            });
        }
        let mut previous = None;
        for (position, passage) in passages.iter().enumerate() {
            if let Some(reason) = fault_of(&article, passage, previous) {
                return Err(Error::InvalidPassage { article: article.key, position, reason });
            }
            previous = Some(&passage.range);
        }
        Ok(Self { article, passages, vectors, stored_hash: None })
    }

    /// Joins `article` with the passages at these byte `ranges` of its text and with their
    /// `vectors`. The passages have [no context](Passage::new).
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn of_ranges(
        article: Article,
        ranges: impl IntoIterator<Item = Range<usize>>,
        vectors: Vectors,
    ) -> Result<Self> {
        let passages = ranges.into_iter().map(|range| Passage::new(&article, range)).collect();
        Self::new(article, passages, vectors)
    }

    /// Joins a stored article as [`new`](Self::new) does. It keeps its content hash, so a corpus that
    /// it is copied to takes the same article for unchanged.
    pub(crate) fn stored(
        article: Article,
        passages: Vec<Passage>,
        vectors: Vectors,
        content: ContentHash,
    ) -> Result<Self> {
        let embedded = Self::new(article, passages, vectors)?;
        Ok(Self { stored_hash: Some(content), ..embedded })
    }

    /// The article.
    #[must_use]
    pub fn article(&self) -> &Article {
        &self.article
    }

    /// The passages, in order.
    #[must_use]
    pub fn passages(&self) -> &[Passage] {
        &self.passages
    }

    /// The vectors; row `i` belongs to passage `i`.
    #[must_use]
    pub fn vectors(&self) -> &Vectors {
        &self.vectors
    }

    /// Identifies the passages and vectors.
    ///
    /// Layout: XXH3-128, `u32::MAX` in the place of the version in
    /// [`Chunker::fingerprint`](crate::Chunker::fingerprint), which is never that large, and 0.
    pub(super) fn fingerprint(&self) -> [u8; 24] {
        let mut hasher = Xxh3Default::new();
        for passage in &self.passages {
            for number in numbers_of(passage) {
                hasher.update(&number.to_le_bytes());
            }
        }
        // Numbers in memory are little-endian, as those of a file.
        hasher.update(bytemuck::cast_slice(self.vectors.as_slice()));
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(&hasher.digest128().to_le_bytes());
        bytes[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
        bytes
    }
}

/// Why `passage` is invalid after the passage at `previous`; `None` if it is valid.
fn fault_of(
    article: &Article,
    passage: &Passage,
    previous: Option<&Range<usize>>,
) -> Option<&'static str> {
    let text_at = |range: &Range<usize>| article.text.get(range.clone());
    let Some(text) = text_at(&passage.range) else {
        return Some("its range exceeds the text or splits a character");
    };
    let mut context = passage.heading.iter().chain(&passage.table_header);
    if text.trim().is_empty() {
        Some("it has only white space")
    } else if context.any(|range| text_at(range).is_none()) {
        Some("the range of its heading or table header exceeds the text or splits a character")
    } else if passage.markup == Markup::Markdown && article.markup == Markup::Plain {
        Some("it is Markdown, but its article is plain text")
    } else if previous.is_some_and(|previous| !follows(&passage.range, previous)) {
        Some("it starts or ends before the passage before it does, or is the same")
    } else {
        None
    }
}

/// With a large overlap, a passage of the chunker can contain the one before it.
fn follows(range: &Range<usize>, previous: &Range<usize>) -> bool {
    range != previous && range.start >= previous.start && range.end >= previous.end
}

/// The fields of `passage` as numbers; `u64::MAX` for a range that does not exist.
fn numbers_of(passage: &Passage) -> [u64; 9] {
    let bounds = |range: Option<&Range<usize>>| match range {
        Some(range) => [range.start as u64, range.end as u64],
        None => [u64::MAX; 2],
    };
    let [start, end] = bounds(Some(&passage.range));
    let [heading_start, heading_end] = bounds(passage.heading.as_ref());
    let [table_start, table_end] = bounds(passage.table_header.as_ref());
    let is_markdown = u64::from(passage.markup == Markup::Markdown);
    let is_titled = u64::from(passage.titled);
    let tokens = passage.tokens as u64;
    [start, end, heading_start, heading_end, table_start, table_end, is_markdown, is_titled, tokens]
}

/// Checks that the vectors of all `articles` have dimension `dim`.
///
/// # Errors
///
/// [`Error::Dimension`] if not.
pub(crate) fn check_dimension(articles: &[EmbeddedArticle], dim: usize) -> Result<()> {
    match articles.iter().find(|article| article.vectors.dim() != dim) {
        Some(other) => Err(Error::Dimension { expected: dim, got: other.vectors.dim() }),
        None => Ok(()),
    }
}
