//! A corpus in plain vectors that is searched by definition: the reference of every store.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "counts of a small corpus"
)]

mod filter_definition;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use filter_definition::is_true;

use super::{
    filter::{Instant, Scalar, ValueKind},
    language_totals::LanguageTotals,
    late::PieceList,
    match_count::MatchCount,
    view::{
        ArmRequest, ArticleId, ArticlesByValue, Candidate, Candidates, CountedValue, Matching,
        PassageId, PassagePlace, Question, StoredArticle, StoredPassage, View, rank,
    },
};
use crate::{
    Article, ArticleHead, Chunker, Embedder, Error, Filter, IndexPlan, Interrupt, Language,
    LexicalPlan, Passage, Result, Role, Value,
    embed::PieceRows,
    language::AnalyzedLanguage,
    lexical::{
        Analyzer, CorpusStats, Group, QueryTerms, TermContribution, WeightedTerms, WordConditions,
        detect, is_noise,
    },
    vector,
};

/// A corpus in memory.
pub(crate) struct FakeView {
    articles: Vec<FakeArticle>,
    /// In the order of their places.
    passages: Vec<FakePassage>,
    dim: usize,
}

struct FakeArticle {
    article: Article,
    head: ArticleHead,
    passages: Vec<Passage>,
}

struct FakePassage {
    /// Position of the article.
    article: usize,
    /// Number in the article.
    number: usize,
    vector: Vec<f32>,
    /// Frequency of each term.
    tfs: BTreeMap<String, u32>,
    /// Number of terms.
    length: u32,
}

impl FakeView {
    /// Chunks, embeds and analyzes `articles`, whose keys are distinct.
    pub(crate) fn new(
        articles: &[Article],
        chunker: &Chunker,
        embedder: &dyn Embedder,
    ) -> Result<Self> {
        let mut articles = articles.to_vec();
        articles.sort_by(|a, b| a.key.cmp(&b.key));
        let mut view = Self { articles: Vec::new(), passages: Vec::new(), dim: embedder.dim() };
        for article in articles {
            view.push(article, chunker, embedder)?;
        }
        Ok(view)
    }

    fn push(&mut self, article: Article, chunker: &Chunker, embedder: &dyn Embedder) -> Result<()> {
        let passages = chunker.passages(&article, embedder)?;
        let head = ArticleHead {
            key: article.key.clone(),
            title: article.title.clone(),
            language: article.language.or_else(|| detect(&article.text).map(Language::from)),
            metadata: article.metadata.clone(),
        };
        for (number, passage) in passages.iter().enumerate() {
            let text = passage.text_in_context(&article);
            let vector =
                embedder.embed(Role::Passage, &[&text], Interrupt::none())?.row(0).to_vec();
            let mut tfs = BTreeMap::new();
            let mut length = 0;
            Analyzer::new()?.terms(
                &text,
                head.language.and_then(Language::analyzed),
                |term, _, _| {
                    *tfs.entry(term.to_owned()).or_insert(0) += 1;
                    length += 1;
                },
            );
            let article = self.articles.len();
            self.passages.push(FakePassage { article, number, vector, tfs, length });
        }
        self.articles.push(FakeArticle { article, head, passages });
        Ok(())
    }

    /// Returns the id of the passage at `position`. Ids descend, so that nothing can take their
    /// order for that of places.
    fn id(&self, position: usize) -> PassageId {
        PassageId((self.passages.len() - 1 - position) as u64)
    }

    fn passage(&self, PassageId(id): PassageId) -> &FakePassage {
        let id = usize::try_from(id).expect("an id of this view");
        &self.passages[self.passages.len() - 1 - id]
    }

    fn text_of(&self, passage: &FakePassage) -> String {
        let FakeArticle { article, passages, .. } = &self.articles[passage.article];
        passages[passage.number].text_in_context(article)
    }

    fn language(&self, passage: &FakePassage) -> Option<AnalyzedLanguage> {
        self.articles[passage.article].head.language.and_then(Language::analyzed)
    }

