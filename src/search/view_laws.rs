//! The laws that every store obeys: [`check`] asserts them for a view of given articles.

mod defined_conditions;
mod result_laws;

use std::cmp::Ordering;

use defined_conditions::{DefinedFilter, DefinedWords, filters, word_conditions};

use result_laws::recency;

use super::{
    candidates::FIRST_POOL,
    fake_view::FakeView,
    pipeline::{EmbeddedQuestion, retrieve},
    view::{ArmRequest, View, ids_of},
};
use crate::{
    Article, Cancel, Chunker, Date, Embedder, Error, Explanation, Filter, Hit, Hits, Interrupt,
    Language, Mode, Query, Result, Role, SearchEffort, StaticEmbedder, Timestamp, Value,
    lexical::{Analyzer, CorpusStats, QueryTerms, WordConditions, detect},
};

/// Largest difference of two scores that are equal by definition.
const TOLERANCE: f32 = 1e-5;

const QUESTIONS: [&str; 6] = [
    "Was speichern Moore?",
    "Who repairs railway bridges?",
    "Moor Kohlenstoff carbon bog Wasser",
    "der die das",
    "Brückenbau Wasserkraftwerk",
    "zzyzx",
];

const SENTENCES: [&str; 10] = [
    "Moore speichern Kohlenstoff und Wasser.",
    "Peat bogs store carbon and water.",
    "Die Brücke über den Fluss wird im Sommer erneuert.",
    "Railway bridges are repaired at night.",
    "Das Wasserkraftwerk liefert Strom für die Stadt.",
    "The power plant feeds the grid in winter.",
    "Ein Sauerteig braucht Zeit und Wärme.",
    "Sourdough needs time, flour and water.",
    "Der Zug hält in Wien, in Linz und in Graz.",
    "Trains between the cities run every hour.",
];

/// The embedder of the corpora.
pub(crate) fn embedder() -> StaticEmbedder {
    StaticEmbedder::bundled().expect("the bundled model is part of the crate")
}

/// The chunker of the corpora, whose articles have several passages.
pub(crate) fn chunker() -> Chunker {
    Chunker::default().max_tokens(24)
}

/// A corpus with equal passages under several keys, an article without text, headings, a declared
/// language, and keys that are not in the order of the articles.
pub(crate) fn corpus() -> Vec<Article> {
    let numbers = (0_usize..40).map(|at| at * 17 % 40);
    let mut articles: Vec<Article> = numbers.map(article).collect();
    articles.push(Article::new("leer", ""));
    articles.push(Article::new(
        "überschrift",
        "# Moore\n\nSie speichern Wasser.\n\n## Torf\n\nEr brennt.",
    ));
    articles.push(Article::new("deutsch", "Ticket 7 Wien Linz").language(Language::German));
    articles
}

fn article(number: usize) -> Article {
    // Every third text occurs three times.
    let start = if number.is_multiple_of(3) { number / 9 } else { number };
    let sentences = (0..=start % 5).map(|at| SENTENCES[(start * 3 + at * 7) % SENTENCES.len()]);
    let text = sentences.collect::<Vec<_>>().join("\n\n");
    let topic = ["moor", "bahn", "brot"][number % 3];
    let day = i8::try_from(number % 28 + 1).expect("a day of a month");
    let article = Article::new(format!("{topic}/{number}"), text)
        .metadata("topic", topic)
        .metadata("number", i64::try_from(number).expect("a small number"))
        .metadata("day", Date::new(2026, 3, day).expect("a date"))
        .metadata("mixed", mixed(number));
    if number.is_multiple_of(4) { article.title(format!("Titel {}", number % 8)) } else { article }
}

/// Values of several types, some of which are equal.
fn mixed(number: usize) -> Value {
    let midnight = Date::new(2026, 3, 1).expect("a date");
    let instant = |text: &str| text.parse::<Timestamp>().expect("a timestamp");
    match number % 8 {
        0 => Value::from(3),
        1 => Value::from(3.0),
        2 => vec![Value::from("a"), Value::from(3), Value::from("a")].into(),
        3 => midnight.into(),
        4 => vec![Value::from(instant("2026-03-01T00:00:00Z")), Value::from(2.5)].into(),
        5 => instant("2026-03-01T07:30:00.5Z").into(),
        6 => vec![Value::from(true), Value::from(u64::MAX), Value::from(-1)].into(),
        _ => "ä\"".into(),
    }
}

