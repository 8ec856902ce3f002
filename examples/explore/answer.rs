//! The hits of a question as the page shows them.

use passim::{Excerpt, Explanation, Highlights, Hit, Interrupt, Query, Role, Searcher};

use super::{judged::Asked, map::Map, outcome::Failure};

/// A question with its hits.
pub struct Answer<'a> {
    pub asked: &'a Asked,
    pub hits: Vec<Shown>,
    /// Position of the question on the map.
    pub place: [f32; 2],
    /// Keys of relevant articles without a hit.
    pub missed: Vec<&'a str>,
}

/// A hit and its surroundings.
pub struct Shown {
    pub hit: Hit,
    /// The hit with its neighboring passages.
    pub excerpt: Excerpt,
    pub highlights: Highlights,
    /// Grade of the article; `None` if the question has no judgments.
    pub grade: Option<u8>,
    /// Index of its point on the map.
    pub number: Option<usize>,
}

impl<'a> Answer<'a> {
    /// Searches the `k` best passages for the question in hybrid mode.
    pub fn of(asked: &'a Asked, k: usize, searcher: &Searcher, map: &Map) -> Result<Self, Failure> {
        let query = &asked.judged.query;
        let hits = searcher.search(query.clone().k(k).explain())?;
        let grades = &asked.judged.grades;
        let highlights = searcher.highlights_many(query.clone(), &hits)?;
        let shown = |(hit, highlights): (&Hit, Highlights)| {
            let grade = grades.get(&hit.article).copied().unwrap_or_default();
            Ok(Shown {
                excerpt: excerpt(searcher, hit)?,
                highlights,
                grade: (!grades.is_empty()).then_some(grade),
                number: map.number(hit),
                hit: hit.clone(),
            })
        };
        let vectors = searcher.embedder().embed(Role::Query, &[&query.text], Interrupt::none())?;
        let is_missed = |key: &&str| hits.iter().all(|hit| hit.article != **key);
        let relevant = grades.iter().filter(|(_, grade)| **grade > 0).map(|(key, _)| key.as_str());
        let mut missed: Vec<&str> = relevant.filter(is_missed).collect();
        missed.sort_unstable();
        Ok(Self {
            asked,
            hits: hits.iter().zip(highlights).map(shown).collect::<Result<_, Failure>>()?,
            place: map.place(vectors.row(0)),
            missed,
        })
    }

    pub fn question(&self) -> &str {
        let Query { text, .. } = &self.asked.judged.query;
        text
    }

    /// Whether the question has judgments.
    pub fn is_judged(&self) -> bool {
        self.asked.judged.grades.values().any(|grade| *grade > 0)
    }

    /// Returns the rank of the first hit in a relevant article, from 1.
    pub fn first_right(&self) -> Option<usize> {
        self.hits.iter().position(|shown| shown.is_right() == Some(true)).map(|at| at + 1)
    }
}

impl Shown {
    /// Whether its article is relevant; `None` without judgments.
    pub fn is_right(&self) -> Option<bool> {
        self.grade.map(|grade| grade > 0)
    }

    pub fn explanation(&self) -> Option<&Explanation> {
        self.hit.explanation.as_deref()
    }
}

fn excerpt(searcher: &Searcher, hit: &Hit) -> Result<Excerpt, Failure> {
    let found = searcher.excerpts(std::slice::from_ref(hit), 1)?.into_iter().next();
    found.ok_or_else(|| format!("{} {:?} has no excerpt", hit.article, hit.range).into())
}
