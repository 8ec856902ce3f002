//! The first two principal components of a set of vectors.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use passim::Vectors;

/// Maximum steps of the power iteration.
const MAX_STEPS: usize = 500;
/// Largest change of a component below which the iteration has converged.
const TOLERANCE: f32 = 1e-6;

/// Share of the total variance below which a direction is rounding noise.
const NOISE: f32 = 1e-5;

/// The first two principal components.
pub struct Axes {
    /// Orthogonal unit vectors.
    pub directions: [Vec<f32>; 2],
    /// Share of the variance along each direction, in `0.0..=1.0`.
    pub shares: [f32; 2],
}

impl Axes {
    /// Computes the principal components of at least one vector of dimension >= 2, deterministically.
    pub fn of(vectors: &Vectors) -> Result<Self, ndarray::ShapeError> {
        let rows = ArrayView2::from_shape((vectors.len(), vectors.dim()), vectors.as_slice())?;
        let centered = &rows - &rows.mean_axis(Axis(0)).unwrap_or_default();
        let scatter = centered.t().dot(&centered);
        let first = main_direction(&scatter, None);
        let second = main_direction(&scatter, Some(&first));
        let total = scatter.diag().sum().max(f32::MIN_POSITIVE);
        let share = |axis: &Array1<f32>| (axis.dot(&scatter.dot(axis)) / total).clamp(0.0, 1.0);
        let shares = [share(&first), share(&second)];
        Ok(Self { directions: [first.to_vec(), second.to_vec()], shares })
    }
}

/// Returns the unit vector of maximum variance orthogonal to `other`, by power iteration.
fn main_direction(scatter: &Array2<f32>, other: Option<&Array1<f32>>) -> Array1<f32> {
    let least = scatter.diag().sum() * NOISE;
    let mut direction = start(scatter, other);
    for _ in 0..MAX_STEPS {
        // Without remaining variance any direction is valid.
        let Some(next) = apart(scatter.dot(&direction), other, least) else { break };
        let change = &next - &direction;
        let moved = change.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        direction = next;
        if moved < TOLERANCE {
            break;
        }
    }
    direction
}

/// Returns the coordinate axis of maximum variance that is not nearly parallel to `other`.
fn start(scatter: &Array2<f32>, other: Option<&Array1<f32>>) -> Array1<f32> {
    let mut order: Vec<usize> = (0..scatter.nrows()).collect();
    order.sort_by(|a, b| scatter[[*b, *b]].total_cmp(&scatter[[*a, *a]]));
    let unit = |axis: usize| Array1::from_shape_fn(scatter.nrows(), |row| f32::from(row == axis));
    let found = order.into_iter().find_map(|axis| apart(unit(axis), other, 0.5));
    found.unwrap_or_else(|| Array1::zeros(scatter.nrows()))
}

/// Returns the normalized component of `direction` orthogonal to `other`; `None` if its norm is
/// at most `least`.
fn apart(direction: Array1<f32>, other: Option<&Array1<f32>>, least: f32) -> Option<Array1<f32>> {
    let mut apart = direction;
    if let Some(other) = other {
        let along = apart.dot(other);
        apart.scaled_add(-along, other);
    }
    let length = apart.dot(&apart).sqrt();
    (length > least).then(|| apart / length)
}