/// Asserts that `view` is a view of `articles` that obeys the laws.
pub(crate) fn check<V: View>(view: &V, articles: &[Article]) -> Result<()> {
    let laws = Laws { view, articles, fake: FakeView::new(articles, &chunker(), &embedder())? };
    laws.counts_are_those_of_the_articles()?;
    laws.filters_allow_what_they_define()?;
    laws.a_filter_of_another_type_is_an_error();
    laws.words_allow_what_the_texts_have()?;
    laws.counts_are_those_of_the_hits()?;
    laws.groups_are_those_of_the_ungrouped_list()?;
    laws.recency_adds_its_part_to_the_score()?;
    laws.without_weight_recency_changes_nothing()?;
    laws.phrases_are_found_if_they_exist()?;
    laws.k_hits_are_found_if_k_exist()?;
    laws.ties_follow_key_and_passage_number()?;
    laws.fewer_hits_are_the_first_of_more()?;
    laws.answers_are_those_of_the_definition()?;
    laws.contributions_add_up_to_bm25()?;
    laws.answers_are_in_the_order_of_the_ids()?;
    laws.graph_searches_find_k_hits()?;
    laws.an_interrupt_is_no_error()?;
    laws.articles_are_read_whole()
}

struct Laws<'a, V> {
    view: &'a V,
    articles: &'a [Article],
    fake: FakeView,
}

