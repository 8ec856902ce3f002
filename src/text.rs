//! Reads articles from files, finds sentences, and packs sentences into passages within a token budget.

mod article_batches;
mod article_files;
mod article_reader;
mod breakpoint;
mod char_class;
mod embedded_article;
mod enclosure;
mod file_encoding;
mod file_stamp;
mod following_text;
mod found_file;
mod front_matter;
mod guess_language;
#[cfg(feature = "html")]
mod html_file;
mod incoming_articles;
mod ingest_report;
pub(crate) mod json_fields;
mod json_integer;
mod json_lines;
mod line_marker;
mod long_sentence;
mod markdown_blocks;
mod packing;
mod passage_builder;
mod passage_context;
mod plain_blocks;
mod preceding_token;
mod quotation;
mod sentence;
mod sentence_boundary;
mod sync_items;
mod text_block;
mod text_files;
mod unicode;
mod unique_json;
mod unit;
mod unread_source;
mod word_class;
mod yaml;

use serde::{Deserialize, Serialize};

use crate::{Article, Embedder, Error, Passage, Result, format::settings_text::json_text};

pub(crate) use article_batches::{
    ArticleBatch, GivenArticles, NotGiven, key_hash, key_hashes, next_batch,
};
pub use article_files::{ArticleFiles, read_articles};
pub(crate) use article_files::{FoundFiles, UnreadEntry};
pub(crate) use article_reader::ReadArticle;
pub use article_reader::{ArticleReader, ReadReport};
pub use embedded_article::EmbeddedArticle;
pub(crate) use embedded_article::check_dimension;
pub(crate) use file_encoding::read_text;
pub(crate) use file_stamp::{FileStamp, FileState};
pub(crate) use found_file::FoundFile;
pub(crate) use guess_language::guess as guess_language;
pub(crate) use incoming_articles::{
    ContentHash, check_articles, content_hash, embedded_content_hash, last_embedded_of_each_key,
    last_of_each_key,
};
pub(crate) use ingest_report::IngestReport;
pub use ingest_report::{AddReport, FilesReport, SyncReport};
use passage_builder::PassageBuilder;
use passage_context::ContextBuilder;
pub(crate) use quotation::outside_quotations;
pub(crate) use sentence::sentences_of;
pub use sentence::{Sentences, markdown_sentences, sentences};
pub(crate) use sync_items::SyncItems;
use unit::UnitList;
pub use unread_source::UnreadSource;
pub(crate) use unread_source::with_causes;

/// Splits articles into passages.
///
/// A passage holds as many whole sentences as the token budget allows. Breaks
/// fall preferably before headings and between paragraphs, and passages of one
/// article have even lengths. A heading stays with the text below it. A sentence
/// over the budget is split between clauses, a clause between words, and a word
/// between graphemes.
///
/// In JSON it is `{"max_tokens": 200, "overlap_sentences": 0, "context": true}`, where fields may be
/// left out.
///
/// # Examples
///
/// ```
/// # use passim::{Embedder, Interrupt, ModelIdentity, Result, Role, Vectors};
/// use passim::{Article, Chunker};
/// # struct Words(ModelIdentity);
/// # impl Embedder for Words {
/// #     fn identity(&self) -> &ModelIdentity { &self.0 }
/// #     fn dim(&self) -> usize { 1 }
/// #     fn max_tokens(&self) -> Option<usize> { None }
/// #     fn count_tokens(&self, text: &str) -> Result<usize> { Ok(text.split_whitespace().count()) }
/// #     fn embed(&self, _: Role, texts: &[&str], _: Interrupt<'_>) -> Result<Vectors> {
/// #         Vectors::normalized(1, vec![1.0; texts.len()])
/// #     }
/// # }
/// # let embedder = Words(ModelIdentity { name: "words".into(), hash: 0 });
///
/// let article = Article::new("moor.txt", "Moore speichern Kohlenstoff. Am 3. Mai begann die Vernässung.");
/// let chunker = Chunker::default().max_tokens(6);
/// let passages = chunker.passages(&article, &embedder)?;
/// assert_eq!(passages.len(), 2);
/// assert_eq!(&article.text[passages[1].range.clone()], "Am 3. Mai begann die Vernässung.");
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chunker {
    max_tokens: usize,
    overlap_sentences: usize,
    context: bool,
}

