//! Articles as they are stored: validated, cut into passages, analyzed and embedded.

use std::ops::Range;

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_128;

use super::{
    article_values::{ArticleValues, KeyedValues},
    connection::Params,
    corpus_change::CountedPassage,
    stored_vectors::StoredVectors,
    stored_words::{StoredWords, WordMaker},
};
use crate::{
    Article, Chunker, EmbedReport, EmbedStage, EmbeddedArticle, Embedder, Error, Language, Markup,
    Passage, Result, Role, Value, Vectors,
    format::head_record::HeadRecord,
    language::AnalyzedLanguage,
    lexical::detect,
    text::{ContentHash, content_hash, embedded_content_hash},
    vector::{VectorRow, to_row},
};

/// Maximum length of a key in bytes: an entry of an index is at most a third of a page.
pub(super) const MAX_KEY: usize = 2_600;

/// Number of articles that share an analyzer, which caches the terms of words.
const ARTICLES_AT_ONCE: usize = 32;

/// The columns of a row of `articles`.
pub(super) const ARTICLE_COLUMNS: &str =
    "key, content, head, language, is_markdown, passages, text";

/// The columns of a row of `passages` but the words and the vector.
const PASSAGE_COLUMNS: &str = "article, no, first, last, heading_first, heading_last, \
    header_first, header_last, titled, is_markdown, tokens, language, heading, table_header, body, \
    text_hash";

/// Returns the columns of a row of `passages`.
pub(super) fn passage_columns() -> String {
    format!("{PASSAGE_COLUMNS}, {}, embedding", StoredWords::COLUMNS.join(", "))
}

/// An article that a database can hold, with its content hash.
pub(super) struct HashedArticle {
    pub(super) article: Article,
    pub(super) content: ContentHash,
}

/// An article with everything that is stored of it but the vectors.
pub(super) struct PreparedArticle {
    pub(super) article: Article,
    pub(super) content: ContentHash,
    /// Declared or detected.
    language: Option<Language>,
    head: Vec<u8>,
    values: ArticleValues,
    pub(super) passages: Vec<PreparedPassage>,
}

/// A passage with everything that is stored of it but the vector.
pub(super) struct PreparedPassage {
    passage: Passage,
    /// The text that is embedded.
    text: String,
    pub(super) text_hash: u128,
    words: StoredWords,
}

/// Articles with the vectors of their passages.
pub(super) struct PreparedArticles {
    /// By ascending key.
    pub(super) articles: Vec<PreparedArticle>,
    /// The row of the first passage of each article.
    pub(super) first_rows: Vec<usize>,
    pub(super) vectors: Vectors,
    /// Number of passages whose vectors were stored.
    pub(super) reused: usize,
    pub(super) embedding: EmbedReport,
}

impl HashedArticle {
    /// Checks that a database can hold `article`, and hashes it.
    ///
    /// # Errors
    ///
    /// [`Error::NotStorable`] if not.
    pub(super) fn new(article: Article, chunker: &Chunker) -> Result<Self> {
        check_storable(&article)?;
        let head = HeadRecord::encode(&article, None)?;
        Ok(Self { content: content_hash(&head, &article, chunker), article })
    }
}

/// An article that a database can hold, with its content hash, passages and vectors.
pub(super) struct HashedEmbedded {
    pub(super) hashed: HashedArticle,
    passages: Vec<Passage>,
    vectors: Vectors,
}

impl HashedEmbedded {
    /// Checks that a database can hold `embedded`, and hashes it.
    ///
    /// # Errors
    ///
    /// [`Error::NotStorable`] if not.
    pub(super) fn new(embedded: EmbeddedArticle) -> Result<Self> {
        check_storable(embedded.article())?;
        let head = HeadRecord::encode(embedded.article(), None)?;
        let content = embedded_content_hash(&head, &embedded);
        let EmbeddedArticle { article, passages, vectors, .. } = embedded;
        Ok(Self { hashed: HashedArticle { article, content }, passages, vectors })
    }
}

/// Whether an article can have this key. The server takes no zero byte, also not in a search for one.
pub(super) fn is_key(key: &str) -> bool {
    !key.contains('\0')
}

