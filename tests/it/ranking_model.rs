//! The rule of hybrid ranking by its definition, from the hits of each arm, and random searches
//! against it.

use std::collections::{BTreeMap, BTreeSet};

use passim::{Article, Hit, Hits, Mode, Query, Retriever, Weights};
use passim_testkit::corpus;
use proptest::{prelude::*, sample::select};

/// The article and the first byte of a passage.
pub type Place = (String, usize);

pub fn place(hit: &Hit) -> Place {
    (hit.article.clone(), hit.range.start)
}

/// The code of a language with statistics of its own.
type Code = Option<&'static str>;

fn code_of(hit: &Hit) -> Code {
    let code = hit.language.map(|language| language.code().to_owned());
    ["de", "en"].into_iter().find(|known| code.as_deref() == Some(*known))
}

/// Cosines of a question with the mean passage of each language, and of all.
pub struct Means {
    all: f64,
    by_language: BTreeMap<Code, f64>,
}

impl Means {
    /// `all` are all passages of the corpus with their similarity to the question.
    pub fn of(all: &[Hit]) -> Self {
        let mean = |sum: f64, count: usize| sum / f64::from(u32::try_from(count).unwrap());
        let total: f64 = all.iter().map(|hit| f64::from(hit.similarity.unwrap())).sum();
        let total = mean(total, all.len());
        let mut by_language = BTreeMap::from([(None, total)]);
        for code in ["de", "en"] {
            let same = all.iter().filter(|hit| code_of(hit) == Some(code));
            let similarities: Vec<f64> =
                same.map(|hit| f64::from(hit.similarity.unwrap())).collect();
            let sum = similarities.iter().sum::<f64>() + 32.0 * total;
            by_language.insert(Some(code), mean(sum, similarities.len() + 32));
        }
        Self { all: total, by_language }
    }
}

/// What words, and pieces of words, say about the passages of a corpus.
pub struct Parts {
    /// BM25 of the passages that have a word of the question.
    pub bm25: BTreeMap<Place, f32>,
    pub max_bm25: f32,
    /// The late score of each passage; 0 where there is none.
    pub late: BTreeMap<Place, f32>,
}

impl Parts {
    fn share(&self, hit: &Hit) -> f32 {
        self.bm25.get(&place(hit)).map_or(0.0, |bm25| bm25 / self.max_bm25)
    }

    /// The mean share of the first seven of `candidates`, sorted by similarity, in each language. A
    /// lone candidate loses half of its share, so the divisor is at least 2.
    fn baselines(&self, candidates: &[&Hit]) -> BTreeMap<Code, f32> {
        let mut shares: BTreeMap<Code, Vec<f32>> = BTreeMap::new();
        for hit in candidates {
            shares.entry(code_of(hit)).or_default().push(self.share(hit));
        }
        let baseline = |mut shares: Vec<f32>| {
            shares.truncate(7);
            shares.iter().sum::<f32>() / f32::from(u8::try_from(shares.len().max(2)).unwrap())
        };
        shares.into_iter().map(|(code, shares)| (code, baseline(shares))).collect()
    }
}

/// `score = cosine - mean + spread
///     * (lexical weight * (bm25 / max_bm25 - baseline) + late weight * late)`
///
/// `spread` is 1 less the mean of all, within `0.05..=1.0`.
pub struct Rule<'p> {
    weights: Weights,
    means: &'p Means,
    parts: &'p Parts,
    baselines: BTreeMap<Code, f32>,
}

impl<'p> Rule<'p> {
    /// `candidates` are those of the first tier, sorted by similarity.
    pub fn new(weights: Weights, means: &'p Means, parts: &'p Parts, candidates: &[&Hit]) -> Self {
        Self { weights, means, parts, baselines: parts.baselines(candidates) }
    }

    pub fn score(&self, hit: &Hit) -> f64 {
        let baseline = self.baselines.get(&code_of(hit)).copied().unwrap_or(0.0);
        let late = self.parts.late.get(&place(hit)).copied().unwrap_or(0.0);
        let part =
            self.weights.lexical * (self.parts.share(hit) - baseline) + self.weights.late * late;
        let mean = self.means.by_language[&code_of(hit)];
        let spread = (1.0 - self.means.all).clamp(0.05, 1.0);
        f64::from(hit.similarity.unwrap()) - mean + spread * f64::from(part)
    }
}

pub fn assert_close(found: f32, expected: f64) {
    assert!((f64::from(found) - expected).abs() < 1e-5, "{found} {expected}");
}

/// A question with the answers of both arms: all passages, and all with a word of the question.
struct Arms {
    dense: Hits,
    lexical: Hits,
}

impl Arms {
    /// The candidates of each tier, sorted by similarity: the best 50 passages of each arm, then
    /// what the best 200 bring, and so on.
    fn tiers(&self) -> Vec<Vec<&Hit>> {
        let mut seen = BTreeSet::new();
        let mut tiers = Vec::new();
        let mut pool = 50;
        while seen.len() < self.dense.len() {
            let best = |hits: &[Hit]| hits.iter().take(pool).map(place).collect::<Vec<_>>();
            let best: BTreeSet<Place> =
                [best(&self.dense), best(&self.lexical)].into_iter().flatten().collect();
            let new = |hit: &&Hit| best.contains(&place(hit)) && !seen.contains(&place(hit));
            tiers.push(self.dense.iter().filter(new).collect());
            seen.extend(best);
            pool *= 4;
        }
        tiers
    }
}

