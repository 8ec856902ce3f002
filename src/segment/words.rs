//! The words of a segment: the lexical index of its passages.

use std::sync::OnceLock;

use crate::{
    Language, Result,
    index::as_rows,
    lexical::LexicalIndex,
    refusal::Refusal,
    sections::{Part, Tag},
    segment::Segment,
};

/// The lexical index of a segment, once it is needed.
#[derive(Debug, Default)]
pub(crate) struct Words(OnceLock<LexicalIndex>);

impl Words {
    /// Of passages in the order of their rows, each as it is embedded, with the language of its
    /// article.
    pub(crate) fn of(passages: &[(&str, Option<Language>)]) -> Result<Self> {
        Ok(Self(LexicalIndex::build(passages)?.into()))
    }

    /// Of the given rows, in ascending order, of several segments, one behind the other.
    pub(crate) fn joined(parts: &[(&Segment, &[u32])]) -> Result<Self> {
        let indexes = parts.iter().map(|(segment, rows)| Ok((segment.lexical()?, *rows)));
        let indexes: Vec<_> = indexes.collect::<Result<_>>()?;
        Ok(Self(LexicalIndex::merge(&indexes)?.into()))
    }
}

impl Segment {
    /// The lexical index of its passages. If its file has none by the present rules, it is built
    /// from its texts.
    pub(crate) fn lexical(&self) -> Result<&LexicalIndex> {
        if let Some(index) = self.words.0.get() {
            return Ok(index);
        }
        let index = match self.lexical_in_file()? {
            Some(index) => index,
            None => self.lexical_of_texts()?,
        };
        // Of several threads that came here at once one is first; their indexes are alike.
        Ok(self.words.0.get_or_init(|| index))
    }

    /// The lexical index in its file; `None` if it is of other rules, or there is none.
    fn lexical_in_file(&self) -> Result<Option<LexicalIndex>> {
        let Some(file) = &self.file else { return Ok(None) };
        let open = || {
            if !file.sections.has(Tag::Lexical) {
                return Ok(None);
            }
            file.sections.check(&[Tag::Lexical])?;
            match LexicalIndex::open(file.sections.array(Tag::Lexical)?) {
                Ok(index) if index.len() == self.len() => Ok(Some(index)),
                Ok(_) => Err(Refusal::Corrupt("its lexical index has another number of passages")),
                Err(Refusal::Version { .. }) => Ok(None),
                Err(refusal) => Err(refusal),
            }
        };
        open().map_err(|refusal| refusal.about(file.path()))
    }

    fn lexical_of_texts(&self) -> Result<LexicalIndex> {
        let passages = self.len();
        tracing::info!(passages, "a segment without a current lexical index gets one in memory");
        let mut texts = Vec::with_capacity(passages as usize);
        for at in 0..as_rows(self.articles()) {
            let (article, language) = (self.article(at)?, self.head(at)?.language);
            let passages = self.passages_of(at, &article)?;
            let texts_of = passages.iter().map(|passage| passage.text_in_context(&article));
            texts.extend(texts_of.map(|text| (text, language)));
        }
        let texts: Vec<_> =
            texts.iter().map(|(text, language)| (text.as_str(), *language)).collect();
        LexicalIndex::build(&texts)
    }

    /// The section that it is written as.
    pub(super) fn words_part(&self) -> Result<Option<Part<'_>>> {
        Ok(Some((Tag::Lexical, self.lexical()?.bytes())))
    }
}
