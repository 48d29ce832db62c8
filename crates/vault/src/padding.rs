//! How long does a sealed value look?
//!
//! A length tells what a text says ("negative" is shorter than what it isn't), so only its bucket shows.

const STEP: usize = 256;
const STEPS_END: usize = 4096;

/// The bucket of a plaintext: the next multiple of 256 B up to 4 KiB, then Padmé, which adds at most 12 % and lets
/// O(log log n) bits of the length show (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files", 2019).
pub(crate) const fn bucket(len: usize) -> usize {
    if len <= STEPS_END {
        return if len == 0 { STEP } else { len.next_multiple_of(STEP) };
    }
    let exponent = len.ilog2();
    let mantissa_bits = exponent.ilog2() + 1;
    len.next_multiple_of(1 << (exponent - mantissa_bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_plaintext_grows_to_a_multiple_of_256() {
        for (len, padded) in [(0, 256), (5, 256), (256, 256), (257, 512), (605, 768), (4095, 4096), (4096, 4096)] {
            assert_eq!(bucket(len), padded, "of {len}");
        }
    }

    #[test]
    fn a_long_plaintext_grows_by_padme() {
        for (len, padded) in [(4097, 4352), (4352, 4352), (4353, 4608), (10_000, 10_240), (1_000_000, 1_015_808)] {
            assert_eq!(bucket(len), padded, "of {len}");
        }
    }

    #[test]
    fn a_bucket_is_its_own_bucket_and_at_most_an_eighth_longer() {
        for len in (1..200_000).step_by(7) {
            let padded = bucket(len);
            assert!(padded >= len && bucket(padded) == padded, "of {len}");
            assert!(len <= STEPS_END || padded - len <= len / 8, "of {len}");
        }
    }
}
