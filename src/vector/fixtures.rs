//! What the unit tests of a build share.

use xxhash_rust::xxh3::xxh3_64;

use super::{
    cells::{Cells, Division},
    graph::{UpperLayers, inverse},
    hierarchy::over_sample,
    space::Space,
};
use crate::{Cancel, HnswParams, Vectors, work::WorkMonitor};

/// A value that depends on `at`, as if it were random.
pub(super) fn noise(at: usize) -> f32 {
    f32::from(xxh3_64(&at.to_le_bytes()).to_le_bytes()[0]) - 127.3
}

/// `len` vectors of `dim` values; `value` is called with the number of each value.
pub(super) fn vectors(dim: usize, len: u32, value: impl FnMut(usize) -> f32) -> Vectors {
    Vectors::normalized(dim, (0..dim * len as usize).map(value).collect()).unwrap()
}

/// `len` vectors of 8 values in `clusters` separate clusters: that of a row is its remainder.
pub(super) fn separate_clusters(clusters: usize, len: u32) -> Vectors {
    const DIM: usize = 8;
    vectors(DIM, len, |at| {
        let is_center = at % DIM == at / DIM % clusters;
        noise(at) + if is_center { 1_000.0 } else { 0.0 }
    })
}

/// Calls `work` with a monitor of which nobody makes use.
pub(super) fn unmonitored<T>(work: impl FnOnce(WorkMonitor) -> T) -> T {
    work(WorkMonitor::new(&Cancel::new(), None))
}

/// Points divided by a sample, and the upper layers over it.
pub(super) struct Divided {
    pub(super) upper: UpperLayers,
    pub(super) cells: Cells,
    /// The points by number, as they were before.
    pub(super) order: Vec<u32>,
}

/// Divides the points of `space` by a sample of the first ones.
pub(super) fn divided<S: Space>(space: &S, sample: u32, params: HnswParams) -> Divided {
    unmonitored(|monitor| {
        let mut upper = over_sample(space, sample, params, monitor).unwrap();
        let Division { cells, order } = Division::of(space, space.len(), &upper, monitor).unwrap();
        upper.renumber(&inverse(&order));
        Divided { upper, cells, order }
    })
}
