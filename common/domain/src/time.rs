//! The one instant type for everything stored or sent: RFC 3339 UTC with exactly three fractional
//! digits.
//!
//! The fixed width makes stored times sort correctly as text, which every document store can index.

use std::{fmt, str::FromStr};

use jiff::{
    SignedDuration, Timestamp,
    civil::Date,
    tz::{Offset, TimeZone},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant with millisecond resolution, always in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Time(Timestamp);

/// The error for a text that is not an RFC 3339 instant.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not an RFC 3339 time such as 2026-11-22T09:30:00.000Z")]
pub struct InvalidTime(String);

impl Time {
    /// The instant `ms` milliseconds after the Unix epoch, clamped to the representable range.
    pub fn from_unix_ms(ms: i64) -> Self {
        Self(Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        }))
    }

    /// Milliseconds since the Unix epoch.
    pub fn unix_ms(self) -> i64 {
        self.0.as_millisecond()
    }

    /// Whole seconds since the Unix epoch.
    pub fn unix_seconds(self) -> i64 {
        self.0.as_second()
    }

    /// This instant moved by `ms` milliseconds; negative moves back.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self::from_unix_ms(self.unix_ms().saturating_add(ms))
    }

    /// This instant moved by `seconds`; negative moves back.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        self.plus_ms(seconds.saturating_mul(1000))
    }

    /// Milliseconds from `earlier` to this instant; negative when this one is earlier.
    pub fn ms_since(self, earlier: Self) -> i64 {
        self.unix_ms() - earlier.unix_ms()
    }

    /// The UTC calendar day.
    pub fn date(self) -> Date {
        self.0.to_zoned(TimeZone::UTC).date()
    }

    /// `yyyy-mm-dd` in UTC: the key of the day's budget counter.
    pub fn day(self) -> String {
        self.date().to_string()
    }

    /// `yyyy-mm` in UTC: the key of the month's budget counter.
    pub fn month(self) -> String {
        let date = self.date();
        format!("{:04}-{:02}", date.year(), date.month())
    }

    /// The first instant of the next UTC day: when a day's budget resets.
    #[must_use]
    pub fn next_day(self) -> Self {
        Self::start_of(self.date().saturating_add(jiff::Span::new().days(1)))
    }

    /// The first instant of the next UTC month: when a month's budget resets.
    #[must_use]
    pub fn next_month(self) -> Self {
        Self::start_of(self.date().first_of_month().saturating_add(jiff::Span::new().months(1)))
    }

    /// The stored form of a time whose year has four digits. It avoids the general printer, because
    /// a paid call writes eight such times.
    fn text(self) -> Option<[u8; 24]> {
        let at = Offset::UTC.to_datetime(self.0);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut rest: &mut [u8] = &mut text;
        let parts = [
            (4, u32::try_from(at.year()).ok()?),
            (2, u32::try_from(at.month()).ok()?),
            (2, u32::try_from(at.day()).ok()?),
            (2, u32::try_from(at.hour()).ok()?),
            (2, u32::try_from(at.minute()).ok()?),
            (2, u32::try_from(at.second()).ok()?),
            (3, u32::try_from(at.millisecond()).ok()?),
        ];
        for (width, number) in parts {
            let (digits, behind) = rest.split_at_mut_checked(width)?;
            let mut number = number;
            for digit in digits.iter_mut().rev() {
                *digit = b'0' + u8::try_from(number % 10).ok()?;
                number /= 10;
            }
            rest = behind.get_mut(1..)?;
        }
        Some(text)
    }

    /// Midnight UTC at the start of `date`.
    pub fn start_of(date: Date) -> Self {
        date.to_zoned(TimeZone::UTC)
            .map_or(Self(Timestamp::MAX), |midnight| Self(midnight.timestamp()))
    }
}

impl From<Timestamp> for Time {
    fn from(timestamp: Timestamp) -> Self {
        Self::from_unix_ms(timestamp.as_millisecond())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => f.write_str(str::from_utf8(&text).unwrap_or_default()),
            None => write!(f, "{:.3}", self.0),
        }
    }
}

impl FromStr for Time {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        text.parse::<Timestamp>().map(Self::from).map_err(|_| InvalidTime(text.into()))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.text().as_ref().map(|text| str::from_utf8(text)) {
            Some(Ok(text)) => serializer.serialize_str(text),
            _ => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Days from `from` to `to`; negative when `to` lies before it.
pub fn days_between(from: Date, to: Date) -> i64 {
    SignedDuration::as_hours(&from.duration_until(to)) / 24
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn stored_times_sort_chronologically_as_text() {
        let mut times =
            ["2026-11-22T13:00:00Z", "2026-11-22T13:00:00.5Z", "2026-11-22T12:59:59.999Z"]
                .map(time);
        let mut texts = times.map(|t| t.to_string());
        times.sort();
        texts.sort();
        assert_eq!(times.map(|t| t.to_string()), texts);
        assert_eq!(texts[1], "2026-11-22T13:00:00.000Z");
    }

    proptest::proptest! {
        #[test]
        fn the_fast_time_format_matches_the_general_one(ms in -62_200_000_000_000_i64..253_402_300_800_000) {
            let time = Time::from_unix_ms(ms);
            proptest::prop_assert_eq!(time.to_string(), format!("{:.3}", time.0));
            proptest::prop_assert_eq!(serde_json::to_value(time).unwrap(), time.to_string());
        }
    }

    #[test]
    fn periods_are_utc_days_and_calendar_months() {
        let late = time("2026-12-31T23:59:59.999Z");
        assert_eq!((late.day().as_str(), late.month().as_str()), ("2026-12-31", "2026-12"));
        assert_eq!(late.next_day().to_string(), "2027-01-01T00:00:00.000Z");
        assert_eq!(late.next_month().to_string(), "2027-01-01T00:00:00.000Z");
        assert_eq!(time("2026-11-22T01:00:00+02:00").day(), "2026-11-21");
    }

    #[test]
    fn days_are_counted_both_ways() {
        let date = |text: &str| text.parse::<Date>().unwrap();
        assert_eq!(days_between(date("2026-11-22"), date("2026-12-11")), 19);
        assert_eq!(days_between(date("2026-12-11"), date("2026-11-22")), -19);
    }
}