/// Asserts that `hits` are all passages, tier by tier, each tier by its scores.
fn assert_follows_rule(hits: &Hits, arms: &Arms, weights: Weights) {
    let explained = |hit: &Hit| hit.explanation.clone().expect("the query asks for it");
    let late = |hit: &Hit| (place(hit), explained(hit).late.unwrap_or(0.0));
    let parts = Parts {
        bm25: arms.lexical.iter().map(|hit| (place(hit), hit.bm25.unwrap())).collect(),
        max_bm25: hits.first().and_then(|hit| explained(hit).max_bm25).unwrap_or(0.0),
        late: hits.iter().map(late).collect(),
    };
    let means = Means::of(&arms.dense);
    let mut tiers = arms.tiers();
    let rule = Rule::new(weights, &means, &parts, tiers.first().map_or(&[], |first| &**first));
    let mut rest: &[Hit] = hits;
    for tier in &mut tiers {
        let (found, later) = rest.split_at(tier.len());
        rest = later;
        let places =
            |hits: &mut dyn Iterator<Item = &Hit>| hits.map(place).collect::<BTreeSet<_>>();
        assert_eq!(places(&mut found.iter()), places(&mut tier.iter().copied()));
        tier.sort_by_key(|hit| place(hit));
        tier.sort_by(|a, b| rule.score(b).total_cmp(&rule.score(a)));
        for (hit, expected) in found.iter().zip(tier) {
            assert_close(hit.score, rule.score(hit));
            // Rounding may swap passages whose scores are nearly equal.
            assert_close(hit.score, rule.score(expected));
        }
    }
    assert!(rest.is_empty());
}

const QUESTIONS: [&str; 5] = [
    "Wie viel Kohlenstoff speichern die Moore?",
    "Why does Meta hold its model back?",
    "Warum wird Strom im Winter so teuer, and who pays for it?",
    "Kohlenstoff",
    "xqvorzt",
];

/// Weights without identifiers, which depend on texts.
fn weights() -> impl Strategy<Value = Weights> {
    let weights = (select(vec![0.25, 0.75, 2.0]), select(vec![0.0, 0.75]));
    weights.prop_map(|(lexical, late)| Weights { lexical, late, identifier: 0.0 })
}

/// A corpus in up to three segments, with some articles removed.
fn retriever(seed: u64, len: usize, words: usize) -> Retriever {
    let texts = corpus::texts(seed, len, words);
    let mut retriever = Retriever::in_memory().unwrap();
    for (number, texts) in texts.chunks(len.div_ceil(3)).enumerate() {
        let articles = texts.iter().enumerate();
        let key = |at: usize| format!("{at:03}/{number}");
        retriever.add(articles.map(|(at, text)| Article::new(key(at), text.as_str()))).unwrap();
    }
    for number in 0..len / 20 {
        retriever.remove(&format!("{:03}/1", number * 3)).unwrap();
    }
    retriever
}

/// The first hits of each article.
fn limited(hits: &[Hit], per_article: usize) -> Vec<Hit> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut kept = Vec::new();
    for hit in hits {
        let count = counts.entry(&hit.article).or_default();
        *count += 1;
        if *count <= per_article {
            kept.push(hit.clone());
        }
    }
    kept
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn searches_follow_the_rule_whatever_k_and_offset(
        seed in any::<u64>(),
        len in prop_oneof![1..8_usize, 40..420_usize],
        words in prop_oneof![20..60_usize, 150..400_usize],
        question in select(&QUESTIONS),
        weights in weights(),
        (k, offset) in (1..300_usize, prop_oneof![Just(0), 0..300_usize]),
        per_article in 1..3_usize,
    ) {
        let retriever = retriever(seed, len, words);
        let query = |mode| Query::new(question).mode(mode).weights(weights).explain();
        let all = |mode| retriever.search(query(mode).k(10_000)).unwrap();
        let arms = Arms { dense: all(Mode::Dense), lexical: all(Mode::Lexical) };
        prop_assert_eq!(arms.dense.len(), retriever.passages());
        let hybrid = all(Mode::Hybrid);
        assert_follows_rule(&hybrid, &arms, weights);
        for hits in [&arms.dense, &arms.lexical, &hybrid] {
            let mode = hits.plan().mode;
            let page = |query: Query| retriever.search(query.k(k).offset(offset)).unwrap();
            let expected = |all: &[Hit]| all.iter().skip(offset).take(k).cloned().collect::<Vec<_>>();
            prop_assert_eq!(page(query(mode)).to_vec(), expected(hits));
            let few = page(query(mode).per_article(per_article));
            prop_assert_eq!(few.to_vec(), expected(&limited(hits, per_article)));
        }
    }
}
