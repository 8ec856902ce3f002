//! The lexical index of a segment, loaded or built when it is first needed.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::{LiveSegment, Segment, segment_builder::detect_language};
use crate::{
    Error, Language, Passage, Result, RowSet,
    format::{
        decode_error::{DecodeError, require},
        sections::Section,
        tag::Tag,
    },
    language::AnalyzedLanguage,
    lexical::{LexicalIndex, MergedRow, WordConditions},
    vector::to_row,
};

/// The lexical index of a segment; empty until it is first needed.
#[derive(Debug, Default)]
pub(crate) struct SegmentWords {
    loaded: OnceLock<LoadedWords>,
    /// Held by the one thread that loads or builds the index.
    loading: Mutex<()>,
}

#[derive(Debug)]
struct LoadedWords {
    index: LexicalIndex,
    /// Articles that an index built from texts lacks, because their texts are damaged.
    damaged: Vec<u32>,
}

impl SegmentWords {
    /// Indexes `passages` by row: the embedded text and the language of its article.
    pub(crate) fn of(passages: &[(&str, Option<AnalyzedLanguage>)]) -> Result<Self> {
        Ok(Self::from_index(LexicalIndex::build(passages)?))
    }

    /// Merges `rows` of the indexes of `segments`.
    ///
    /// A damaged index is rebuilt from the texts of its segment.
    pub(crate) fn merge(segments: &[LiveSegment], rows: &[MergedRow]) -> Result<Self> {
        let indexes = segments.iter().map(LiveSegment::lexical_or_rebuilt);
        let indexes: Vec<&LexicalIndex> = indexes.collect::<Result<_>>()?;
        Ok(Self::from_index(LexicalIndex::merge(&indexes, rows)))
    }

    fn from_index(index: LexicalIndex) -> Self {
        Self { loaded: LoadedWords { index, damaged: Vec::new() }.into(), ..Self::default() }
    }
}

impl LiveSegment {
    /// The lexical index of all passages of the segment.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if the index is damaged, or if it is missing and a live article is damaged.
    pub(crate) fn lexical(&self) -> Result<&LexicalIndex> {
        let LoadedWords { index, damaged } = self.sealed().loaded_words()?;
        match damaged.iter().find(|number| self.live_articles().contains(**number)) {
            Some(number) => Err(self.sealed().damaged(*number)),
            None => Ok(index),
        }
    }

    /// The rows that meet `conditions` among `allowed`, or among all.
    pub(crate) fn meeting(
        &self,
        conditions: &WordConditions,
        allowed: Option<Arc<RowSet>>,
    ) -> Result<Arc<RowSet>> {
        if let Some(none) = allowed.clone().filter(|allowed| allowed.is_empty()) {
            return Ok(none);
        }
        let mut rows = self.lexical()?.rows_meeting(conditions);
        if let Some(allowed) = allowed {
            rows.intersect_with(&allowed);
        }
        Ok(Arc::new(rows))
    }

    /// The lexical index, rebuilt from the texts if it is damaged.
    fn lexical_or_rebuilt(&self) -> Result<&LexicalIndex> {
        let segment = self.sealed();
        let index = self.lexical();
        if let (Err(Error::Corrupt { origin, fault }), None) = (&index, segment.words.loaded.get())
        {
            tracing::warn!(%origin, fault, "a damaged lexical index is rebuilt");
            segment.load_words(|| segment.build_words())?;
            return self.lexical();
        }
        index
    }
}

impl Segment {
    /// The language of the passage in `row` that its words were analyzed in.
    pub(super) fn language(&self, row: u32) -> Result<Option<AnalyzedLanguage>> {
        Ok(self.loaded_words()?.index.language(row))
    }

    /// Whether its file has a lexical index of the current version, damaged or not.
    pub(super) fn has_current_words(&self) -> bool {
        let Some(file) = &self.file else { return true };
        let array = file.column(Tag::Lexical);
        array.is_ok_and(|array| LexicalIndex::is_current(&array))
    }

    /// Whether it has a lexical index of the current version that can be read.
    pub(crate) fn has_readable_words(&self) -> bool {
        self.has_current_words() && self.loaded_words().is_ok()
    }

    /// Compares the stored lexical index with one built from the texts.
    pub(super) fn verify_words(&self) -> Result<()> {
        let Some(index) = self.read_words()? else { return Ok(()) };
        let LoadedWords { index: rebuilt, damaged } = self.build_words()?;
        let is_same = damaged.is_empty() && index.bytes() == rebuilt.bytes();
        let checked = require(is_same, "the lexical index differs from the texts");
        checked.map_err(|error| error.in_file(self.origin()))
    }

    /// The section of the lexical index.
    pub(super) fn words_section(&self) -> Result<Option<Section<'_>>> {
        Ok(Some(Section::new(Tag::Lexical, self.loaded_words()?.index.bytes())))
    }

    /// The lexical index, built from the texts if the file has none of the current version.
    fn loaded_words(&self) -> Result<&LoadedWords> {
        self.load_words(|| {
            if let Some(index) = self.read_words()? {
                return Ok(LoadedWords { index, damaged: Vec::new() });
            }
            let passages = self.len();
            tracing::info!(
                passages,
                "a segment without a current lexical index is indexed in memory"
            );
            self.build_words()
        })
    }

    /// The lexical index, loaded by `load` if need be; one thread loads at a time.
    fn load_words(&self, load: impl FnOnce() -> Result<LoadedWords>) -> Result<&LoadedWords> {
        let SegmentWords { loaded, loading } = &self.words;
        if let Some(loaded) = loaded.get() {
            return Ok(loaded);
        }
        let _loading = loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = loaded.get() {
            return Ok(loaded);
        }
        let index = load()?;
        Ok(loaded.get_or_init(|| index))
    }

    /// The lexical index in its file; `None` without one of the current version.
    fn read_words(&self) -> Result<Option<LexicalIndex>> {
        let Some(file) = self.file.as_ref().filter(|_| self.has_current_words()) else {
            return Ok(None);
        };
        let open = || {
            file.check(&[Tag::Lexical])?;
            let index = LexicalIndex::open(file.column(Tag::Lexical)?)?;
            let rows = index.len() == self.len();
            require(rows, "the lexical index counts other passages than the segment")?;
            Ok(Some(index))
        };
        open().map_err(|error: DecodeError| error.in_file(file.path()))
    }

    fn build_words(&self) -> Result<LoadedWords> {
        let mut texts = Vec::with_capacity(self.len() as usize);
        let mut damaged = Vec::new();
        for number in 0..to_row(self.articles()) {
            if let Ok(embedded) = self.embedded_texts(number) {
                texts.extend(embedded);
            } else {
                damaged.push(number);
                texts.extend(self.rows_of(number)?.map(|_| (String::new(), None)));
            }
        }
        let texts: Vec<_> = texts.iter().map(|(text, language)| (&**text, *language)).collect();
        Ok(LoadedWords { index: LexicalIndex::build(&texts)?, damaged })
    }

    /// The embedded texts of the passages of article `number`, each with the article's language.
    fn embedded_texts(&self, number: u32) -> Result<Vec<(String, Option<AnalyzedLanguage>)>> {
        let article = self.article(number)?;
        // Segments written without a lexical index store no detected language.
        let language = self.head(number)?.language.or_else(|| detect_language(&article));
        let language = language.and_then(Language::analyzed);
        let passages = self.passages_of(number, &article)?;
        let embedded = |passage: &Passage| (passage.text_in_context(&article), language);
        Ok(passages.iter().map(embedded).collect())
    }
}
