//! Weights of the parts of a hybrid score.

use serde::{Deserialize, Serialize};

use crate::{Error, Result, format::settings_text::json_text};

/// Maximum weight, far above any use, so that scores stay finite.
pub(super) const MAX_WEIGHT: f32 = 1000.0;

/// Weights of words, late interaction and identifiers in the score of
/// [`Mode::Hybrid`](crate::Mode::Hybrid).
///
/// The similarity has weight 1. The defaults, 0.75, 0.75 and 0.5, suit models of any spread of
/// cosines. A part of weight 0 does not change the score. Late interaction and identifiers are then
/// not compared; the words still propose candidates.
///
/// # Examples
///
/// ```
/// use passim::{Query, Weights};
///
/// let only_words_and_meaning = Weights { late: 0.0, ..Weights::default() };
/// let query = Query::new("Warum hält Meta Behemoth zurück?").weights(only_words_and_meaning);
/// assert_eq!(query.weights.lexical, 0.75);
///
/// let same: Weights = r#"{"late": 0}"#.parse()?;
/// assert_eq!(same, only_words_and_meaning);
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weights {
    /// Weight of the share of BM25, in `0.0..=1000.0`.
    pub lexical: f32,
    /// Weight of late interaction, in `0.0..=1000.0`.
    pub late: f32,
    /// Weight of the identifiers of the question that a passage has, in `0.0..=1000.0`.
    pub identifier: f32,
}

json_text!(Weights, "set of weights");

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
            if !(0.0..=MAX_WEIGHT).contains(&got) {
                return Err(Error::Fraction { name, got, allowed: "0 to 1000" });
            }
        }
        Ok(())
    }
}
