//! Pseudo-random choices that follow from a seed and the request alone, and so are the same each
//! time.

/// A source of choices. Copies make the same choices, so each value is for one use;
/// [`Chance::with`] makes one for another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(mixed(seed))
    }

    /// A source that also depends on `text`.
    pub(super) fn with(self, text: &str) -> Self {
        // FNV-1a, which unlike the standard library's hasher is the same in every release.
        let fnv =
            |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        Self(mixed(text.bytes().fold(self.0 ^ 0xcbf2_9ce4_8422_2325, fnv)))
    }

    /// 64 uniformly distributed bits.
    pub(super) fn bits(self) -> u64 {
        self.0
    }

    /// A number from 0 to below 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    pub(super) fn share(self) -> f64 {
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// An index below `count`; 0 when `count` is 0.
    pub(super) fn below(self, count: usize) -> usize {
        let count = count as u64;
        usize::try_from(self.0.checked_rem(count).unwrap_or(0)).unwrap_or(0)
    }

    /// One of the choices.
    pub(super) fn pick<T: ?Sized, const N: usize>(self, choices: [&T; N]) -> &T {
        const { assert!(N > 0) };
        choices[self.below(N)]
    }
}

/// The finaliser of `splitmix64`: mixes every bit of the input into the whole output.
fn mixed(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
