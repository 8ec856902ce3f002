//! Seeded vectors for benchmarks and tests.

#![allow(dead_code, reason = "no file uses all of it")]
#![allow(clippy::cast_precision_loss, reason = "24 bits of a random number")]

use passim::Vectors;

/// A small seeded generator (splitmix64, Steele et al. 2014).
pub struct Seeded(pub u64);

impl Seeded {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("less than a usize")
    }

    /// Uniform in `-1.0..1.0`.
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }

    /// Approximately normal: the sum of four uniform numbers.
    pub fn normal(&mut self) -> f32 {
        (0..4).map(|_| self.unit()).sum::<f32>() * 0.87
    }
}

/// `clusters` groups of `each` vectors, group after group, at a distance of about `spread`
/// from their centre.
pub fn clustered(seed: u64, dim: usize, clusters: usize, each: usize, spread: f32) -> Vectors {
    clustered_apart(seed, dim, clusters, (each, 0), spread).0
}

/// Clusters of `each` vectors like those of [`clustered`], and `apart` other vectors near the
/// centre of every cluster.
pub fn clustered_apart(
    seed: u64,
    dim: usize,
    clusters: usize,
    (each, apart): (usize, usize),
    spread: f32,
) -> (Vectors, Vectors) {
    let mut seeded = Seeded(seed);
    let room = |vectors: usize| Vec::with_capacity(clusters * vectors * dim);
    let (mut kept, mut others) = (room(each), room(apart));
    for _ in 0..clusters {
        let centre: Vec<f32> = (0..dim).map(|_| seeded.normal()).collect();
        for at in 0..each + apart {
            let data = if at < each { &mut kept } else { &mut others };
            data.extend(centre.iter().map(|x| x + spread * seeded.normal()));
        }
    }
    let unit = |data| Vectors::normalized(dim, data).expect("random vectors have a direction");
    (unit(kept), unit(others))
}

/// Vectors in every direction.
pub fn spread(seed: u64, dim: usize, len: usize) -> Vectors {
    clustered(seed, dim, 1, len, 1e3)
}
