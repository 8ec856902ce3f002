//! Beam search: greedy traversal of a graph layer that keeps the `ef` closest points.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{adjacency::LinksView, space::Space};

/// A point and its similarity to a query, packed into 64 bits.
///
/// The order is closest first, ties by point. The lowest bit is set once the point is expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ScoredPoint(u64);

impl ScoredPoint {
    pub(super) fn new(similarity: f32, point: u32) -> Self {
        let bits = similarity.to_bits();
        // Maps the order of `f32` to that of `u32`: negative values descend by their bits.
        let ascending = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
        Self(u64::from(!ascending) << 32 | u64::from(point) << 1)
    }

    /// Each of the `points` with its similarity.
    pub(super) fn each(points: &[u32], similarities: &[f32]) -> impl Iterator<Item = Self> + Clone {
        let pairs = points.iter().zip(similarities);
        pairs.map(|(point, similarity)| Self::new(*similarity, *point))
    }

    /// The `points` with their `similarities`.
    pub(super) fn all(points: &[u32], similarities: &[f32]) -> Vec<Self> {
        Self::each(points, similarities).collect()
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    pub(super) fn point(self) -> u32 {
        self.0 as u32 >> 1
    }

    pub(super) fn similarity(self) -> f32 {
        let ascending = !((self.0 >> 32) as u32);
        f32::from_bits(if ascending >> 31 == 1 { ascending & !(1 << 31) } else { !ascending })
    }

    fn is_expanded(self) -> bool {
        self.0 & 1 == 1
    }
}

/// Minimum `ef`. A wider beam starts with the same expansions, so whatever 16 finds, any larger
/// `ef` finds. Repair relies on it: it searches with this `ef` only.
pub(super) const MIN_EF: usize = 16;

/// Smaller differences of similarities can be rounding errors.
const LEAST_DISTANCE: f32 = 1e-6;

/// The closest points found so far, at most `ef`, closest first.
#[derive(Debug, Default)]
pub(super) struct CandidateList {
    ef: usize,
    candidates: Vec<ScoredPoint>,
    /// All candidates before this position are expanded.
    next: usize,
}

impl CandidateList {
    fn reset(&mut self, ef: usize) {
        self.ef = ef;
        self.candidates.clear();
        self.next = 0;
    }

    /// Whether the list would keep `candidate`.
    fn accepts(&self, candidate: ScoredPoint) -> bool {
        self.candidates.len() < self.ef
            || self.candidates.last().is_some_and(|last| candidate < *last)
    }

    /// Inserts `candidate` if the list accepts it; drops the farthest one over `ef`.
    fn offer(&mut self, candidate: ScoredPoint) {
        if !self.accepts(candidate) {
            return;
        }
        if self.candidates.len() == self.ef {
            self.candidates.pop();
        }
        let place = self.candidates.partition_point(|kept| *kept < candidate);
        self.candidates.insert(place, candidate);
        self.next = self.next.min(place);
    }

    /// Whether `point` is expanded and at most half as far as every other candidate.
    ///
    /// By codes, other points can be closer to the query than `point` itself. Such a point is less than
    /// twice as far from `point` as `point` is from the query, by the triangle inequality. `point` most
    /// likely links to points that close, and its expansion has compared them.
    fn is_settled(&self, point: u32) -> bool {
        let [first, rest @ ..] = &*self.candidates else { return false };
        // The square of the distance of unit vectors, halved.
        let distance = |candidate: &ScoredPoint| 1.0 - candidate.similarity();
        let is_far = |second| distance(second) >= 4.0 * distance(first).max(LEAST_DISTANCE);
        first.point() == point && first.is_expanded() && rest.first().is_none_or(is_far)
    }

    /// Marks the closest point that is not expanded, and returns it.
    fn expand(&mut self) -> Option<u32> {
        self.expand_before(self.candidates.len())
    }

    /// Marks a second point to expand in the same step, and returns it.
    ///
    /// The second expansion must not change what a search with [`MIN_EF`] finds. While that search
    /// would continue, only a point within its list qualifies.
    fn expand_second(&mut self) -> Option<u32> {
        let kept = self.candidates.len();
        self.expand_before(if self.next <= MIN_EF { kept.min(MIN_EF) } else { kept })
    }

