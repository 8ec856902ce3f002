//! The two directions in which vectors differ most: principal components.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use passim::Vectors;

/// Steps of the iteration, at most.
const STEPS: usize = 500;
/// A direction that moves less than this in a step is found.
const STILL: f32 = 1e-6;

/// What is less than this share of all variance is rounding.
const NOISE: f32 = 1e-5;

/// The two main directions of some vectors.
pub struct Axes {
    /// Unit vectors of the dimension of the vectors, at a right angle.
    pub directions: [Vec<f32>; 2],
    /// Which share of the variance lies along each, 0 to 1.
    pub shares: [f32; 2],
}

impl Axes {
    /// The main directions of `vectors`, of which there is one at least, of two dimensions at
    /// least. The same vectors always have the same axes.
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

/// The unit vector along which `scatter` is greatest, at a right angle to `other`, by power
/// iteration.
fn main_direction(scatter: &Array2<f32>, other: Option<&Array1<f32>>) -> Array1<f32> {
    let least = scatter.diag().sum() * NOISE;
    let mut direction = start(scatter, other);
    for _ in 0..STEPS {
        // Where no variance is left, each direction is as good.
        let Some(next) = apart(scatter.dot(&direction), other, least) else { break };
        let moved = (&next - &direction).iter().fold(0.0_f32, |most, one| most.max(one.abs()));
        direction = next;
        if moved < STILL {
            break;
        }
    }
    direction
}

/// A coordinate's direction that is hardly along `other`: that of the greatest variance.
fn start(scatter: &Array2<f32>, other: Option<&Array1<f32>>) -> Array1<f32> {
    let mut order: Vec<usize> = (0..scatter.nrows()).collect();
    order.sort_by(|a, b| scatter[[*b, *b]].total_cmp(&scatter[[*a, *a]]));
    let unit = |at: usize| Array1::from_shape_fn(scatter.nrows(), |one| f32::from(one == at));
    let found = order.into_iter().find_map(|at| apart(unit(at), other, 0.5));
    found.unwrap_or_else(|| Array1::zeros(scatter.nrows()))
}

/// The part of `direction` at a right angle to `other`, with length 1; `None` if it is not
/// longer than `least`.
fn apart(direction: Array1<f32>, other: Option<&Array1<f32>>, least: f32) -> Option<Array1<f32>> {
    let mut apart = direction;
    if let Some(other) = other {
        let along = apart.dot(other);
        apart.scaled_add(-along, other);
    }
    let length = apart.dot(&apart).sqrt();
    (length > least).then(|| apart / length)
}