    fn find(&self, key: &str) -> Option<usize> {
        self.articles.iter().position(|stored| stored.article.key == key)
    }

    /// Ranks the allowed passages that have a score.
    fn best(
        &self,
        request: &ArmRequest<'_, Vec<bool>>,
        score: impl Fn(PassageId, &FakePassage) -> Option<Candidate>,
    ) -> Result<BestPassages> {
        let allowed = (0..).zip(&self.passages).filter(|(position, _)| request.allowed[*position]);
        let scored = allowed.filter_map(|(position, passage)| score(self.id(position), passage));
        let scored: Vec<Candidate> = scored.collect();
        let is_exhausted = scored.len() < request.k;
        Ok(BestPassages { found: rank(self, scored, request.k)?, is_exhausted })
    }

    /// Returns the passages of `matching`, each as the position of its article.
    fn matches(&self, matching: &Matching<'_, Vec<bool>>) -> Vec<usize> {
        let allowed = self.passages.iter().zip(matching.allowed).filter(|(_, allowed)| **allowed);
        let has_word = |passage: &FakePassage| {
            let is_in =
                |group: &Group| group.terms.iter().any(|term| passage.tfs.contains_key(term));
            matching.question.is_none_or(|question| question.groups().iter().any(is_in))
        };
        let matches = allowed.filter(|(passage, _)| has_word(passage));
        matches.map(|(passage, _)| passage.article).collect()
    }

    /// Returns the mean length of a passage in terms.
    fn mean_length(&self) -> f64 {
        let terms: u32 = self.passages.iter().map(|passage| passage.length).sum();
        f64::from(terms) / self.passages.len() as f64
    }

    /// Returns the number of passages with a term, summed over the terms of `group`.
    fn doc_freq(&self, group: &Group) -> u64 {
        let with = |term: &String| {
            self.passages.iter().filter(|passage| passage.tfs.contains_key(term)).count() as u64
        };
        group.terms.iter().map(with).sum()
    }

    /// Returns the contribution of `group` to the BM25 of `passage`, by the formula.
    fn contribution(&self, group: &Group, passage: &FakePassage) -> TermContribution {
        let passages = self.passages.len() as f64;
        let doc_freq = self.doc_freq(group).min(self.passages.len() as u64);
        let with = doc_freq as f64;
        let idf = (1.0 + (passages - with + 0.5) / (with + 0.5)).ln();
        let tf: u32 = group.terms.iter().filter_map(|term| passage.tfs.get(term)).sum();
        let times = f64::from(tf);
        let norm = 1.2 * (0.25 + 0.75 * f64::from(passage.length) / self.mean_length());
        let contribution = f64::from(group.weight) * idf * 2.2 * times / (times + norm);
        TermContribution {
            place: group.place.clone(),
            terms: group.terms.clone(),
            weight: group.weight,
            doc_freq,
            idf: idf as f32,
            tf,
            contribution: contribution as f32,
        }
    }

    fn bm25(&self, terms: &WeightedTerms, passage: &FakePassage) -> f32 {
        let contributions = self.contributions_to(passage, terms);
        contributions.map(|word| word.contribution).sum()
    }

    /// Returns the contribution of each group of `terms` to the BM25 of `passage`.
    fn contributions_to(
        &self,
        passage: &FakePassage,
        terms: &WeightedTerms,
    ) -> impl Iterator<Item = TermContribution> {
        terms.groups().iter().map(|weighted| self.contribution(&weighted.group, passage))
    }

    /// Returns an error if a name has stored values, but none of the kind that `filter` compares.
    fn check_kinds(&self, filter: &Filter) -> Result<()> {
        filter.expression().asked(&mut |name, asked| {
            let values = self.articles.iter().filter_map(|stored| stored.head.metadata.get(name));
            let items = values.flat_map(Value::items);
            let kinds: Vec<ValueKind> = items.map(|item| Scalar::first(item).kind()).collect();
            if kinds.is_empty() || kinds.contains(&asked) {
                return Ok(());
            }
            let stored = ValueKind::ALL.into_iter().filter(|kind| kinds.contains(kind));
            let stored = stored.map(ValueKind::plural).collect();
            Err(Error::FilterType { name: name.to_owned(), asked: asked.plural(), stored })
        })
    }
}