impl<V: View> Laws<'_, V> {
    fn counts_are_those_of_the_articles(&self) -> Result<()> {
        assert_eq!(self.view.passages(), self.fake.passages());
        assert_eq!(self.view.dim(), embedder().dim());
        let mut analyzer = Analyzer::new()?;
        for question in QUESTIONS {
            let terms = QueryTerms::of(question, &mut analyzer);
            let counted = self.count(&terms, &mut analyzer)?;
            assert_eq!(self.view.corpus_stats(&terms)?, counted, "{question}");
        }
        Ok(())
    }

    /// Counts `terms` in the texts of all passages.
    fn count(&self, terms: &QueryTerms, analyzer: &mut Analyzer) -> Result<CorpusStats> {
        let doc_freqs = vec![0; terms.groups().len()];
        let mut stats = CorpusStats { passages: 0, terms: 0, doc_freqs };
        for article in self.articles {
            let language = article.language.or_else(|| detect(&article.text).map(Language::from));
            for passage in chunker().passages(article, &embedder())? {
                let mut found = Vec::new();
                let text = passage.text_in_context(article);
                analyzer.terms(&text, language.and_then(Language::analyzed), |term, _, _| {
                    found.push(term.to_owned());
                });
                stats.passages += 1;
                stats.terms += found.len() as u64;
                for (group, doc_freq) in terms.groups().iter().zip(&mut stats.doc_freqs) {
                    let terms = group.terms.iter().filter(|term| found.contains(*term));
                    *doc_freq += terms.count() as u64;
                }
            }
        }
        Ok(stats)
    }

    fn filters_allow_what_they_define(&self) -> Result<()> {
        for DefinedFilter { filter, is_allowed } in self.filters() {
            let allowed = self.allowed_by(&filter)?;
            let found = self.view.allowed_passages(&allowed);
            let is_custom = format!("{filter}").contains("closure");
            let passages = self.articles.iter().filter(|article| is_allowed(article));
            let passages = passages.map(|article| {
                let passages = chunker().passages(article, &embedder())?.len();
                // The closure allows the first passage alone.
                Ok(if is_custom { passages.min(1) } else { passages })
            });
            let defined: usize = passages.sum::<Result<usize>>()?;
            assert_eq!(found, defined, "{filter}");
            let query = Query::new(QUESTIONS[2]).k(500).mode(Mode::Dense).exact().filter(filter);
            let hits = answer(self.view, &query)?;
            assert_eq!(hits.len(), defined);
            let article =
                |hit: &Hit| self.articles.iter().find(|article| article.key == hit.article);
            assert!(hits.iter().all(|hit| is_allowed(article(hit).expect("a live article"))));
        }
        Ok(())
    }

    /// Returns the filters that the store evaluates: a database refuses closures.
    fn filters(&self) -> Vec<DefinedFilter> {
        let mut filters = filters();
        let refuses =
            |filter: &Filter| matches!(self.allowed_by(filter), Err(Error::Filter { .. }));
        filters.retain(|defined| !refuses(&defined.filter));
        assert!(filters.len() > 9, "too few filters");
        filters
    }

    fn allowed_by(&self, filter: &Filter) -> Result<V::Allowed> {
        self.view.allowed(Some(filter), &WordConditions::default())
    }

    /// Returns the passages of the corpus, each as its article and the embedded text.
    fn texts(&self) -> Result<Vec<(&Article, String)>> {
        let mut texts = Vec::new();
        for article in self.articles {
            let passages = chunker().passages(article, &embedder())?;
            texts
                .extend(passages.iter().map(|passage| (article, passage.text_in_context(article))));
        }
        Ok(texts)
    }

    fn words_allow_what_the_texts_have(&self) -> Result<()> {
        let mut analyzer = Analyzer::new()?;
        for DefinedWords { required, excluded, are_met_by } in word_conditions() {
            let mut words = WordConditions::default();
            words.require(required, &mut analyzer);
            words.exclude(excluded, &mut analyzer);
            let prefixes = Filter::key_prefix("moor/").or(Filter::key_prefix("moor/1"));
            for filter in [None, Some(prefixes)] {
                let texts = self.texts()?.into_iter().filter(|(article, text)| {
                    are_met_by(text) && (filter.is_none() || article.key.starts_with("moor/"))
                });
                let allowed = self.view.allowed(filter.as_ref(), &words)?;
                let counted = self.view.allowed_passages(&allowed);
                assert_eq!(counted, texts.count(), "{required}, not {excluded}");
            }
        }
        Ok(())
    }

    fn phrases_are_found_if_they_exist(&self) -> Result<()> {
        for phrase in ["speichern Kohlenstoff", "in Wien, in Linz", "Titel 4"] {
            let texts = self.texts()?;
            let with_phrase = texts.iter().filter(|(_, text)| text.contains(phrase)).count();
            assert!(with_phrase > 1, "{phrase}");
            for mode in [Mode::Dense, Mode::Hybrid] {
                for k in [1, 400] {
                    let query = Query::new(QUESTIONS[1]).mode(mode).exact().k(k);
                    let found = answer(self.view, &query.clone().require_phrase(phrase))?;
                    assert_eq!(found.len(), k.min(with_phrase), "{query:?}");
                    let others = answer(self.view, &query.clone().exclude_phrase(phrase))?;
                    assert_eq!(others.len(), k.min(texts.len() - with_phrase), "{query:?}");
                }
            }
        }
        Ok(())
    }

    fn a_filter_of_another_type_is_an_error(&self) {
        let error = self.allowed_by(&Filter::equals("number", "5")).err();
        assert!(matches!(error, Some(Error::FilterType { .. })), "{error:?}");
        assert!(self.allowed_by(&Filter::equals("unknown", "5")).is_ok());
    }

    fn k_hits_are_found_if_k_exist(&self) -> Result<()> {
        let filters = self.filters().into_iter();
        let filters = filters.map(|defined| Some(defined.filter)).chain([None]);
        for filter in filters {
            let allowed = self.view.allowed(filter.as_ref(), &WordConditions::default())?;
            let exist = self.view.allowed_passages(&allowed);
            for (mode, k) in [(Mode::Dense, 3), (Mode::Hybrid, 7), (Mode::Hybrid, 400)] {
                let mut query = Query::new(QUESTIONS[0]).k(k).mode(mode).exact();
                query.filter = filter.clone();
                assert_eq!(answer(self.view, &query)?.len(), k.min(exist), "{query:?}");
            }
            let mut query = Query::new(QUESTIONS[0]).k(400).mode(Mode::Lexical);
            query.filter = filter;
            let with_words = answer(&self.fake, &query)?.len();
            assert_eq!(answer(self.view, &query)?.len(), with_words, "{query:?}");
        }
        Ok(())
    }

    fn ties_follow_key_and_passage_number(&self) -> Result<()> {
        let mut ties = 0;
        // With `mmr`, hits are in the order of choice; with groups, in the order of these.
        let ranked = |query: &Query| query.mmr.is_none() && query.group_by_article.is_none();
        for query in self.queries().into_iter().filter(ranked) {
            let hits = answer(self.view, &query)?;
            for (before, pair) in (1..).zip(hits.windows(2)) {
                let [first, second] = pair else { unreachable!("windows of two") };
                match second.score.total_cmp(&first.score) {
                    Ordering::Less => {}
                    // A tier comes after all earlier ones, the first of which has FIRST_POOL
                    // passages at least.
                    Ordering::Greater => assert!(before >= FIRST_POOL, "{query:?}: {second:?}"),
                    Ordering::Equal => {
                        let place = |hit: &Hit| (hit.article.clone(), hit.range.start);
                        assert!(place(first) < place(second), "{query:?}");
                        ties += 1;
                    }
                }
            }
        }
        assert!(ties > 50, "{ties} ties prove little");
        Ok(())
    }

    fn fewer_hits_are_the_first_of_more(&self) -> Result<()> {
        for mode in [Mode::Dense, Mode::Lexical, Mode::Hybrid] {
            for question in QUESTIONS {
                let query = Query::new(question).mode(mode).exact();
                let all = answer(self.view, &query.clone().k(500))?;
                for k in [1, 2, 5, 20, 50, 60, 150] {
                    let some = answer(self.view, &query.clone().k(k))?;
                    assert_eq!(some[..], all[..k.min(all.len())], "{mode}: {question}");
                }
            }
        }
        Ok(())
    }

    fn answers_are_those_of_the_definition(&self) -> Result<()> {
        for query in self.queries() {
            let found = answer(self.view, &query)?;
            let defined = answer(&self.fake, &query)?;
            assert_eq!(found.len(), defined.len(), "{query:?}");
            for (found, defined) in found.iter().zip(&defined) {
                assert_same(found, defined, &query);
            }
        }
        Ok(())
    }

    fn contributions_add_up_to_bm25(&self) -> Result<()> {
        let query = Query::new(QUESTIONS[2]).k(500).explain();
        for hit in &answer(self.view, &query)? {
            let words = &hit.explanation.as_ref().expect("the query asks for it").words;
            let sum: f32 = words.iter().map(|word| word.contribution).sum();
            let bm25 = hit.bm25.expect("a hybrid search scores both");
            assert!((sum - bm25).abs() <= TOLERANCE * bm25.max(1.0), "{hit:?}");
        }
        Ok(())
    }

    fn answers_are_in_the_order_of_the_ids(&self) -> Result<()> {
        let allowed = self.view.allowed(None, &WordConditions::default())?;
        let vector = embedder().embed(Role::Query, &[QUESTIONS[0]], Interrupt::none())?;
        let request = ArmRequest {
            k: 20,
            allowed: &allowed,
            effort: SearchEffort::Exact,
            interrupt: Interrupt::none(),
        };
        let found = self.view.nearest(vector.row(0), &request)?.found;
        let mut ids = ids_of(&found);
        ids.push(ids[3]);
        let vectors = self.view.vectors(&ids)?;
        let passages = self.view.read(&ids)?;
        let places = self.view.places(&ids)?;
        let articles = self.view.articles(&ids)?;
        for (at, id) in ids.iter().enumerate() {
            let alone = [*id];
            assert_eq!(self.view.vectors(&alone)?[0], vectors[at]);
            assert_eq!(self.view.read(&alone)?[0], passages[at]);
            assert_eq!(self.view.places(&alone)?[0], places[at]);
            assert_eq!(self.view.articles(&alone)?[0], articles[at]);
            assert_eq!(places[at].key, passages[at].article);
        }
        assert_eq!([vectors.len(), passages.len(), places.len(), articles.len()], [ids.len(); 4]);
        Ok(())
    }

    fn graph_searches_find_k_hits(&self) -> Result<()> {
        for DefinedFilter { filter, .. } in self.filters() {
            let allowed = self.allowed_by(&filter)?;
            let exist = self.view.allowed_passages(&allowed);
            for mode in [Mode::Dense, Mode::Hybrid] {
                let query = Query::new(QUESTIONS[1]).mode(mode).k(12).filter(filter.clone());
                assert_eq!(answer(self.view, &query)?.len(), exist.min(12), "{query:?}");
            }
        }
        Ok(())
    }

    fn an_interrupt_is_no_error(&self) -> Result<()> {
        let cancel = Cancel::new();
        cancel.cancel();
        for mode in [Mode::Dense, Mode::Lexical, Mode::Hybrid] {
            let query = Query::new(QUESTIONS[0]).mode(mode).k(500);
            let interrupt = Interrupt::new(None, Some(&cancel));
            let some = answer_until(self.view, &query, interrupt)?;
            let all = answer(self.view, &query)?;
            let is_hit = |hit: &Hit| {
                all.iter().any(|other| other.range == hit.range && other.article == hit.article)
            };
            assert!(some.iter().all(is_hit), "{mode}");
        }
        Ok(())
    }

    /// Queries of all modes, with every setting that reads the view.
    fn queries(&self) -> Vec<Query> {
        let mut queries = Vec::new();
        for question in QUESTIONS {
            for mode in [Mode::Dense, Mode::Lexical, Mode::Hybrid] {
                let query = Query::new(question).mode(mode).exact();
                queries.push(query.clone().k(9));
                queries.push(query.clone().k(200).explain());
                queries.push(query.clone().k(8).per_article(1));
                queries.push(query.clone().k(8).dedup(0.999));
                queries.push(query.clone().k(6).mmr(0.4));
                queries.push(query.clone().k(5).group_by_article(2).explain());
                queries.push(query.clone().k(5).group_by_article(3).mmr(0.4).dedup(0.999));
                queries.push(query.clone().k(60).recency(recency()).explain());
                queries.push(query.clone().k(6).group_by_article(2).recency(recency()).mmr(0.2));
                for DefinedFilter { filter, .. } in self.filters() {
                    queries.push(query.clone().k(10).filter(filter));
                }
            }
            let query = Query::new(question).exact();
            queries.push(query.clone().k(30).min_similarity(0.2));
            queries.push(query.k(30).mode(Mode::Dense).min_similarity(0.3));
        }
        queries
    }

    fn articles_are_read_whole(&self) -> Result<()> {
        for article in self.articles {
            let stored = self.view.article(&article.key)?.expect("a live article");
            assert_eq!(stored.article, *article);
            assert_eq!(stored.passages, chunker().passages(article, &embedder())?);
            let vectors = self.view.article_vectors(&article.key)?.expect("a live article");
            let defined = self.fake.article_vectors(&article.key)?.expect("the same article");
            assert_eq!(vectors, defined);
        }
        for key in ["nirgends", "moor", "moor/", "moor/00"] {
            assert_eq!(self.view.article(key)?, None);
            assert_eq!(self.view.article_vectors(key)?, None);
        }
        Ok(())
    }
}

