//! The direction of an article: the mean of the vectors of its passages.

use super::view::View;
use crate::Result;

/// Returns the sum of the vectors of the article with this key, which has the direction of their
/// mean; `None` if there is no such article, zeros if it has no passages.
pub(crate) fn mean_direction<V: View>(view: &V, key: &str) -> Result<Option<Vec<f32>>> {
    let Some(vectors) = view.article_vectors(key)? else { return Ok(None) };
    let mut sum = vec![0.0; view.dim()];
    for vector in vectors {
        sum.iter_mut().zip(&*vector).for_each(|(sum, value)| *sum += value);
    }
    Ok(Some(sum))
}
