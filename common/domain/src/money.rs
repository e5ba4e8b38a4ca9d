//! Money as whole nano-dollars (10⁻⁹ USD): sums are exact, and prices always round up.

use std::{
    fmt,
    iter::Sum,
    ops::{Add, AddAssign, Neg, Sub, SubAssign},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

const NANOS_PER_USD: i64 = 1_000_000_000;

/// An amount in nano-USD. Negative only for corrections (a cost below what was charged).
///
/// Serialises as an integer, the form that documents store; [`usd`] is the form of the HTTP
/// contract.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct NanoUsd(pub i64);

/// The error for a text that is not a USD amount with at most nine decimal places.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not an amount in USD with at most nine decimal places")]
pub struct InvalidUsd(String);

impl NanoUsd {
    /// An amount of zero.
    pub const ZERO: Self = Self(0);
    /// More than any amount this system handles; stands for "no limit".
    pub const MAX: Self = Self(i64::MAX);

    /// `dollars` whole dollars.
    pub const fn from_dollars(dollars: i64) -> Self {
        Self(dollars.saturating_mul(NANOS_PER_USD))
    }

    /// The price of `units` at `nano_usd_per_million` each million, rounded up to the next
    /// nano-dollar.
    pub fn price(units: u64, nano_usd_per_million: u64) -> Self {
        Self::from_nano_millionths(u128::from(units) * u128::from(nano_usd_per_million))
    }

    /// An amount given in millionths of a nano-dollar, rounded up, so that a caller can sum several
    /// prices and round once.
    pub fn from_nano_millionths(sum: u128) -> Self {
        Self(i64::try_from(sum.div_ceil(1_000_000)).unwrap_or(i64::MAX))
    }

    /// This amount times `numerator / denominator`, rounded up; for planning figures, never for
    /// bills.
    #[must_use]
    pub fn scaled(self, numerator: i64, denominator: i64) -> Self {
        let product = i128::from(self.0) * i128::from(numerator);
        let denominator = i128::from(denominator.max(1));
        let rounded =
            product.div_euclid(denominator) + i128::from(product.rem_euclid(denominator) != 0);
        Self(i64::try_from(rounded).unwrap_or(i64::MAX))
    }

    /// The larger of this amount and zero.
    #[must_use]
    pub fn or_zero(self) -> Self {
        self.max(Self::ZERO)
    }

    /// This amount as a percentage of `whole`; 100 if `whole` is zero.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a displayed percentage needs no more than 52 bits"
    )]
    pub fn percent_of(self, whole: Self) -> f64 {
        if whole.0 <= 0 { 100.0 } else { self.0 as f64 / whole.0 as f64 * 100.0 }
    }

    /// The amount in USD as a float, for arithmetic that need not be exact (quality trade-offs,
    /// projections, charts).
    #[expect(
        clippy::cast_precision_loss,
        reason = "callers accept rounding; bills use the integer"
    )]
    pub fn as_usd_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_USD as f64
    }
}

impl fmt::Display for NanoUsd {
    /// `12.5` or `0.000000001`: exact, without trailing zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, nanos) =
            (self.0.unsigned_abs() / 1_000_000_000, self.0.unsigned_abs() % 1_000_000_000);
        if nanos == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{nanos:09}");
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl FromStr for NanoUsd {
    type Err = InvalidUsd;

    fn from_str(text: &str) -> Result<Self, InvalidUsd> {
        let invalid = || InvalidUsd(text.into());
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || fraction.len() > 9 || !all_digits(whole) || !all_digits(fraction) {
            return Err(invalid());
        }
        let nanos: i64 = format!("{whole}{fraction:0<9}").parse().map_err(|_| invalid())?;
        Ok(Self(if negative { -nanos } else { nanos }))
    }
}

impl Add for NanoUsd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for NanoUsd {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for NanoUsd {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl AddAssign for NanoUsd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for NanoUsd {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for NanoUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// Serde form of the HTTP contract: a JSON number in USD, exact to nine places.
///
/// A double prints the shortest decimal that reads back the same, which is exact up to fifteen
/// digits, so for every amount below a million dollars.
pub mod usd {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::NanoUsd;

    /// Writes the amount as a decimal number of dollars. The division gives the double that its
    /// decimal is read as, because below nine million dollars the nano-dollars are exact in a
    /// double.
    pub fn serialize<S: Serializer>(amount: &NanoUsd, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(amount.as_usd_f64())
    }

    /// Reads a decimal number of dollars; more than nine decimal places are refused, not rounded.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NanoUsd, D::Error> {
        let number = f64::deserialize(deserializer)?;
        number.to_string().parse().map_err(D::Error::custom)
    }

    /// The same for an amount that may be absent.
    pub mod option {
        use serde::{Deserialize, Deserializer, Serializer, de::Error};

        use super::NanoUsd;

        /// Writes the amount, or null.
        pub fn serialize<S: Serializer>(
            amount: &Option<NanoUsd>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match amount {
                Some(amount) => super::serialize(amount, serializer),
                None => serializer.serialize_none(),
            }
        }

        /// Reads an amount, or null.
        pub fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<NanoUsd>, D::Error> {
            let number = Option::<f64>::deserialize(deserializer)?;
            number.map(|number| number.to_string().parse().map_err(D::Error::custom)).transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prices_round_up_to_the_next_nano_dollar() {
        // 1 token at $0.0125 a million is 12.5 nano-dollars.
        assert_eq!(NanoUsd::price(1, 12_500_000), NanoUsd(13));
        assert_eq!(NanoUsd::price(2, 12_500_000), NanoUsd(25));
        assert_eq!(NanoUsd::price(0, 12_500_000), NanoUsd(0));
        assert_eq!(NanoUsd::price(u64::MAX, u64::MAX), NanoUsd::MAX);
    }

    #[test]
    fn text_that_is_not_an_amount_is_refused() {
        for text in ["", ".", ".5", "1e3", "0.0000000001", "1,5", "--1", "99999999999"] {
            assert_eq!(text.parse::<NanoUsd>(), Err(InvalidUsd(text.into())), "{text}");
        }
    }

    #[test]
    fn scaling_rounds_up() {
        assert_eq!(NanoUsd(10).scaled(1, 3), NanoUsd(4));
        assert_eq!(NanoUsd(-10).scaled(1, 3), NanoUsd(-3));
    }

    proptest! {
        #[test]
        fn printing_and_parsing_are_inverse(nanos in any::<i32>(), dollars in -1_000_000i64..1_000_000) {
            let amount = NanoUsd::from_dollars(dollars) + NanoUsd(i64::from(nanos));
            prop_assert_eq!(amount.to_string().parse::<NanoUsd>(), Ok(amount));
        }

        #[test]
        fn json_dollars_are_exact_below_a_million(nanos in 0i64..999_999_999_999_999) {
            #[derive(Serialize, Deserialize)]
            struct Wire(#[serde(with = "usd")] NanoUsd);
            let text = serde_json::to_string(&Wire(NanoUsd(nanos))).unwrap();
            let back: Wire = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(back.0, NanoUsd(nanos));
        }
    }
}
