//! Variable-length integers: seven bits per byte, lowest first. All bytes but the last have their
//! highest bit set.

/// Appends `number` to `bytes`.
pub(super) fn push(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

/// Removes a number from the front of `bytes`; `None` unless one fits into 64 bits.
#[inline]
pub(super) fn take(bytes: &mut &[u8]) -> Option<u64> {
    // Most numbers have one to three bytes, and their decoding bounds the speed of a scan.
    match **bytes {
        [a, ref rest @ ..] if a < 0x80 => {
            *bytes = rest;
            Some(a.into())
        }
        [a, b, ref rest @ ..] if b < 0x80 => {
            *bytes = rest;
            Some(u64::from(a & 0x7f) | u64::from(b) << 7)
        }
        [a, b, c, ref rest @ ..] if c < 0x80 => {
            *bytes = rest;
            Some(u64::from(a & 0x7f) | u64::from(b & 0x7f) << 7 | u64::from(c) << 14)
        }
        _ => take_long(bytes),
    }
}

fn take_long(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if bits > u64::MAX >> shift {
            return None;
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_over_64_bits_are_refused() {
        assert_eq!(take(&mut [[0x80; 9].as_slice(), &[2]].concat().as_slice()), None);
        assert_eq!(take(&mut [0x80; 11].as_slice()), None);
        assert_eq!(take(&mut [].as_slice()), None);
    }

    proptest! {
        #[test]
        fn numbers_survive_a_round_trip(
            numbers in prop::collection::vec(prop_oneof![any::<u64>(), 0_u64..300], 0..20),
        ) {
            let mut bytes = Vec::new();
            for number in &numbers {
                push(*number, &mut bytes);
            }
            let mut rest = bytes.as_slice();
            for number in numbers {
                prop_assert_eq!(take(&mut rest), Some(number));
            }
            prop_assert!(rest.is_empty());
        }
    }
}
