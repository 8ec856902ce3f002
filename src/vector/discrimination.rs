//! Whether codes discriminate close points.

use rayon::prelude::*;

use super::space::Space;

/// Points of the sample whose nearest neighbor is searched for.
const PROBES: usize = 256;
/// Codes are discriminative if at most one in this many probes is lost.
const LOST_RATIO: usize = 16;
/// A probe is lost if its nearest neighbor is closer than this many quantization errors.
const MIN_DISTANCE: f32 = 4.0;

/// Whether the codes of `space` discriminate close points, estimated on the points below `sample`.
/// These must be a random sample; `error` is the quantization error of a point.
///
/// The nearest neighbor of a point within the sample is about as far as its `len / sample`-th
/// neighbor among all points. If this distance is only a few quantization errors, the order of the
/// closest neighbors is noise.
pub(super) fn is_discriminative<S: Space>(
    space: &S,
    sample: u32,
    error: impl Fn(u32) -> f32 + Sync,
) -> bool {
    let all: Vec<u32> = (0..sample).collect();
    let probes = &all[..all.len().min(PROBES)];
    let is_lost = |probe: &&u32| {
        let mut similarities = Vec::with_capacity(all.len());
        space.similarities(&space.point(**probe), &all, &mut similarities);
        similarities[**probe as usize] = -1.0;
        let nearest = similarities.iter().fold(-1.0_f32, |max, similarity| max.max(*similarity));
        let distance = (2.0 - 2.0 * nearest).max(0.0).sqrt();
        distance < MIN_DISTANCE * error(**probe)
    };
    let lost = probes.par_iter().filter(is_lost).count();
    lost * LOST_RATIO <= probes.len()
}
