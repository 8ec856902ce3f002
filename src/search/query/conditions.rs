//! Conditions of a query on passages: filter, words and phrases.

use super::Query;
use crate::{Error, Filter, Result, lexical::words};

impl Query {
    /// Finds only passages that meet `filter`. The search still returns `k` hits whenever `k`
    /// exist. After several calls, a passage must meet all filters.
    ///
    /// The first search with a filter on anything but keys reads the keys, titles and metadata of
    /// all articles, and keeps them in memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, Filter, Query, Retriever};
    ///
    /// let mut retriever = Retriever::in_memory()?;
    /// retriever.add([
    ///     Article::new("de/moor.txt", "Moore speichern viel Kohlenstoff.").metadata("year", 2024),
    ///     Article::new("en/bog.txt", "Peat bogs store a lot of carbon.").metadata("year", 2021),
    /// ])?;
    /// let query = Query::new("Was speichert ein Moor?");
    /// let hits = retriever.search(query.filter(Filter::range("year", ..2023)))?;
    /// assert_eq!(hits.len(), 1);
    /// assert_eq!(hits[0].article, "en/bog.txt");
    /// # Ok::<(), passim::Error>(())
    /// ```
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(match self.filter.take() {
            Some(earlier) => earlier.and(filter),
            None => filter,
        });
        self
    }

    /// Finds only passages that have every word of `words`, in any order. After several calls, a
    /// passage must have the words of all.
    ///
    /// The words of a passage are those of its text, heading and title, as they are
    /// [embedded](crate::Hit::text_in_context). They match as in a search by words
    /// ([`Mode::Lexical`](crate::Mode::Lexical)):
    ///
    /// - in any form: `Ärzte` and `aerzte` match `Arzt`;
    /// - as a part of a compound: `Versicherung` matches `Krankenversicherung`, but not the reverse.
    ///   [`require_phrase`](Self::require_phrase) of a single word matches no compounds;
    /// - stop words only as they are written: `der` does not match `die`;
    /// - numbers by the reading of either language: `3.470` matches `3.470` in any text, and `3,470`
    ///   in an English one.
    ///
    /// A word that no passage has leaves no hits. The search still returns `k` hits whenever `k`
    /// exist, in every mode.
    ///
    /// # Errors
    ///
    /// The search returns [`Error::NoWords`] if `words` has no letter and no digit.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, Query, Retriever};
    ///
    /// let mut retriever = Retriever::in_memory()?;
    /// retriever.add([
    ///     Article::new("log4j.txt", "CVE-2021-44228 betrifft die Bibliothek Log4j."),
    ///     Article::new("openssl.txt", "Eine Lücke betrifft die Bibliothek OpenSSL."),
    /// ])?;
    /// let query = Query::new("Welche Bibliothek ist betroffen?").require("CVE-2021-44228");
    /// let hits = retriever.search(query)?;
    /// assert_eq!(hits.len(), 1);
    /// assert_eq!(hits[0].article, "log4j.txt");
    /// # Ok::<(), passim::Error>(())
    /// ```
    #[must_use]
    pub fn require(mut self, words: impl Into<String>) -> Self {
        self.required.push(words.into());
        self
    }

    /// Finds only passages in which the words of `phrase` stand one after the other, within the
    /// title, the heading or the text. After several calls, a passage must have all phrases.
    ///
    /// Each word matches in any form, but not as a part of a compound. Punctuation between the words
    /// does not count.
    ///
    /// The passages that have all words are looked up, and the best ones are read and checked until
    /// `k` have the phrase. A phrase of frequent words that is rare itself takes the longest.
    ///
    /// # Errors
    ///
    /// The search returns [`Error::NoWords`] if `phrase` has no letter and no digit.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, Query, Retriever};
    ///
    /// let mut retriever = Retriever::in_memory()?;
    /// retriever.add([
    ///     Article::new("ki.txt", "Der Einsatz der künstlichen Intelligenz wächst."),
    ///     Article::new("see.txt", "Intelligenz half, den künstlichen See zu planen."),
    /// ])?;
    /// let query = Query::new("Intelligenz").require_phrase("künstliche Intelligenz");
    /// let hits = retriever.search(query)?;
    /// assert_eq!(hits.len(), 1);
    /// assert_eq!(hits[0].article, "ki.txt");
    /// # Ok::<(), passim::Error>(())
    /// ```
    #[must_use]
    pub fn require_phrase(mut self, phrase: impl Into<String>) -> Self {
        self.required_phrases.push(phrase.into());
        self
    }

    /// Finds only passages that have no word of `words`. After several calls, a passage must have
    /// none of all.
    ///
    /// Words match as in [`require`](Self::require), so `Bank` also leaves out `Parkbank`.
    /// [`exclude_phrase`](Self::exclude_phrase) of a single word leaves out no compounds.
    ///
    /// # Errors
    ///
    /// The search returns [`Error::NoWords`] if `words` has no letter and no digit.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, Query, Retriever};
    ///
    /// let mut retriever = Retriever::in_memory()?;
    /// retriever.add([
    ///     Article::new("auto.txt", "Der Jaguar hat einen Motor mit acht Zylindern."),
    ///     Article::new("tier.txt", "Der Jaguar jagt am Ufer."),
    /// ])?;
    /// let hits = retriever.search(Query::new("Jaguar").exclude("Motor Auto"))?;
    /// assert_eq!(hits.len(), 1);
    /// assert_eq!(hits[0].article, "tier.txt");
    /// # Ok::<(), passim::Error>(())
    /// ```
    #[must_use]
    pub fn exclude(mut self, words: impl Into<String>) -> Self {
        self.excluded.push(words.into());
        self
    }

    /// Finds only passages without `phrase`, whose words match as in
    /// [`require_phrase`](Self::require_phrase). After several calls, a passage must have none of the
    /// phrases.
    ///
    /// # Errors
    ///
    /// The search returns [`Error::NoWords`] if `phrase` has no letter and no digit.
    #[must_use]
    pub fn exclude_phrase(mut self, phrase: impl Into<String>) -> Self {
        self.excluded_phrases.push(phrase.into());
        self
    }

    /// Returns an error for an invalid filter, and for a condition on words that has none.
    pub(super) fn check_conditions(&self) -> Result<()> {
        self.filter.iter().try_for_each(Filter::check)?;
        for (setting, texts) in [
            ("require", &self.required),
            ("require_phrase", &self.required_phrases),
            ("exclude", &self.excluded),
            ("exclude_phrase", &self.excluded_phrases),
        ] {
            if let Some(text) = texts.iter().find(|text| words(text).next().is_none()) {
                return Err(Error::NoWords { setting, text: text.clone() });
            }
        }
        Ok(())
    }
}
