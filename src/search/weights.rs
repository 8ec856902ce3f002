//! Weights of the parts of a hybrid score.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Weights of words, late interaction and identifiers in the score of
/// [`Mode::Hybrid`](crate::Mode::Hybrid).
///
/// The similarity has weight 1. The defaults, 0.75, 0.75 and 0.5, suit models of any spread of
/// cosines. A part of weight 0 is left out, and its comparison is not run.
///
/// # Examples
///
/// ```
/// use passim::{Query, Weights};
///
/// let only_words_and_meaning = Weights { late: 0.0, ..Weights::default() };
/// let query = Query::new("Warum hält Meta Behemoth zurück?").weights(only_words_and_meaning);
/// assert_eq!(query.weights.lexical, 0.75);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// Weight of the share of BM25, `>= 0.0`.
    pub lexical: f32,
    /// Weight of late interaction, `>= 0.0`.
    pub late: f32,
    /// Weight of the identifiers of the question that a passage has, `>= 0.0`.
    pub identifier: f32,
}

impl Default for Weights {
    fn default() -> Self {
        Self { lexical: 0.75, late: 0.75, identifier: 0.5 }
    }
}

impl Weights {
    fn parts(self) -> [(&'static str, f32); 3] {
        let Self { lexical, late, identifier } = self;
        [("lexical", lexical), ("late", late), ("identifier", identifier)]
    }

    pub(super) fn check(self) -> Result<()> {
        for (name, got) in self.parts() {
            if !(0.0..=f32::MAX).contains(&got) {
                return Err(Error::Fraction { name, got, allowed: "0 or more" });
            }
        }
        Ok(())
    }
}
