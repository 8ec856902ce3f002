//! Laws of model files: damage is an error, and the name is not part of the identity.

use super::*;

#[test]
fn the_identity_excludes_the_name() {
    let renamed = sealed({
        let mut file = small_file();
        file[88..93].copy_from_slice(b"other");
        file
    });
    let [small, other] =
        [small_file(), renamed].map(|file| StaticEmbedder::from_bytes(file).unwrap());
    assert_eq!(small.identity(), other.identity());
    assert_eq!((&*small.identity().name, &*other.identity().name), ("small", "other"));
}

#[test]
fn every_truncation_and_every_flipped_bit_is_an_error() {
    for bits in [3, 4, 8] {
        every_damage_is_an_error(&file_of(
            FileSettings { bits, ..BUNDLED_SETTINGS },
            &STARTS,
            &CONTINUATIONS,
        ));
    }
}

fn every_damage_is_an_error(file: &[u8]) {
    for len in 0..file.len() {
        let error = StaticEmbedder::from_bytes(file[..len].to_vec()).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{len} bytes: {error}");
    }
    for bit in 0..file.len() * 8 {
        let error = StaticEmbedder::from_bytes(flipped(file, bit)).unwrap_err();
        let expected = matches!(error, Error::Corrupt { .. } | Error::Version { .. });
        assert!(expected, "bit {bit}: {error}");
    }
}

#[test]
fn wrong_contents_with_a_valid_checksum_never_panic() {
    for settings in
        [BUNDLED_SETTINGS, CONVERTED_SETTINGS, FileSettings { bits: 3, ..BUNDLED_SETTINGS }]
    {
        let file = file_of(settings, &STARTS, &CONTINUATIONS);
        let mut refused = 0;
        for bit in 0..(file.len() - 8) * 8 {
            match StaticEmbedder::from_bytes(sealed(flipped(&file, bit))) {
                Ok(embedder) => {
                    let texts = ["über", "", "xhaustürboots!", &"s".repeat(120)];
                    let vectors = embedder.embed(Role::Query, &texts, Interrupt::none()).unwrap();
                    assert_eq!((vectors.len(), vectors.dim()), (4, embedder.dim()), "bit {bit}");
                }
                Err(Error::Corrupt { .. } | Error::Version { .. }) => refused += 1,
                Err(error) => panic!("bit {bit}: {error}"),
            }
        }
        assert!(refused > 128 * 8, "only {refused} bits are checked, the header alone has 1,024");
    }
}

#[test]
fn damage_to_the_bundled_model_is_an_error() {
    // A prime step, so that flips fall on all bits and all sections.
    for bit in (0..BUNDLED_FILE.len() * 8).step_by(2_999_999) {
        let error = StaticEmbedder::from_bytes(flipped(BUNDLED_FILE, bit)).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "bit {bit}: {error}");
    }
}

fn flipped(file: &[u8], bit: usize) -> Vec<u8> {
    let mut file = file.to_vec();
    file[bit / 8] ^= 1 << (bit % 8);
    file
}