/// Answers `query` by the pipeline.
fn answer<V: View>(view: &V, query: &Query) -> Result<Hits> {
    answer_until(view, query, Interrupt::none())
}

/// Answers `query` by the pipeline, unless `interrupt` ends it.
fn answer_until<V: View>(view: &V, query: &Query, interrupt: Interrupt) -> Result<Hits> {
    let vectors = embedder().embed(Role::Query, &[&query.text], Interrupt::none())?;
    let question =
        EmbeddedQuestion { vector: vectors.row(0), embed_time: std::time::Duration::ZERO };
    retrieve(view, Some(question), query, interrupt)
}

/// Asserts that two hits are of one passage and that their scores are equal.
fn assert_same(found: &Hit, defined: &Hit, query: &Query) {
    assert!(are_close(Some(found.score), Some(defined.score)), "{found:?} {defined:?} {query:?}");
    assert!(are_close(found.similarity, defined.similarity), "{found:?} {defined:?}");
    assert!(are_close(found.bm25, defined.bm25), "{found:?} {defined:?}");
    let passage = |hit: &Hit| Hit {
        score: 0.0,
        similarity: None,
        bm25: None,
        explanation: None,
        ..hit.clone()
    };
    assert_eq!(passage(found), passage(defined), "{query:?}");
    match (found.explanation.as_deref(), defined.explanation.as_deref()) {
        (Some(found), Some(defined)) => assert_same_explanation(found, defined),
        (found, defined) => assert_eq!(found, defined),
    }
}

