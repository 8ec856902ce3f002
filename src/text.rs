//! From articles to passages: how sentences are packed to a budget of tokens.

mod article_files;
mod char_class;
mod enclosure;
mod following_text;
mod guess_language;
mod long_sentence;
mod packing;
mod passage_builder;
mod passage_context;
mod preceding_token;
mod sentence;
mod sentence_boundary;
mod text_block;
mod unicode;
mod unit;
mod word_class;

use serde::{Deserialize, Serialize};

use crate::{Article, Embedder, Error, Passage, Result};

pub use article_files::read_articles;
pub(crate) use guess_language::guess as guess_language;
use passage_builder::PassageBuilder;
use passage_context::ContextBuilder;
pub use sentence::{Sentences, sentences};
use unit::UnitList;

/// Splits articles into passages.
///
/// A passage is made of whole sentences, as many as the budget allows, and is
/// cut preferably before a heading or between paragraphs; the passages of an
/// article have even lengths rather than a short one at the end. A heading stays
/// with the text below it. A sentence over the budget is cut between clauses, a
/// clause between words, a word between graphemes, never inside of one.
///
/// # Examples
///
/// ```
/// # use passim::{Embedder, ModelIdentity, Result, Role, Vectors};
/// use passim::{Article, Chunker};
/// # struct Words(ModelIdentity);
/// # impl Embedder for Words {
/// #     fn identity(&self) -> &ModelIdentity { &self.0 }
/// #     fn dim(&self) -> usize { 1 }
/// #     fn max_tokens(&self) -> Option<usize> { None }
/// #     fn count_tokens(&self, text: &str) -> Result<usize> { Ok(text.split_whitespace().count()) }
/// #     fn embed(&self, _: Role, texts: &[&str]) -> Result<Vectors> {
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
pub struct Chunker {
    max_tokens: usize,
    overlap_sentences: usize,
    context: bool,
}

impl Default for Chunker {
    fn default() -> Self {
        Self { max_tokens: 200, overlap_sentences: 0, context: true }
    }
}

impl Chunker {
    /// The longest passage in the embedder's own tokens, without its context; at least 1.
    ///
    /// The budget is less where the model would not read as much together with the context.
    #[must_use]
    pub fn max_tokens(mut self, max_tokens: usize) -> Self {
        self.max_tokens = max_tokens;
        self
    }

    /// How many sentences at the end of a passage are repeated at the start of the
    /// next, fewer where the budget has no room for them; none across a heading.
    #[must_use]
    pub fn overlap_sentences(mut self, overlap_sentences: usize) -> Self {
        self.overlap_sentences = overlap_sentences;
        self
    }

    /// Whether the article's title and the nearest heading are embedded with a passage.
    ///
    /// They are left out, the title first, where they would take more than half of what the model reads.
    #[must_use]
    pub fn context(mut self, context: bool) -> Self {
        self.context = context;
        self
    }

    /// What [`max_tokens`](Self::max_tokens) is.
    pub(crate) fn budget(&self) -> usize {
        self.max_tokens
    }

    /// What [`overlap_sentences`](Self::overlap_sentences) is.
    pub(crate) fn overlap(&self) -> usize {
        self.overlap_sentences
    }

    /// What [`context`](Self::context) is.
    pub(crate) fn has_context(&self) -> bool {
        self.context
    }

    /// Equal for chunkers that cut an article alike.
    pub(crate) fn fingerprint(&self) -> [u8; 24] {
        /// To be raised when the same settings begin to cut otherwise.
        const WAY_OF_CUTTING: u32 = 1;
        let context = u32::from(self.context);
        let settings = [self.max_tokens as u64, self.overlap_sentences as u64];
        let [tokens, overlap] = settings.map(u64::to_le_bytes);
        let [way, context] = [WAY_OF_CUTTING, context].map(u32::to_le_bytes);
        let mut bytes = [0; 24];
        let pieces = [&tokens[..], &overlap, &way, &context].concat();
        bytes.copy_from_slice(&pieces);
        bytes
    }

    /// Checks the settings.
    pub(crate) fn check(&self) -> Result<()> {
        Error::check_setting("max_tokens", self.max_tokens, 1.., "1 or more")?;
        Error::check_setting("overlap_sentences", self.overlap_sentences, ..=16, "0 to 16")
    }

    /// The passages of `article`, in order; none if it holds only white space.
    ///
    /// Without overlap every character that is not white space is in exactly one
    /// passage. No passage is over the budget, as a whole and by the count of
    /// `embedder`, unless it is a single grapheme; together with its context
    /// ([`Passage::text_in_context`]) it is not over what the model reads. Both hold
    /// for embedders that count as [`Embedder::count_tokens`] asks.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if a setting is out of range; [`Error::Embed`] if the tokenizer fails.
    pub fn passages(&self, article: &Article, embedder: &dyn Embedder) -> Result<Vec<Passage>> {
        self.check()?;
        let contexts = ContextBuilder::new(article, embedder, self.context)?;
        let atoms = UnitList::of(article, embedder, &contexts, self.max_tokens)?;
        let fitter = PassageBuilder {
            article,
            embedder,
            atoms: &atoms,
            max_tokens: self.max_tokens,
            overlap: self.overlap_sentences,
        };
        let mut passages = Vec::new();
        fitter.fit(0..atoms.list.len(), self.max_tokens, &mut passages)?;
        Ok(passages)
    }
}