    fn expand_before(&mut self, end: usize) -> Option<u32> {
        let rest = self.candidates.get_mut(self.next..end)?;
        let place = rest.iter().position(|candidate| !candidate.is_expanded())?;
        rest[place].0 |= 1;
        self.next += place + 1;
        Some(rest[place].point())
    }
}

/// Points that a search visited, in the order of the visits.
///
/// The time of a reset is proportional to the number of visited points, not to the graph.
#[derive(Debug, Default)]
struct VisitedSet {
    /// One bit per point.
    words: Vec<u64>,
    points: Vec<u32>,
    /// Number of visited points; the rest of `points` is spare capacity.
    len: usize,
}

impl VisitedSet {
    fn reset(&mut self, points: u32) {
        for point in &self.points[..self.len] {
            self.words[*point as usize / 64] = 0;
        }
        self.len = 0;
        self.words.resize((points as usize).div_ceil(64), 0);
    }

    /// Adds the points that were not visited before.
    fn add(&mut self, points: &[u32]) {
        let first = self.len;
        if self.points.len() < first + points.len() {
            self.points.resize(2 * (first + points.len()), 0);
        }
        for point in points {
            let word = &mut self.words[*point as usize / 64];
            let bit = 1 << (point % 64);
            // Branch-free, since the CPU cannot predict whether a point is new.
            self.points[self.len] = *point;
            self.len += usize::from(*word & bit == 0);
            *word |= bit;
        }
    }

    fn contains(&self, point: u32) -> bool {
        self.words[point as usize / 64] >> (point % 64) & 1 == 1
    }

    /// The points added after the first `len`.
    fn since(&self, len: usize) -> &[u32] {
        &self.points[len..self.len]
    }
}

/// A graph layer to traverse, and the query to traverse it for.
pub(super) struct Traversal<'a, S: Space> {
    pub(super) space: &'a S,
    pub(super) links: LinksView<'a>,
    pub(super) query: &'a S::Query,
    /// The point that the traversal starts from.
    pub(super) entry: u32,
    /// Number of candidates kept.
    pub(super) ef: usize,
    /// A point to find: the search ends once this point is clearly the closest one. A restricted search
    /// ignores it.
    pub(super) target: Option<u32>,
}

/// Restriction of a search to allowed points.
pub(super) struct Restriction<A> {
    pub(super) is_allowed: A,
    /// Maximum number of points to compare.
    pub(super) budget: usize,
}

/// Outcome of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// No link leads to a closer point, or the target is found.
    Complete,
    /// Deadline or cancellation.
    Interrupted,
    /// The budget of the [`Restriction`] is spent.
    OverBudget,
}

/// Points expanded per step: comparing the neighbors of both at once hides memory latency.
const EXPANDED_AT_ONCE: usize = 2;
/// Steps between two checks for an interruption.
const STEPS_PER_CHECK: usize = 16;

/// State of a beam search; its buffers are reused by the next one.
#[derive(Debug, Default)]
pub(super) struct Beam {
    list: CandidateList,
    visited: VisitedSet,
    similarities: Vec<f32>,
    /// The points compared in the current step.
    fresh: Vec<ScoredPoint>,
    /// Points to expand in a restricted search, which also follows links of other points.
    frontier: BinaryHeap<Reverse<ScoredPoint>>,
    /// Points expanded by a search without a restriction.
    expanded: Vec<u32>,
}

impl Beam {
    /// Whether the search compared `point`.
    pub(super) fn has_compared(&self, point: u32) -> bool {
        self.visited.contains(point)
    }

    /// Number of points compared.
    pub(super) fn compared(&self) -> usize {
        self.visited.len
    }

    /// The points found, closest first.
    pub(super) fn found(&self) -> &[ScoredPoint] {
        &self.list.candidates
    }

    /// The points whose links an unrestricted search followed. With the same links of these points, it
    /// takes the same course.
    pub(super) fn expanded(&self) -> &[u32] {
        &self.expanded
    }

