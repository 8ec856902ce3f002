//! Seeded vectors, in clusters and in every direction, and the vectors of texts.

use passim::{Embedder, Interrupt, Role, Vectors};

use crate::Seeded;

/// Seeded clusters of vectors.
#[derive(Clone, Copy, Debug)]
pub struct Clusters {
    /// Seed of all values.
    pub seed: u64,
    /// Values of a vector.
    pub dim: usize,
    /// Number of clusters.
    pub clusters: usize,
    /// Vectors of each cluster.
    pub each: usize,
    /// Distance of the vectors from the center of their cluster, as a multiple of a value.
    pub spread: f32,
}

impl Clusters {
    /// The vectors, cluster after cluster.
    pub fn vectors(self) -> Vectors {
        self.with_queries(0).0
    }

    /// The vectors, and `queries` other ones near the center of each cluster.
    pub fn with_queries(self, queries: usize) -> (Vectors, Vectors) {
        let mut seeded = Seeded(self.seed);
        let mut indexed = Vec::with_capacity(self.clusters * self.each * self.dim);
        let mut others = Vec::with_capacity(self.clusters * queries * self.dim);
        for _ in 0..self.clusters {
            let center: Vec<f32> = (0..self.dim).map(|_| seeded.normal()).collect();
            for at in 0..self.each + queries {
                let data = if at < self.each { &mut indexed } else { &mut others };
                data.extend(center.iter().map(|x| x + self.spread * seeded.normal()));
            }
        }
        let unit =
            |data| Vectors::normalized(self.dim, data).expect("random vectors have a direction");
        (unit(indexed), unit(others))
    }
}

/// `clusters` groups of `each` vectors, group after group, at a distance of about `spread` from
/// their center.
pub fn clustered(seed: u64, dim: usize, clusters: usize, each: usize, spread: f32) -> Vectors {
    Clusters { seed, dim, clusters, each, spread }.vectors()
}

/// `len` vectors in every direction.
pub fn spread(seed: u64, dim: usize, len: usize) -> Vectors {
    clustered(seed, dim, 1, len, 1e3)
}

/// The vectors of `texts` by `model`.
pub fn of_texts(model: &dyn Embedder, role: Role, texts: &[&str]) -> Vectors {
    model.embed(role, texts, Interrupt::none()).expect("a model that runs")
}

/// The vector of `text` by `model`.
pub fn of_text(model: &dyn Embedder, role: Role, text: &str) -> Vec<f32> {
    of_texts(model, role, &[text]).row(0).to_vec()
}
