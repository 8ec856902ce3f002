//! Every passage of the index as a point: where its vector lies along the two main axes.

use passim::{EmbedStage, Hit, Query, Role, Searcher, Vectors};

use super::{axes::Axes, outcome::Failure};

/// Passages that the axes are computed from, at most.
const SAMPLE: usize = 2_000;

/// All passages of an index on a plane.
pub struct Map {
    /// By article, and by their places in it.
    pub points: Vec<Point>,
    pub axes: Axes,
}

/// A passage and where it is on the map.
pub struct Point {
    pub passage: Hit,
    pub place: [f32; 2],
}

impl Map {
    /// The map of the passages of `searcher`.
    ///
    /// An index does not give its vectors away, so the axes come from texts that are embedded
    /// anew. Places are those of its own vectors: a cosine with an axis is a coordinate.
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

    /// The number of the point that `hit` is.
    pub fn number(&self, hit: &Hit) -> Option<usize> {
        self.points.binary_search_by(|point| by_place(&point.passage).cmp(&by_place(hit))).ok()
    }

    /// Where the vector of a question is on the map.
    pub fn place(&self, question: &[f32]) -> [f32; 2] {
        self.axes
            .directions
            .each_ref()
            .map(|axis| axis.iter().zip(question).map(|(axis, question)| axis * question).sum())
    }
}

/// Every passage, with the cosine between its vector and `direction`.
fn passages(searcher: &Searcher, direction: Vec<f32>) -> passim::Result<Vec<Hit>> {
    let all = Query::from_vector(direction).k(searcher.passages()).exact();
    let mut passages: Vec<Hit> = searcher.search(all)?.into_iter().collect();
    passages.sort_by(|a, b| by_place(a).cmp(&by_place(b)));
    Ok(passages)
}

fn by_place(passage: &Hit) -> (&str, usize) {
    (&passage.article, passage.range.start)
}

/// The vectors of passages from all over the corpus.
fn sample(searcher: &Searcher, passages: &[Hit]) -> passim::Result<Vectors> {
    let step = passages.len().div_ceil(SAMPLE).max(1);
    let texts: Vec<String> = passages.iter().step_by(step).map(in_context).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (vectors, _) = EmbedStage::new(searcher.embedder()).run(Role::Passage, &texts)?;
    Ok(vectors)
}

/// A passage as it is embedded: below its title and its heading.
fn in_context(passage: &Hit) -> String {
    let Hit { title, heading, text, .. } = passage;
    let lines: Vec<&str> = [title, heading].into_iter().flatten().map(String::as_str).collect();
    [lines, vec![text]].concat().join("\n")
}
