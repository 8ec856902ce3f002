//! Walking a graph from point to point towards a query, and what that needs to remember.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Mutex, PoisonError},
};

use super::{adjacency::LinksView, space::Space};

/// A point with its similarity to a query, in 64 bits that sort closest first, then by
/// number; the lowest bit tells whether its links were followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate(u64);

impl Candidate {
    pub(super) fn new(similarity: f32, point: u32) -> Self {
        let bits = similarity.to_bits();
        // Turns the order of `f32` into that of `u32`: negative ones descend by their bits.
        let ascending = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
        Self(u64::from(!ascending) << 32 | u64::from(point) << 1)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    pub(super) fn point(self) -> u32 {
        self.0 as u32 >> 1
    }

    pub(super) fn similarity(self) -> f32 {
        let ascending = !((self.0 >> 32) as u32);
        f32::from_bits(if ascending >> 31 == 1 { ascending & !(1 << 31) } else { !ascending })
    }

    fn is_followed(self) -> bool {
        self.0 & 1 == 1
    }
}

/// The fewest candidates that a search keeps. With more of them it begins with the same steps,
/// so it comes across all that it would with these: the nearest point that these find, any
/// number finds, and a repair needs to look with these only.
pub(super) const LEAST_EF: usize = 16;

/// The closest points found so far, at most `ef`, closest first.
#[derive(Debug, Default)]
pub(super) struct Pool {
    ef: usize,
    candidates: Vec<Candidate>,
    /// All before this one were followed.
    next: usize,
}

impl Pool {
    fn reset(&mut self, ef: usize) {
        self.ef = ef;
        self.candidates.clear();
        self.next = 0;
    }

    /// Whether `candidate` is closer than the farthest kept, or fewer than `ef` are.
    fn has_room_for(&self, candidate: Candidate) -> bool {
        self.candidates.len() < self.ef
            || self.candidates.last().is_some_and(|last| candidate < *last)
    }

    /// Keeps `candidate` if there is room, and lets go of one that is now too many.
    fn offer(&mut self, candidate: Candidate) {
        if !self.has_room_for(candidate) {
            return;
        }
        if self.candidates.len() == self.ef {
            self.candidates.pop();
        }
        let at = self.candidates.partition_point(|kept| *kept < candidate);
        self.candidates.insert(at, candidate);
        self.next = self.next.min(at);
    }

    /// The closest point whose links were not followed yet; they count as followed now.
    fn follow(&mut self) -> Option<u32> {
        self.follow_before(self.candidates.len())
    }

    /// The next point to be [followed](Self::follow) together with the last one, if what a
    /// search that keeps [`LEAST_EF`] finds does not change by that: while such a search goes
    /// on, no point is followed that it does not keep.
    fn follow_beside(&mut self) -> Option<u32> {
        let kept = self.candidates.len();
        self.follow_before(if self.next <= LEAST_EF { kept.min(LEAST_EF) } else { kept })
    }

    fn follow_before(&mut self, end: usize) -> Option<u32> {
        let rest = self.candidates.get_mut(self.next..end)?;
        let at = rest.iter().position(|candidate| !candidate.is_followed())?;
        rest[at].0 |= 1;
        self.next += at + 1;
        Some(rest[at].point())
    }

    /// What was found, closest first.
    pub(super) fn found(&self) -> &[Candidate] {
        &self.candidates
    }
}

/// The points that a walk came across, in that order; forgetting them costs as much as they
/// are many, not as the graph is large.
#[derive(Debug, Default)]
struct Seen {
    /// One bit a point.
    words: Vec<u64>,
    points: Vec<u32>,
    /// How many of `points` are seen; the others are room.
    len: usize,
}

impl Seen {
    fn reset(&mut self, points: u32) {
        for point in &self.points[..self.len] {
            self.words[*point as usize / 64] = 0;
        }
        self.len = 0;
        self.words.resize((points as usize).div_ceil(64), 0);
    }

    /// Adds those of `points` that are new.
    fn add(&mut self, points: &[u32]) {
        let first = self.len;
        if self.points.len() < first + points.len() {
            self.points.resize(2 * (first + points.len()), 0);
        }
        for point in points {
            let (word, bit) = (&mut self.words[*point as usize / 64], 1 << (point % 64));
            // No branch: whether a point is new cannot be foreseen.
            self.points[self.len] = *point;
            self.len += usize::from(*word & bit == 0);
            *word |= bit;
        }
    }