    /// Finds the at most `ef` points nearest to the query, or ends at the target of `traversal`.
    ///
    /// # Source
    ///
    /// Malkov & Yashunin (2018), algorithm 2, with one sorted list for both of its heaps.
    pub(super) fn search<S: Space>(
        &mut self,
        traversal: &Traversal<S>,
        is_interrupted: impl Fn() -> bool,
    ) -> End {
        self.run(traversal, None::<&Restriction<fn(u32) -> bool>>, is_interrupted)
    }

    /// Finds the at most `ef` allowed points nearest to the query; follows links of all points.
    pub(super) fn search_allowed<S: Space>(
        &mut self,
        traversal: &Traversal<S>,
        restriction: &Restriction<impl Fn(u32) -> bool>,
        is_interrupted: impl Fn() -> bool,
    ) -> End {
        self.run(traversal, Some(restriction), is_interrupted)
    }

    fn run<S: Space, A: Fn(u32) -> bool>(
        &mut self,
        traversal: &Traversal<S>,
        restriction: Option<&Restriction<A>>,
        is_interrupted: impl Fn() -> bool,
    ) -> End {
        self.reset(traversal.space.len(), traversal.ef);
        self.visited.add(&[traversal.entry]);
        let mut compared = 0;
        for step in 1.. {
            self.compare_since(compared, traversal);
            compared = self.visited.len;
            self.keep_fresh(traversal.links, restriction);
            if restriction.is_some_and(|restriction| compared > restriction.budget) {
                return End::OverBudget;
            }
            if step % STEPS_PER_CHECK == 0 && is_interrupted() {
                return End::Interrupted;
            }
            let is_settled = |target| restriction.is_none() && self.list.is_settled(target);
            if traversal.target.is_some_and(is_settled) {
                break;
            }
            let expanded = match restriction {
                None => self.expand_list(traversal.links),
                Some(_) => self.expand_frontier(traversal.links),
            };
            if !expanded {
                break;
            }
        }
        End::Complete
    }

    fn reset(&mut self, points: u32, ef: usize) {
        self.list.reset(ef);
        self.visited.reset(points);
        self.frontier.clear();
        self.expanded.clear();
    }

    /// Compares the query with the points visited after the first `compared`.
    fn compare_since<S: Space>(&mut self, compared: usize, traversal: &Traversal<S>) {
        let points = self.visited.since(compared);
        for point in points {
            traversal.space.prefetch(*point);
        }
        traversal.space.similarities(traversal.query, points, &mut self.similarities);
        self.fresh.clear();
        self.fresh.extend(ScoredPoint::each(points, &self.similarities));
    }

    fn keep_fresh<A: Fn(u32) -> bool>(
        &mut self,
        links: LinksView,
        restriction: Option<&Restriction<A>>,
    ) {
        for &candidate in &self.fresh {
            if !self.list.accepts(candidate) {
                continue;
            }
            links.prefetch(candidate.point());
            let mut is_allowed = true;
            if let Some(restriction) = restriction {
                self.frontier.push(Reverse(candidate));
                is_allowed = (restriction.is_allowed)(candidate.point());
            }
            if is_allowed {
                self.list.offer(candidate);
            }
        }
    }

    /// Visits the neighbors of the closest candidates; false if all candidates are expanded.
    fn expand_list(&mut self, links: LinksView) -> bool {
        let Some(next) = self.list.expand() else { return false };
        self.visit_neighbors(links, next);
        for _ in 1..EXPANDED_AT_ONCE {
            if let Some(next) = self.list.expand_second() {
                self.visit_neighbors(links, next);
            }
        }
        true
    }

    fn visit_neighbors(&mut self, links: LinksView, point: u32) {
        self.expanded.push(point);
        self.visited.add(links.of(point));
    }

    /// Visits the neighbors of the closest point of the frontier; false if that point is too far or
    /// missing.
    fn expand_frontier(&mut self, links: LinksView) -> bool {
        let next = self.frontier.pop().filter(|Reverse(next)| self.list.accepts(*next));
        let Some(Reverse(next)) = next else { return false };
        self.visited.add(links.of(next.point()));
        true
    }
}
