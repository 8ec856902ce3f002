//! Ranges of the settings of a query.

use super::{Mode, Query};
use crate::{Error, Recency, Result};

impl Query {
    pub(crate) fn check(&self) -> Result<()> {
        Error::check_setting("k", self.k, 1.., "1 or more")?;
        if let Some(rerank) = self.rerank {
            Error::check_setting("rerank", rerank, 1.., "1 or more")?;
        }
        if let Some(per_article) = self.per_article {
            Error::check_setting("per_article", per_article, 1.., "1 or more")?;
        }
        if let Some(maximum) = self.group_by_article {
            Error::check_setting("group_by_article", maximum, 1.., "1 or more")?;
        }
        self.recency.iter().try_for_each(Recency::check)?;
        self.check_fractions()?;
        self.weights.check()?;
        self.effort.check()?;
        self.check_conditions()?;
        let needs_text = self.mode != Mode::Dense || self.vector.is_none() || self.rerank.is_some();
        if needs_text && self.text.trim().is_empty() { Err(Error::EmptyQuery) } else { Ok(()) }
    }

    /// Checks what decides which passages the query matches: its conditions, and its text if a
    /// passage must have a word of it.
    pub(crate) fn check_matching(&self) -> Result<()> {
        self.check_conditions()?;
        let needs_text = self.mode == Mode::Lexical;
        if needs_text && self.text.trim().is_empty() { Err(Error::EmptyQuery) } else { Ok(()) }
    }

    fn check_fractions(&self) -> Result<()> {
        self.check_min_similarity()?;
        if let Some(got) = self.min_score.filter(|score| !score.is_finite()) {
            return Err(Error::Fraction { name: "min_score", got, allowed: "any number" });
        }
        if let Some(dedup) = self.dedup {
            Error::check_fraction("dedup", dedup)?;
        }
        match self.mmr {
            Some(got) if !(0.0..=1.0).contains(&got) => {
                Err(Error::Fraction { name: "mmr", got, allowed: "0 to 1" })
            }
            _ => Ok(()),
        }
    }

    fn check_min_similarity(&self) -> Result<()> {
        let Some(got) = self.min_similarity else { return Ok(()) };
        let name = "min_similarity";
        if !(-1.0..=1.0).contains(&got) {
            return Err(Error::Fraction { name, got, allowed: "-1 to 1" });
        }
        if self.mode.compares_vectors() {
            return Ok(());
        }
        Err(Error::Choice { name, got: "set", allowed: "unset in mode `lexical`" })
    }
}
