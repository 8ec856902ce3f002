//! What a row stands for: the passage with its article, as it is cited.

use super::{
    Segment,
    segment_record::{HeadRecord, StoredHead},
};
use crate::{Hit, Passage, Result, format::sections::short_sum, search::fusion::Scored};

impl Segment {
    /// The hit that `scored`, found here, stands for.
    pub(super) fn hit(&self, scored: Scored) -> Result<Hit> {
        let Scored { row, score, similarity, bm25, .. } = scored;
        let at = self.article_of(row);
        let StoredHead { title, language, metadata, .. } = self.head(at)?;
        let passage = self.passage(row);
        let (text, heading) = self.cited(row, at, &passage)?;
        Ok(Hit {
            score,
            similarity,
            bm25,
            article: self.key(at)?.to_owned(),
            title,
            language,
            range: passage.range,
            text,
            heading,
            metadata,
            explanation: None,
            titled: passage.titled,
        })
    }

    /// The text and the heading of `passage`, of `row` and article `at`, after their checksum
    /// was compared.
    pub(super) fn cited(
        &self,
        row: u32,
        at: u32,
        passage: &Passage,
    ) -> Result<(String, Option<String>)> {
        let read = || {
            let article = self.texts.get_unverified(at as usize)?;
            let text = article.get(passage.range.clone())?;
            let heading = match &passage.heading {
                Some(range) => Some(article.get(range.clone())?),
                None => None,
            };
            let sum = short_sum(&[text, heading.unwrap_or_default()]);
            let owned = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
            let heading = match heading {
                Some(heading) => Some(owned(heading)?),
                None => None,
            };
            let [.., right, _] = self.passages[row as usize];
            (sum == right).then_some((owned(text)?, heading))
        };
        read().ok_or_else(|| self.damaged(at))
    }

    pub(super) fn head(&self, at: u32) -> Result<StoredHead> {
        let head = self.heads.get(at as usize).and_then(HeadRecord::read);
        head.ok_or_else(|| self.damaged(at))
    }
}
