//! A seeded generator of random numbers.

/// The generator `SplitMix64`.
///
/// # Source
///
/// Steele, Lea & Flood (2014), "Fast splittable pseudorandom number generators".
#[derive(Clone, Debug)]
pub struct Seeded(pub u64);

#[expect(clippy::cast_precision_loss, reason = "24 bits of a random number are exact in f32")]
impl Seeded {
    /// Uniform over all values.
    #[expect(clippy::should_implement_trait, reason = "a generator of numbers does not end")]
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