/// The best passages, and whether there are no others.
struct BestPassages {
    found: Vec<Candidate>,
    is_exhausted: bool,
}

impl View for FakeView {
    /// By passage.
    type Allowed = Vec<bool>;

    fn passages(&self) -> usize {
        self.passages.len()
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn allowed(&self, filter: Option<&Filter>, words: &WordConditions) -> Result<Vec<bool>> {
        if let Some(filter) = filter {
            self.check_kinds(filter)?;
        }
        let is_allowed = |passage: &FakePassage| {
            let stored = &self.articles[passage.article];
            let meets = |filter: &Filter| {
                is_true(filter.expression(), &stored.head, &stored.passages[passage.number])
            };
            let has = |term: &String| passage.tfs.contains_key(term);
            filter.is_none_or(meets)
                && words.required.iter().all(|terms| terms.iter().any(has))
                && !words.excluded.iter().any(has)
        };
        Ok(self.passages.iter().map(is_allowed).collect())
    }

    fn check_types(&self, filter: &Filter) -> Result<()> {
        self.check_kinds(filter)
    }

    fn allowed_passages(&self, allowed: &Vec<bool>) -> usize {
        allowed.iter().filter(|is_allowed| **is_allowed).count()
    }

    fn corpus_stats(&self, terms: &QueryTerms) -> Result<CorpusStats> {
        Ok(CorpusStats {
            passages: self.passages.len() as u64,
            terms: self.passages.iter().map(|passage| u64::from(passage.length)).sum(),
            doc_freqs: terms.groups().iter().map(|group| self.doc_freq(group)).collect(),
        })
    }

    fn language_totals(&self) -> Result<LanguageTotals> {
        let mut totals = LanguageTotals::empty(self.dim);
        for passage in &self.passages {
            totals.add(self.language(passage), &passage.vector);
        }
        Ok(totals)
    }

    fn nearest(
        &self,
        vector: &[f32],
        request: &ArmRequest<'_, Vec<bool>>,
    ) -> Result<Candidates<IndexPlan>> {
        let score = |id, passage: &FakePassage| {
            Some(Candidate::dense(id, vector::similarity(vector, &passage.vector)))
        };
        let BestPassages { found, is_exhausted } = self.best(request, score)?;
        Ok(Candidates { found, is_exhausted, plans: Vec::new() })
    }

    fn matching(
        &self,
        terms: &WeightedTerms,
        request: &ArmRequest<'_, Vec<bool>>,
    ) -> Result<Candidates<LexicalPlan>> {
        let score = |id, passage: &FakePassage| {
            let bm25 = self.bm25(terms, passage);
            (bm25 > 0.0).then(|| Candidate::lexical(id, bm25))
        };
        let BestPassages { found, is_exhausted } = self.best(request, score)?;
        Ok(Candidates { found, is_exhausted, plans: Vec::new() })
    }

    fn complete(&self, question: &Question<'_>, candidates: &mut [Candidate]) -> Result<()> {
        for candidate in candidates {
            let passage = self.passage(candidate.id);
            let similarity = vector::similarity(question.vector, &passage.vector);
            let bm25 = self.bm25(question.terms, passage);
            candidate.similarity.get_or_insert(similarity);
            candidate.bm25.get_or_insert(bm25);
            candidate.language = self.language(passage);
            candidate.is_noise = is_noise(&self.text_of(passage));
        }
        Ok(())
    }

    fn pieces(&self, ids: &[PassageId]) -> Result<Vec<PieceList>> {
        let rows = PieceRows::bundled()?;
        let pieces = |id: &PassageId| PieceList::of(&self.text_of(self.passage(*id)), &rows);
        Ok(ids.iter().map(pieces).collect())
    }

    fn places(&self, ids: &[PassageId]) -> Result<Vec<PassagePlace<'_>>> {
        let place = |id: &PassageId| {
            let passage = self.passage(*id);
            let key = Cow::Borrowed(&*self.articles[passage.article].article.key);
            PassagePlace { key, number: u32::try_from(passage.number).expect("few passages") }
        };
        Ok(ids.iter().map(place).collect())
    }

