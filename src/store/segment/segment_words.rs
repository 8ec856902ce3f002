//! The words of a segment: the lexical index of its passages.

use std::sync::{Mutex, OnceLock, PoisonError};

use super::{LiveSegment, Segment, segment_builder::detect_language};
use crate::{
    Error, Language, Passage, Result,
    format::{
        decode_error::{DecodeError, require},
        sections::{Section, Tag},
    },
    lexical::LexicalIndex,
    vector::to_row,
};

/// The lexical index of a segment, once it is needed.
#[derive(Debug, Default)]
pub(crate) struct Words {
    loaded: OnceLock<Loaded>,
    /// Held while it is read or built, which one thread does.
    loading: Mutex<()>,
}

#[derive(Debug)]
struct Loaded {
    index: LexicalIndex,
    /// Articles whose texts are damaged, if it was built from texts: it has no words of them.
    damaged: Vec<u32>,
}

impl Words {
    /// Of passages in the order of their rows, each as it is embedded, with the language of its
    /// article.
    pub(crate) fn of(passages: &[(&str, Option<Language>)]) -> Result<Self> {
        Ok(Self::loaded(LexicalIndex::build(passages)?))
    }

    /// Of the given rows, in ascending order, of several segments, one behind the other; from its
    /// texts where one is damaged.
    pub(crate) fn joined(parts: &[(&LiveSegment, &[u32])]) -> Result<Self> {
        let indexes =
            parts.iter().map(|(segment, rows)| Ok((segment.lexical_or_rebuilt()?, *rows)));
        let indexes: Vec<_> = indexes.collect::<Result<_>>()?;
        Ok(Self::loaded(LexicalIndex::merge(&indexes)))
    }

    fn loaded(index: LexicalIndex) -> Self {
        Self { loaded: Loaded { index, damaged: Vec::new() }.into(), ..Self::default() }
    }
}

impl LiveSegment {
    /// The lexical index of all passages of the segment.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if it is damaged, or there is none and a live article is.
    pub(crate) fn lexical(&self) -> Result<&LexicalIndex> {
        let Loaded { index, damaged } = self.segment().loaded_words()?;
        match damaged.iter().find(|at| self.live_articles().contains(**at)) {
            Some(at) => Err(self.segment().damaged(*at)),
            None => Ok(index),
        }
    }

    /// The lexical index; if it is damaged, what its texts say.
    fn lexical_or_rebuilt(&self) -> Result<&LexicalIndex> {
        let (segment, index) = (self.segment(), self.lexical());
        if let (Err(Error::Corrupt { origin, check }), None) = (&index, segment.words.loaded.get())
        {
            tracing::warn!(%origin, check, "a damaged lexical index is built anew");
            segment.load_words(|| segment.build_words())?;
            return self.lexical();
        }
        index
    }
}

impl Segment {
    /// Whether its file has a lexical index by the present rules, whole or not.
    pub(crate) fn has_current_words(&self) -> bool {
        let Some(file) = &self.file else { return true };
        let array = file.sections.array(Tag::Lexical);
        array.is_ok_and(|array| LexicalIndex::is_current(&array))
    }

    /// Whether it has a lexical index by the present rules that can be read.
    pub(crate) fn has_readable_words(&self) -> bool {
        self.has_current_words() && self.loaded_words().is_ok()
    }

    /// Compares the lexical index in its file with its texts.
    pub(super) fn verify_words(&self) -> Result<()> {
        let Some(index) = self.read_words()? else { return Ok(()) };
        let Loaded { index: anew, damaged } = self.build_words()?;
        let same = damaged.is_empty() && index.bytes() == anew.bytes();
        let same = require(same, "its lexical index is not that of its texts");
        same.map_err(|refusal| refusal.about(self.origin()))
    }

    /// The section that it is written as.
    pub(super) fn words_section(&self) -> Result<Option<Section<'_>>> {
        Ok(Some((Tag::Lexical, self.loaded_words()?.index.bytes())))
    }

    /// The lexical index of its passages. If its file has none by the present rules, it is built
    /// from its texts.
    fn loaded_words(&self) -> Result<&Loaded> {
        self.load_words(|| {
            if let Some(index) = self.read_words()? {
                return Ok(Loaded { index, damaged: Vec::new() });
            }
            let passages = self.len();
            tracing::info!(passages, "a segment without current words gets them in memory");
            self.build_words()
        })
    }

    /// The lexical index, or what `read` returns, which is called once at a time.
    fn load_words(&self, read: impl FnOnce() -> Result<Loaded>) -> Result<&Loaded> {
        let Words { loaded, loading } = &self.words;
        if let Some(loaded) = loaded.get() {
            return Ok(loaded);
        }
        let _loading = loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = loaded.get() {
            return Ok(loaded);
        }
        let read = read()?;
        Ok(loaded.get_or_init(|| read))
    }

    /// The lexical index in its file; `None` if it is of other rules, or there is none.
    fn read_words(&self) -> Result<Option<LexicalIndex>> {
        let Some(file) = self.file.as_ref().filter(|_| self.has_current_words()) else {
            return Ok(None);
        };
        let open = || {
            file.sections.check(&[Tag::Lexical])?;
            let index = LexicalIndex::open(file.sections.array(Tag::Lexical)?)?;
            let rows = index.len() == self.len();
            require(rows, "its lexical index has another number of passages")?;
            Ok(Some(index))
        };
        open().map_err(|refusal: DecodeError| refusal.about(file.path()))
    }

    fn build_words(&self) -> Result<Loaded> {
        let (mut texts, mut damaged) = (Vec::with_capacity(self.len() as usize), Vec::new());
        for at in 0..to_row(self.articles()) {
            if let Ok(told) = self.embedded_texts(at) {
                texts.extend(told);
            } else {
                damaged.push(at);
                texts.extend(self.rows_of(at)?.map(|_| (String::new(), None)));
            }
        }
        let texts: Vec<_> = texts.iter().map(|(text, language)| (&**text, *language)).collect();
        Ok(Loaded { index: LexicalIndex::build(&texts)?, damaged })
    }

    /// The passages of article `at` as they are embedded, each with its language.
    fn embedded_texts(&self, at: u32) -> Result<Vec<(String, Option<Language>)>> {
        let article = self.article(at)?;
        // A segment without words may name no language.
        let language = self.head(at)?.language.or_else(|| detect_language(&article));
        let passages = self.passages_of(at, &article)?;
        let told = |passage: &Passage| (passage.text_in_context(&article), language);
        Ok(passages.iter().map(told).collect())
    }
}