json_text!(Chunker, "chunker");

impl Default for Chunker {
    fn default() -> Self {
        Self { max_tokens: 200, overlap_sentences: 0, context: true }
    }
}

impl Chunker {
    /// Sets the maximum passage length in tokens of the embedder, without context; `>= 1`, default 200.
    ///
    /// The budget shrinks where passage and context together would exceed the model's input limit.
    #[must_use]
    pub fn max_tokens(mut self, max_tokens: usize) -> Self {
        self.max_tokens = max_tokens;
        self
    }

    /// Sets how many sentences each passage repeats from the end of the previous one; `0..=16`, default 0.
    ///
    /// Fewer are repeated where the budget is too small, and none across a heading.
    #[must_use]
    pub fn overlap_sentences(mut self, overlap_sentences: usize) -> Self {
        self.overlap_sentences = overlap_sentences;
        self
    }

    /// Sets whether a passage is embedded with its article's title, nearest heading and, inside a
    /// Markdown table, the table's header row; default `true`.
    ///
    /// Context takes at most half of the model's input limit: the title is dropped first, then the
    /// heading.
    #[must_use]
    pub fn context(mut self, context: bool) -> Self {
        self.context = context;
        self
    }

    /// Returns the configured [`max_tokens`](Self::max_tokens).
    pub(crate) fn budget(&self) -> usize {
        self.max_tokens
    }

    /// Returns the configured [`overlap_sentences`](Self::overlap_sentences).
    pub(crate) fn overlap(&self) -> usize {
        self.overlap_sentences
    }

    /// Returns the configured [`context`](Self::context).
    pub(crate) fn has_context(&self) -> bool {
        self.context
    }

    /// Identifies the settings and the version of the chunking rules.
    ///
    /// Layout: `max_tokens` as `u64`, `overlap_sentences` as `u64`, rules version as `u32`,
    /// `context` as `u32`, all little-endian.
    pub(crate) fn fingerprint(&self) -> [u8; 24] {
        /// Must be raised when the same settings begin to produce other passages.
        const RULES_VERSION: u32 = 4;
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&(self.max_tokens as u64).to_le_bytes());
        bytes[8..16].copy_from_slice(&(self.overlap_sentences as u64).to_le_bytes());
        bytes[16..20].copy_from_slice(&RULES_VERSION.to_le_bytes());
        bytes[20..].copy_from_slice(&u32::from(self.context).to_le_bytes());
        bytes
    }

    /// Returns [`Error::Setting`] if a setting is out of range.
    pub(crate) fn check(&self) -> Result<()> {
        Error::check_setting("max_tokens", self.max_tokens, 1.., "1 or more")?;
        Error::check_setting("overlap_sentences", self.overlap_sentences, ..=16, "0 to 16")
    }

    /// Splits `article` into passages, in order; none if it holds only white space.
    ///
    /// Without overlap, every character of a plain text other than white space is in exactly one
    /// passage, and so is every word of Markdown. Front matter, comments and link definitions are no
    /// text.
    /// `embedder` counts at most `max_tokens` for each passage, unless it is a single grapheme.
    /// With its context ([`Passage::text_in_context`]) a passage stays within the model's input
    /// limit. The tokens of a Markdown passage include its marks, although these are not embedded.
    /// Both bounds hold only if the embedder keeps the contract of [`Embedder::count_tokens`].
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if a setting is out of range; [`Error::Embed`] if the tokenizer fails.
    pub fn passages(&self, article: &Article, embedder: &dyn Embedder) -> Result<Vec<Passage>> {
        self.check()?;
        let contexts = ContextBuilder::new(article, embedder, self.context)?;
        let units = UnitList::of(article, embedder, &contexts, self.max_tokens)?;
        let builder =
            PassageBuilder { article, embedder, units: &units, overlap: self.overlap_sentences };
        let mut passages = Vec::new();
        builder.build(0..units.units.len(), self.max_tokens, &mut passages)?;
        Ok(passages)
    }
}