    fn articles(&self, ids: &[PassageId]) -> Result<Vec<ArticleId>> {
        Ok(ids.iter().map(|id| ArticleId(self.passage(*id).article as u64)).collect())
    }

    fn latest_times(&self, name: &str, ids: &[PassageId]) -> Result<Vec<Option<Instant>>> {
        let latest = |id: &PassageId| {
            let head = &self.articles[self.passage(*id).article].head;
            let items = head.metadata.get(name).map_or(&[][..], Value::items);
            items.iter().filter_map(|item| Scalar::first(item).time()).max()
        };
        Ok(ids.iter().map(latest).collect())
    }

    fn vectors(&self, ids: &[PassageId]) -> Result<Vec<Cow<'_, [f32]>>> {
        Ok(ids.iter().map(|id| Cow::Borrowed(&*self.passage(*id).vector)).collect())
    }

    fn read(&self, ids: &[PassageId]) -> Result<Vec<StoredPassage>> {
        let read = |id: &PassageId| {
            let FakePassage { article, number, .. } = self.passage(*id);
            let FakeArticle { article, head, passages } = &self.articles[*article];
            let Passage { range, heading, table_header, markup, titled, .. } =
                passages[*number].clone();
            StoredPassage {
                article: article.key.clone(),
                title: article.title.clone(),
                language: head.language,
                text: article.text[range.clone()].to_owned(),
                range,
                heading: heading.map(|heading| article.text[heading].to_owned()),
                table_header: table_header.map(|header| article.text[header].to_owned()),
                markup,
                metadata: article.metadata.clone(),
                titled,
            }
        };
        Ok(ids.iter().map(read).collect())
    }

    fn contributions(
        &self,
        terms: &WeightedTerms,
        ids: &[PassageId],
    ) -> Result<Vec<Vec<TermContribution>>> {
        let of_passage = |id: &PassageId| self.contributions_to(self.passage(*id), terms).collect();
        Ok(ids.iter().map(of_passage).collect())
    }

    fn count(&self, matching: &Matching<'_, Vec<bool>>) -> Result<MatchCount> {
        let passages = self.matches(matching);
        let articles: BTreeSet<_> = passages.iter().collect();
        let (passages, articles) = (passages.len(), articles.len());
        Ok(MatchCount { passages, articles, is_exact: false })
    }

    fn count_values(
        &self,
        name: &str,
        matching: &Matching<'_, Vec<bool>>,
    ) -> Result<ArticlesByValue<'_>> {
        let articles: BTreeSet<usize> = self.matches(matching).into_iter().collect();
        let mut counts = BTreeMap::new();
        let mut without = 0;
        for article in &articles {
            let value = self.articles[*article].head.metadata.get(name);
            let items = value.map_or(&[][..], Value::items);
            let distinct: BTreeSet<_> = items.iter().map(Scalar::first).collect();
            without += usize::from(distinct.is_empty());
            for value in distinct {
                *counts.entry(value).or_insert(0) += 1;
            }
        }
        let values = counts.into_iter().map(|(value, count)| CountedValue::new(value, count));
        Ok(ArticlesByValue { values: values.collect(), articles: articles.len(), without })
    }

    fn article(&self, key: &str) -> Result<Option<StoredArticle>> {
        Ok(self.find(key).map(|at| {
            let FakeArticle { article, passages, .. } = &self.articles[at];
            StoredArticle { article: article.clone(), passages: passages.clone() }
        }))
    }

    fn article_vectors(&self, key: &str) -> Result<Option<Vec<Cow<'_, [f32]>>>> {
        let Some(at) = self.find(key) else { return Ok(None) };
        let passages = self.passages.iter().filter(|passage| passage.article == at);
        Ok(Some(passages.map(|passage| Cow::Borrowed(&*passage.vector)).collect()))
    }
}