    /// The points added after the first `len`.
    fn since(&self, len: usize) -> &[u32] {
        &self.points[len..self.len]
    }
}

/// The memory of one search, kept for the next.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) pool: Pool,
    seen: Seen,
    similarities: Vec<f32>,
    /// The points compared last.
    fresh: Vec<Candidate>,
    /// Points to go on from, where not all may be kept.
    frontier: BinaryHeap<Reverse<Candidate>>,
}

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing closer is linked to.
    Complete,
    /// It was told to end.
    ArticleDigest,
    /// It compared more points than it was given.
    OverBudget,
}

/// Points whose links are followed in one step: the more there is to compare at once, the less
/// of the time that memory takes is spent waiting.
const FOLLOWED_AT_ONCE: usize = 2;
/// Steps between two looks at the clock.
const STEPS_PER_LOOK: usize = 16;

impl Scratch {
    /// Number of points compared.
    pub(super) fn compared(&self) -> usize {
        self.seen.len
    }

    fn reset(&mut self, points: u32, ef: usize) {
        self.pool.reset(ef);
        self.seen.reset(points);
    }

    /// Compares `query` with the points seen after the first `compared`; returns how many are
    /// compared now.
    fn compare<S: Space>(&mut self, space: &S, query: &S::Query, compared: usize) -> usize {
        let fresh = self.seen.since(compared);
        for point in fresh {
            space.prefetch(*point);
        }
        space.similarities(query, fresh, &mut self.similarities);
        self.fresh.clear();
        let pairs = fresh.iter().zip(&self.similarities);
        self.fresh.extend(pairs.map(|(point, similarity)| Candidate::new(*similarity, *point)));
        self.seen.len
    }

    /// Leaves in the pool the at most `ef` points nearest to `query` that a walk from
    /// `starts` comes across.
    ///
    /// # Source
    ///
    /// Malkov & Yashunin (2018), algorithm 2; one sorted list is both its heaps.
    pub(super) fn walk<S: Space>(
        &mut self,
        (space, links): (&S, LinksView),
        query: &S::Query,
        starts: &[u32],
        ef: usize,
        mut ended: impl FnMut() -> bool,
    ) -> End {
        self.reset(space.len(), ef);
        self.seen.add(starts);
        let (mut compared, mut steps) = (0, 0);
        loop {
            compared = self.compare(space, query, compared);
            for &candidate in &self.fresh {
                if self.pool.has_room_for(candidate) {
                    links.prefetch(candidate.point());
                    self.pool.offer(candidate);
                }
            }
            steps += 1;
            if steps % STEPS_PER_LOOK == 0 && ended() {
                return End::ArticleDigest;
            }
            let Some(next) = self.pool.follow() else { return End::Complete };
            self.seen.add(links.of(next));
            for _ in 1..FOLLOWED_AT_ONCE {
                if let Some(next) = self.pool.follow_beside() {
                    self.seen.add(links.of(next));
                }
            }
        }
    }

    /// [`walk`](Self::walk) that passes through all points but keeps only those `allowed`,
    /// and gives up after comparing `budget` points.
    pub(super) fn walk_among<S: Space>(
        &mut self,
        (space, links): (&S, LinksView),
        query: &S::Query,
        starts: &[u32],
        ef: usize,
        (allowed, budget): (impl Fn(u32) -> bool, usize),
        mut ended: impl FnMut() -> bool,
    ) -> End {
        self.reset(space.len(), ef);
        self.frontier.clear();
        self.seen.add(starts);
        let (mut compared, mut steps) = (0, 0);
        loop {
            compared = self.compare(space, query, compared);
            for &candidate in &self.fresh {
                if self.pool.has_room_for(candidate) {
                    self.frontier.push(Reverse(candidate));
                    if allowed(candidate.point()) {
                        self.pool.offer(candidate);
                    }
                }
            }
            if compared > budget {
                return End::OverBudget;
            }
            steps += 1;
            if steps % STEPS_PER_LOOK == 0 && ended() {
                return End::ArticleDigest;
            }
            match self.frontier.pop() {
                Some(Reverse(next)) if self.pool.has_room_for(next) => {
                    self.seen.add(links.of(next.point()));
                }
                _ => return End::Complete,
            }
        }
    }
}

/// Buffers of finished searches, for the next ones.
#[derive(Debug, Default)]
pub(super) struct ScratchPool(Mutex<Vec<Scratch>>);

impl ScratchPool {
    /// What `search` returns, with a memory that is kept for the next.
    pub(super) fn with<T>(&self, search: impl FnOnce(&mut Scratch) -> T) -> T {
        let free = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = free().pop().unwrap_or_default();
        let found = search(&mut scratch);
        free().push(scratch);
        found
    }
}
