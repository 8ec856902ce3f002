//! A map of all passages along the first two principal components of their vectors.

use passim::{EmbedStage, Hit, Query, Role, Searcher, Vectors};

use super::{axes::Axes, outcome::Failure};

/// Maximum passages from which the axes are computed.
const SAMPLE_SIZE: usize = 2_000;

/// All passages of an index as points on a plane.
pub struct Map {
    /// Sorted by article and start.
    pub points: Vec<Point>,
    pub axes: Axes,
}

/// A passage and its position on the map.
pub struct Point {
    pub passage: Hit,
    pub place: [f32; 2],
}

impl Map {
    /// Builds the map of the passages of `searcher`.
    ///
    /// An index does not expose its vectors, so the axes come from a sample of texts embedded
    /// again. Coordinates come from the stored vectors: each is the cosine with an axis.
    pub fn of(searcher: &Searcher) -> Result<Self, Failure> {
        let any = vec![1.0; searcher.embedder().dim()];
        let axes = Axes::of(&sample(searcher, &passages(searcher, any)?)?)?;
        let [along, across] = axes.directions.clone().map(|axis| passages(searcher, axis));
        let coordinate = |passage: &Hit| passage.similarity.unwrap_or_default();
        let point = |(passage, across): (Hit, Hit)| Point {
            place: [coordinate(&passage), coordinate(&across)],
            passage,
        };
        Ok(Self { points: along?.into_iter().zip(across?).map(point).collect(), axes })
    }

    /// Returns the index of the point of `hit`.
    pub fn number(&self, hit: &Hit) -> Option<usize> {
        self.points.binary_search_by(|point| by_place(&point.passage).cmp(&by_place(hit))).ok()
    }

    /// Returns the position of a question vector on the map.
    pub fn place(&self, question: &[f32]) -> [f32; 2] {
        self.axes
            .directions
            .each_ref()
            .map(|axis| axis.iter().zip(question).map(|(axis, question)| axis * question).sum())
    }
}

/// Returns all passages with the cosine of their vectors and `direction`.
fn passages(searcher: &Searcher, direction: Vec<f32>) -> passim::Result<Vec<Hit>> {
    let all = Query::from_vector(direction).k(searcher.passages()).exact();
    let mut passages: Vec<Hit> = searcher.search(all)?.into_iter().collect();
    passages.sort_by(|a, b| by_place(a).cmp(&by_place(b)));
    Ok(passages)
}

fn by_place(passage: &Hit) -> (&str, usize) {
    (&passage.article, passage.range.start)
}

/// Embeds an evenly spaced sample of the passages.
fn sample(searcher: &Searcher, passages: &[Hit]) -> passim::Result<Vectors> {
    let step = passages.len().div_ceil(SAMPLE_SIZE).max(1);
    let texts: Vec<String> = passages.iter().step_by(step).map(Hit::text_in_context).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (vectors, _) = EmbedStage::new(searcher.embedder()).run(Role::Passage, &texts)?;
    Ok(vectors)
}
