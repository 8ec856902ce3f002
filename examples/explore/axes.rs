//! The two directions in which vectors differ most: principal components.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use passim::Vectors;

/// Steps of the iteration, at most.
const STEPS: usize = 500;
/// A direction that moves less than this in a step is found.
const STILL: f32 = 1e-6;

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
        let mean = rows.sum_axis(Axis(0)) / rows.nrows().max(1) as f32;
        let centered = &rows - &mean;
        let scatter = centered.t().dot(&centered);
        let first = main_direction(&scatter, None);
        let second = main_direction(&scatter, Some(&first));
        let total = scatter.diag().sum().max(f32::MIN_POSITIVE);
        let share = |axis: &Array1<f32>| axis.dot(&scatter.dot(axis)) / total;
        let shares = [share(&first), share(&second)];
        Ok(Self { directions: [first.to_vec(), second.to_vec()], shares })
    }
}

/// The unit vector along which `scatter` is greatest, at a right angle to `other`, by power
/// iteration.
fn main_direction(scatter: &Array2<f32>, other: Option<&Array1<f32>>) -> Array1<f32> {
    let apart = |mut direction: Array1<f32>| {
        if let Some(other) = other {
            let along = direction.dot(other);
            direction.scaled_add(-along, other);
        }
        let length = direction.dot(&direction).sqrt();
        (length > f32::MIN_POSITIVE).then(|| direction / length)
    };
    // What varies most by itself is hardly at a right angle to the direction sought.
    let mut order: Vec<usize> = (0..scatter.nrows()).collect();
    order.sort_by(|a, b| scatter[[*b, *b]].total_cmp(&scatter[[*a, *a]]));
    let mut starts = order.iter().map(|at| {
        let mut start = Array1::zeros(scatter.nrows());
        start[*at] = 1.0;
        start
    });
    let mut direction = starts.find_map(apart).unwrap_or_else(|| Array1::zeros(scatter.nrows()));
    for _ in 0..STEPS {
        // Without any variance left each direction is as good.
        let Some(next) = apart(scatter.dot(&direction)) else { break };
        let moved = (&next - &direction).iter().fold(0.0_f32, |most, one| most.max(one.abs()));
        direction = next;
        if moved < STILL {
            break;
        }
    }
    direction
}
