//! How token vectors become the vector of a text.

/// How the token vectors of a transformer become the vector of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pooling {
    /// The vector of the first token.
    Cls,
    /// The mean of all token vectors.
    Mean,
    /// The vector of the last token: that of models that read from left to right; candle runs no
    /// other.
    LastToken,
}
