//! Follow-ups of a search: related articles, highlights and contexts.

use std::{cell::RefCell, ops::Range};

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_128;

use super::{
    best_sentences::{self, HitSentence},
    context::{Context, Packing},
    context_options::ContextOptions,
    excerpts::HitArticles,
    filter::Filter,
    highlight::{Highlights, highlight},
    hit::{Hit, Hits},
    query::Query,
    query_models::{QueryModels, interrupt_of},
    related::mean_direction,
    view::View,
};
use crate::{Error, Interrupt, Result, Role, text::sentences_of, vector};

impl QueryModels<'_> {
    /// Returns the `k` articles of `view` closest to the article with this key, each by its best
    /// passage; `None` if there is no such article.
    pub(crate) fn related<V: View>(self, view: &V, key: &str, k: usize) -> Result<Option<Hits>> {
        Error::check_setting("k", k, 1.., "1 or more")?;
        let Some(mean) = mean_direction(view, key)? else { return Ok(None) };
        if mean.iter().all(|value| *value == 0.0) {
            // An article without passages has no direction to compare.
            return Ok(Some(Hits::default()));
        }
        let query = Query::from_vector(mean).k(k).per_article(1).filter(!Filter::key(key));
        self.answer(&query, |_, read| read(view)).map(Some)
    }

    /// Embeds the sentences of each of `hits` together, compares them with the question, and finds the
    /// words of the question in them.
    pub(crate) fn highlights(self, query: &Query, hits: &[Hit]) -> Result<Vec<Highlights>> {
        query.check()?;
        let ranges = hits.iter().map(|hit| sentences_of(&hit.text, hit.markup).collect());
        let ranges: Vec<Vec<Range<usize>>> = ranges.collect();
        let sentences = hits.iter().zip(&ranges).flat_map(|(hit, ranges)| {
            ranges.iter().map(|range| hit.markup.text_of(&hit.text[range.clone()]))
        });
        let sentences: Vec<_> = sentences.collect();
        let texts: Vec<&str> = sentences.iter().map(AsRef::as_ref).collect();
        let interrupt = interrupt_of(query);
        let question = self.question_vector(query, interrupt)?;
        let (vectors, _) = self.stage().interrupt(interrupt).run(Role::Passage, &texts)?;
        let similarities = vectors.rows().map(|vector| vector::similarity(&question, vector));
        highlight(query, hits, &ranges, similarities)
    }

    /// Packs `hits`, best first, by `options`; if none fits, their best sentences.
    pub(crate) fn context<V: View>(
        self,
        view: &V,
        hits: &[Hit],
        options: &ContextOptions,
    ) -> Result<Context> {
        let ContextOptions { budget, question, markers, counter } = options;
        // Each hit changes one excerpt, so the counts of the others are cached.
        let cache: RefCell<FxHashMap<u128, usize>> = RefCell::default();
        let count = |text: &str| {
            let key = xxh3_128(text.as_bytes());
            if let Some(tokens) = cache.borrow().get(&key) {
                return Ok(*tokens);
            }
            let tokens = match counter {
                Some(counter) => counter(text)?,
                None => self.embedder.call_count_tokens(text)?,
            };
            cache.borrow_mut().insert(key, tokens);
            Ok(tokens)
        };
        let packing = Packing { budget: *budget, markers, count: &count };
        let context = packing.pack_hits(&HitArticles::read(view, hits)?)?;
        if !context.excerpts.is_empty() || hits.is_empty() {
            return Ok(context);
        }
        let sentences = self.ordered_sentences(hits, question.as_ref())?;
        best_sentences::pack(&packing, hits, sentences)
    }

    /// Returns sentences of `hits`, those closest to `question` first; without one, in their order.
    fn ordered_sentences(self, hits: &[Hit], question: Option<&Query>) -> Result<Vec<HitSentence>> {
        let sentences = best_sentences::sentences(hits);
        let Some(question) = question else { return Ok(sentences) };
        question.check()?;
        let interrupt = interrupt_of(question);
        let texts: Vec<String> = sentences.iter().map(|sentence| sentence.text(hits)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let question = self.question_vector(question, interrupt)?;
        let (vectors, _) = self.stage().interrupt(interrupt).run(Role::Passage, &texts)?;
        Ok(best_sentences::sort_by_similarity(sentences, &vectors, &question))
    }

    /// Returns the vector of `query`, or that of its text; of length 1.
    fn question_vector(self, query: &Query, interrupt: Interrupt) -> Result<Vec<f32>> {
        if let Some(vector) = query.unit_vector(self.embedder.dim())? {
            return Ok(vector);
        }
        Ok(self.embedded(&query.text, interrupt)?.row(0).to_vec())
    }
}
