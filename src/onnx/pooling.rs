//! Pooling of token vectors into a text vector.

/// How the token vectors of a transformer become the vector of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pooling {
    /// The vector of the first token.
    Cls,
    /// The mean of all token vectors.
    Mean,
    /// The vector of the last token, for causal models; the only pooling in candle.
    LastToken,
}
