//! Laws of counts, groups and recency.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{Laws, QUESTIONS, answer};
use crate::{
    Date, Error, Filter, Hit, HitGroup, Metadata, Mode, Query, Recency, Result, Value, ValueCount,
    search::{
        match_count::count_matches, recency::RecencyScale, value_counts::count_values, view::View,
    },
};

/// A half-life of a week, measured from a day within those of the articles.
pub(super) fn recency() -> Recency {
    let now = "2026-03-20T06:00:00Z".parse().expect("a timestamp");
    Recency::new("day", Duration::from_hours(7 * 24), 0.3).now(now)
}

impl<V: View> Laws<'_, V> {
    pub(super) fn counts_are_those_of_the_hits(&self) -> Result<()> {
        let filters = self.filters().into_iter();
        for filter in filters.map(|defined| Some(defined.filter)).chain([None]) {
            for query in [
                Query::new(QUESTIONS[0]).mode(Mode::Dense),
                Query::new(QUESTIONS[1]).require("moore").exclude("Wien"),
                Query::new(QUESTIONS[2]).mode(Mode::Lexical),
                Query::new(QUESTIONS[3]).mode(Mode::Lexical).exclude("carbon"),
                Query::new(QUESTIONS[5]).mode(Mode::Lexical),
            ] {
                let mut query = query.k(500).exact();
                query.filter = filter.clone();
                self.counts_are_those_of(&query)?;
            }
        }
        Ok(())
    }

    /// Compares the counts of `query` with its hits.
    fn counts_are_those_of(&self, query: &Query) -> Result<()> {
        let hits = answer(self.view, query)?;
        let count = count_matches(self.view, query)?;
        let articles: BTreeMap<&str, &Metadata> =
            hits.iter().map(|hit| (&*hit.article, &hit.metadata)).collect();
        assert_eq!((count.passages, count.articles), (hits.len(), articles.len()), "{query:?}");
        assert!(count.is_exact);
        for name in ["topic", "day", "number", "mixed", "unknown"] {
            let counts = count_values(self.view, query, name, usize::MAX)?;
            assert_eq!(counts, count_values(&self.fake, query, name, usize::MAX)?, "{query:?}");
            let first = count_values(self.view, query, name, 2)?;
            assert_eq!(first.values, counts.values[..counts.distinct.min(2)]);
            assert_eq!((counts.articles, counts.distinct), (articles.len(), counts.values.len()));
            let with = articles.values().filter(|metadata| metadata.contains_key(name));
            assert_eq!(counts.articles - counts.without, with.count(), "{name}");
            for ValueCount { value, articles } in counts.values.iter().step_by(9) {
                let narrower = query.clone().filter(Filter::equals(name, value.clone()));
                let narrower = count_matches(self.view, &narrower)?;
                assert_eq!(narrower.articles, *articles, "{name} {value}: {query:?}");
            }
        }
        Ok(())
    }

    pub(super) fn groups_are_those_of_the_ungrouped_list(&self) -> Result<()> {
        for question in QUESTIONS {
            for mode in [Mode::Dense, Mode::Lexical, Mode::Hybrid] {
                let query = Query::new(question).mode(mode).exact();
                self.groups_are_those_of(&query.clone())?;
                self.groups_are_those_of(&query.clone().recency(recency()))?;
                self.groups_are_those_of(&query.dedup(0.999).filter(!Filter::key("brot/2")))?;
            }
        }
        Ok(())
    }

    /// Compares the groups of `query` with its hits.
    fn groups_are_those_of(&self, query: &Query) -> Result<()> {
        let ungrouped = answer(self.view, &query.clone().k(500))?;
        let mut seen = BTreeSet::new();
        let best: Vec<&Hit> = ungrouped.iter().filter(|hit| seen.insert(&hit.article)).collect();
        let all = answer(self.view, &query.clone().k(500).group_by_article(2))?;
        let groups = all.by_article();
        // With `dedup`, the second hit of one article can repeat that of another one.
        if query.dedup.is_none() {
            let found: Vec<&Hit> = groups.iter().map(HitGroup::best).collect();
            assert_eq!(found, best, "{query:?}");
        }
        assert!(groups.iter().all(|group| group.hits.len() <= 2));
        let is_hit = |hit: &&Hit| ungrouped.iter().any(|other| *hit == other);
        assert!(query.dedup.is_some() || groups.iter().flat_map(|group| &group.hits).all(is_hit));
        let flat: Vec<&Hit> = groups.iter().flat_map(|group| group.hits.clone()).collect();
        assert!(all.iter().eq(flat), "the hits of an article follow its best one");
        for (k, offset) in [(1, 0), (3, 2), (20, 0), (30, 25), (7, 400)] {
            let page = answer(self.view, &query.clone().k(k).offset(offset).group_by_article(2))?;
            let expected = groups.get(offset..).unwrap_or_default();
            assert_eq!(page.by_article(), expected[..k.min(expected.len())], "{query:?}");
        }
        Ok(())
    }

    pub(super) fn recency_adds_its_part_to_the_score(&self) -> Result<()> {
        for mode in [Mode::Dense, Mode::Lexical, Mode::Hybrid] {
            let query = Query::new(QUESTIONS[2]).mode(mode).exact().k(20).explain();
            let without = answer(self.view, &query.clone().k(500))?;
            for hit in &answer(self.view, &query.recency(recency()))? {
                let same = |other: &&Hit| other.article == hit.article && other.range == hit.range;
                let plain = without.iter().find(same).expect("recency finds no other passages");
                let explanation = hit.explanation.as_ref().expect("the query asks for it");
                let freshness = freshness(&hit.metadata);
                assert!((explanation.freshness.expect("recency") - freshness).abs() < 1e-6);
                let part = explanation.recency.expect("recency");
                assert!((hit.score - plain.score - part).abs() < 1e-5, "{hit:?} {plain:?}");
                let unit = match mode {
                    Mode::Hybrid => explanation.spread,
                    Mode::Lexical => explanation.max_bm25,
                    Mode::Dense => None,
                };
                if let Some(unit) = unit {
                    assert!((part - 0.3 * unit * freshness).abs() < 1e-5 * unit, "{explanation}");
                }
                assert!(part > 0.0 || !hit.article.contains('/'));
            }
        }
        let query = Query::new(QUESTIONS[0]);
        let other = query.clone().recency(Recency { name: "number".to_owned(), ..recency() });
        let error = RecencyScale::of(&other, self.view).expect_err("numbers are no times");
        assert!(matches!(error, Error::FilterType { .. }), "{error}");
        let unknown = query.recency(Recency { name: "unknown".to_owned(), ..recency() });
        let hits = answer(self.view, &unknown.clone().explain())?;
        assert!(hits.iter().all(|hit| hit.explanation.as_ref().unwrap().freshness == Some(0.0)));
        Ok(())
    }

    pub(super) fn without_weight_recency_changes_nothing(&self) -> Result<()> {
        for mode in [Mode::Dense, Mode::Lexical, Mode::Hybrid] {
            for question in QUESTIONS {
                let query = Query::new(question).mode(mode).exact().k(70).explain();
                let off = Recency { weight: 0.0, name: "number".to_owned(), ..recency() };
                let with = answer(self.view, &query.clone().recency(off))?;
                assert_eq!(with, answer(self.view, &query)?);
            }
        }
        Ok(())
    }
}

/// The freshness of an article with `metadata`, by days.
fn freshness(metadata: &Metadata) -> f32 {
    let Some(Value::Date(day)) = metadata.get("day") else { return 0.0 };
    // `now` is a quarter of a day after the start of the 20th.
    let days = (1..29).find(|number| Date::new(2026, 3, *number).unwrap() == *day).unwrap();
    let age = (20.25 - f32::from(days)).max(0.0);
    (-age / 7.0).exp2()
}