fn check_storable(article: &Article) -> Result<()> {
    let refuse = |reason| Err(Error::NotStorable { key: article.key.clone(), reason });
    if article.key.len() > MAX_KEY {
        return refuse("its key is over 2,600 bytes");
    }
    let has_zero = |text: &str| text.contains('\0');
    if !is_key(&article.key) {
        return refuse("its key has a zero byte");
    }
    if has_zero(&article.text) {
        return refuse("its text has a zero byte");
    }
    let is_zero_in = |value: &Value| matches!(value, Value::String(text) if has_zero(text));
    let has_zero_inside = article.title.as_deref().is_some_and(has_zero)
        || article.metadata.keys().any(|name| has_zero(name))
        || article.metadata.values().flat_map(Value::items).any(is_zero_in);
    if has_zero_inside {
        return refuse("its title or metadata has a zero byte");
    }
    Ok(())
}

/// Detects languages, cuts articles into passages and analyzes these.
pub(super) fn prepare(
    articles: Vec<HashedArticle>,
    chunker: &Chunker,
    embedder: &dyn Embedder,
) -> Result<Vec<PreparedArticle>> {
    prepare_each(articles, |article, maker| PreparedArticle::new(article, chunker, embedder, maker))
}

/// Runs `prepare` for each article on the current `rayon` pool.
fn prepare_each<A: Send>(
    articles: Vec<A>,
    prepare: impl Fn(A, &mut WordMaker) -> Result<PreparedArticle> + Sync,
) -> Result<Vec<PreparedArticle>> {
    let shares = articles.into_par_iter().chunks(ARTICLES_AT_ONCE).map(|share| {
        let mut maker = WordMaker::new()?;
        let prepared = share.into_iter().map(|article| prepare(article, &mut maker));
        prepared.collect::<Result<Vec<_>>>()
    });
    Ok(shares.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

impl PreparedArticles {
    /// Embeds the passages of `articles` whose vectors are not `stored`.
    pub(super) fn embed(
        articles: Vec<PreparedArticle>,
        stored: &StoredVectors,
        stage: &EmbedStage,
    ) -> Result<Self> {
        let passages = || articles.iter().flat_map(|article| &article.passages);
        let new = passages().filter(|passage| !stored.contains(passage.text_hash));
        let texts: Vec<&str> = new.map(|passage| passage.text.as_str()).collect();
        let (embedded, embedding) = stage.run(Role::Passage, &texts)?;
        let mut new_rows = 0..to_row(embedded.len());
        let rows = passages().map(|passage| {
            stored.get(passage.text_hash).unwrap_or_else(|| {
                let row = new_rows.next().expect("every passage without a vector was embedded");
                VectorRow { vectors: &embedded, row }
            })
        });
        let rows: Vec<VectorRow> = rows.collect();
        let vectors = Vectors::gather(embedded.dim(), rows.iter().copied())?;
        let reused = vectors.len() - texts.len();
        Ok(Self { first_rows: first_rows(&articles), articles, vectors, reused, embedding })
    }

    /// Takes the given passages and vectors, of dimension `dim`.
    pub(super) fn given(articles: Vec<HashedEmbedded>, dim: usize) -> Result<Self> {
        let vectors = Vectors::concat(dim, articles.iter().map(|article| &article.vectors))?;
        let articles = prepare_each(articles, |HashedEmbedded { hashed, passages, .. }, maker| {
            PreparedArticle::of_passages(hashed, passages, maker)
        })?;
        let embedding = EmbedReport::default();
        Ok(Self { first_rows: first_rows(&articles), articles, vectors, reused: 0, embedding })
    }
}

fn first_rows(articles: &[PreparedArticle]) -> Vec<usize> {
    let mut rows = 0;
    let first_rows = articles.iter().map(|article| {
        let first = rows;
        rows += article.passages.len();
        first
    });
    first_rows.collect()
}

impl PreparedArticle {
    /// Detects the language of an article, cuts it into passages and analyzes these.
    fn new(
        hashed: HashedArticle,
        chunker: &Chunker,
        embedder: &dyn Embedder,
        maker: &mut WordMaker,
    ) -> Result<Self> {
        let passages = chunker.passages(&hashed.article, embedder)?;
        Self::of_passages(hashed, passages, maker)
    }

    /// Detects the language of an article, and analyzes its passages.
    fn of_passages(
        HashedArticle { article, content }: HashedArticle,
        passages: Vec<Passage>,
        maker: &mut WordMaker,
    ) -> Result<Self> {
        let language = article.language.or_else(|| detect(&article.text).map(Language::from));
        let head = HeadRecord::encode(&article, language)?;
        let in_language = language.and_then(Language::analyzed);
        let passages = passages.into_iter().map(|passage| {
            let text = passage.text_in_context(&article);
            let words = maker.words(&text, in_language, &article.key)?;
            let text_hash = xxh3_128(text.as_bytes());
            Ok(PreparedPassage { passage, text, text_hash, words })
        });
        let passages = passages.collect::<Result<_>>()?;
        let values = ArticleValues::of(&article.metadata);
        Ok(Self { article, content, language, head, values, passages })
    }

    /// Returns passage `number`, whose vector is `vector`, as the statistics count it.
    pub(super) fn counted<'p>(&'p self, number: usize, vector: &'p [f32]) -> CountedPassage<'p> {
        let StoredWords { terms, length, .. } = &self.passages[number].words;
        CountedPassage { language: self.analyzed(), length: *length, terms, vector }
    }

    /// The language if its words are analyzed.
    fn analyzed(&self) -> Option<AnalyzedLanguage> {
        self.language.and_then(Language::analyzed)
    }

    /// Returns the code of the language; empty if it is unknown.
    fn language_code(&self) -> String {
        self.language.map_or_else(String::new, |language| language.code().to_owned())
    }

    /// Returns about how many bytes the row of the article has.
    pub(super) fn article_bytes(&self) -> usize {
        self.article.text.len() + self.head.len() + self.values.bytes()
    }

    /// Returns the rows of the metadata.
    pub(super) fn keyed_values(&self) -> KeyedValues<'_> {
        KeyedValues { key: &self.article.key, values: &self.values }
    }

    /// Adds the values of a row of [`ARTICLE_COLUMNS`].
    pub(super) fn push_row<'p>(&'p self, params: &mut Params<'p>) -> String {
        let values = [
            params.text(&self.article.key),
            params.bytes(bytemuck::bytes_of(&self.content).to_vec()),
            params.bytes(self.head.clone()),
            params.text(self.language_code()),
            params.boolean(self.article.markup == Markup::Markdown),
            params.int4(to_int4(self.passages.len())),
            params.text(&self.article.text),
        ];
        format!("({})", values.join(", "))
    }

    /// Returns the values of a copied row of [`passage_columns`] for passage `number`, whose vector is
    /// `vector`.
    pub(super) fn passage_row<'p>(&'p self, number: usize, vector: &'p [f32]) -> Params<'p> {
        let PreparedPassage { passage, text_hash, words, .. } = &self.passages[number];
        let shown = |range: &Range<usize>| &self.article.text[range.clone()];
        let mut row = Params::default();
        row.text(&self.article.key);
        row.int4(to_int4(number));
        row.int4(to_int4(passage.range.start));
        row.int4(to_int4(passage.range.end));
        row.optional_int4(passage.heading.as_ref().map(|range| to_int4(range.start)));
        row.optional_int4(passage.heading.as_ref().map(|range| to_int4(range.end)));
        row.optional_int4(passage.table_header.as_ref().map(|range| to_int4(range.start)));
        row.optional_int4(passage.table_header.as_ref().map(|range| to_int4(range.end)));
        row.boolean(passage.titled);
        row.boolean(passage.markup == Markup::Markdown);
        row.int4(to_int4(passage.tokens));
        row.text(self.language_code());
        row.optional_text(passage.heading.as_ref().map(shown));
        row.optional_text(passage.table_header.as_ref().map(shown));
        row.text(shown(&passage.range));
        row.bytes(text_hash.to_be_bytes().to_vec());
        words.push(&mut row);
        row.copied_vector(vector);
        row
    }
}

/// Returns an offset, a count of passages or of tokens.
fn to_int4(value: usize) -> i32 {
    i32::try_from(value).expect("an article has at most 2^27 bytes")
}