/// Returns whether two scores are equal by definition.
fn are_close(found: Option<f32>, defined: Option<f32>) -> bool {
    match (found, defined) {
        (Some(found), Some(defined)) => {
            (found - defined).abs() <= TOLERANCE * defined.abs().max(1.0)
        }
        (found, defined) => found == defined,
    }
}

fn assert_same_explanation(found: &Explanation, defined: &Explanation) {
    assert_eq!(found.dense_rank, defined.dense_rank);
    assert_eq!(found.freshness, defined.freshness);
    assert!(are_close(found.recency, defined.recency), "{found} {defined}");
    assert!(are_close(found.max_bm25, defined.max_bm25), "{found} {defined}");
    assert!(are_close(found.baseline_share, defined.baseline_share), "{found} {defined}");
    assert_eq!(found.words.len(), defined.words.len());
    for word in &found.words {
        let same = defined
            .words
            .iter()
            .find(|other| other.place == word.place && other.terms == word.terms);
        let same = same.expect("the same words of the question");
        assert_eq!((word.doc_freq, word.tf), (same.doc_freq, same.tf), "{word}");
        assert!(are_close(Some(word.idf), Some(same.idf)), "{word}");
        assert!(are_close(Some(word.contribution), Some(same.contribution)), "{word}");
    }
}

#[test]
fn the_fake_view_obeys_the_laws() {
    let articles = corpus();
    let fake = FakeView::new(&articles, &chunker(), &embedder()).unwrap();
    check(&fake, &articles).unwrap();
}
