//! Every call of an embedder from this crate. A panic is an error, and the result is checked.

use crate::{EmbeddedTexts, Embedder, Error, Interrupt, Result, Role, Vectors, work::call_model};

impl dyn Embedder + '_ {
    /// Calls [`count_tokens`](Embedder::count_tokens).
    pub(crate) fn call_count_tokens(&self, text: &str) -> Result<usize> {
        call_model(Error::Embed, || self.count_tokens(text))
    }

    /// Calls [`embed`](Embedder::embed), and checks the number of vectors and their dimension.
    pub(crate) fn call_embed(
        &self,
        role: Role,
        texts: &[&str],
        interrupt: Interrupt<'_>,
    ) -> Result<Vectors> {
        let vectors = call_model(Error::Embed, || self.embed(role, texts, interrupt))?;
        self.check_vectors(texts, &vectors)?;
        Ok(vectors)
    }

    /// Calls [`embed_counted`](Embedder::embed_counted), and checks its vectors and the number of
    /// its lengths.
    pub(crate) fn call_embed_counted(
        &self,
        role: Role,
        texts: &[&str],
        interrupt: Interrupt<'_>,
    ) -> Result<EmbeddedTexts> {
        let embedded = call_model(Error::Embed, || self.embed_counted(role, texts, interrupt))?;
        self.check_vectors(texts, &embedded.vectors)?;
        if embedded.tokens.len() != texts.len() {
            return Err(Error::VectorCount { expected: texts.len(), got: embedded.tokens.len() });
        }
        Ok(embedded)
    }

    fn check_vectors(&self, texts: &[&str], vectors: &Vectors) -> Result<()> {
        if vectors.len() != texts.len() {
            return Err(Error::VectorCount { expected: texts.len(), got: vectors.len() });
        }
        if vectors.dim() != self.dim() {
            return Err(Error::ModelDimension { expected: self.dim(), got: vectors.dim() });
        }
        Ok(())
    }
}
