//! A total order of metadata values, for sorted columns.

use std::{borrow::Cow, mem};

use crate::{Date, Timestamp, Value};

/// A value in a total order. Values of comparable types are adjacent in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scalar<T> {
    Truth(bool),
    Number(Number),
    /// NaN, which can be stored, but equals no value and is in no range.
    NotANumber,
    /// A timestamp, or the first instant of a date.
    Time(Instant),
    Text(T),
}

/// An instant, as the time since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant {
    /// Rounded down.
    seconds: i64,
    nanoseconds: u32,
}

/// An integer or a float; both compare exactly.
///
/// An integer is stored as the nearest float and the difference from it. Rounding is monotonic, so
/// comparing the floats first and then the differences compares the integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number {
    /// Bits of the nearest float, mapped so that they are ordered like floats.
    rounded: i64,
    /// Value minus the nearest float; 0 for a float.
    rest: i64,
}

/// Type of comparable values, in the order of [`Scalar`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ValueKind {
    Truth,
    Number,
    Time,
    Text,
}

impl ValueKind {
    pub(crate) const ALL: [Self; 4] = [Self::Truth, Self::Number, Self::Time, Self::Text];

    /// Returns the plural noun for error messages.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Truth => "booleans",
            Self::Number => "numbers",
            Self::Time => "dates or timestamps",
            Self::Text => "texts",
        }
    }
}

#[cfg(feature = "postgres")]
impl ValueKind {
    /// Returns the letter that the sort keys of such values start with.
    pub(crate) fn letter(self) -> char {
        match self {
            Self::Truth => 'b',
            Self::Number => 'n',
            Self::Time => 't',
            Self::Text => 's',
        }
    }

    /// Returns a text after the sort keys of all values of the kind that are in a range.
    pub(crate) fn end_of_keys(self) -> String {
        match self {
            Self::Number => format!("{}:{NOT_A_NUMBER}", self.letter()),
            kind => format!("{};", kind.letter()),
        }
    }
}

impl<T> Scalar<T> {
    pub(crate) fn kind(&self) -> ValueKind {
        match self {
            Self::Truth(_) => ValueKind::Truth,
            Self::Number(_) | Self::NotANumber => ValueKind::Number,
            Self::Time(_) => ValueKind::Time,
            Self::Text(_) => ValueKind::Text,
        }
    }

    /// Returns the instant, if the value is a time.
    pub(crate) fn time(&self) -> Option<Instant> {
        if let Self::Time(instant) = self { Some(*instant) } else { None }
    }

    /// Whether the values have comparable types.
    pub(crate) fn compares_with(&self, other: &Self) -> bool {
        mem::discriminant(self) == mem::discriminant(other)
    }

    /// Converts the text, if the value is one.
    pub(crate) fn map<'s, U>(&'s self, convert: impl FnOnce(&'s T) -> U) -> Scalar<U> {
        match self {
            Self::Truth(value) => Scalar::Truth(*value),
            Self::Number(value) => Scalar::Number(*value),
            Self::NotANumber => Scalar::NotANumber,
            Self::Time(value) => Scalar::Time(*value),
            Self::Text(value) => Scalar::Text(convert(value)),
        }
    }
}

impl<'v> Scalar<&'v str> {
    /// Returns the first value that `item` stands for: a date stands for its whole day in UTC.
    ///
    /// # Panics
    ///
    /// For a list, whose items are compared one by one.
    pub(crate) fn first(item: &'v Value) -> Self {
        match item {
            Value::Bool(value) => Self::Truth(*value),
            Value::Integer(value) => Self::Number(Number::whole((*value).into())),
            Value::Unsigned(value) => Self::Number(Number::whole((*value).into())),
            Value::Float(value) if value.is_nan() => Self::NotANumber,
            Value::Float(value) => Self::Number(Number::float(*value)),
            Value::Date(value) => Self::Time(Instant::start_of(*value)),
            Value::Timestamp(value) => Self::Time(Instant::of(*value)),
            Value::String(value) => Self::Text(value),
            Value::List(_) => unreachable!("the items of a list are compared one by one"),
        }
    }

    /// Returns the last value that `item` stands for.
    pub(crate) fn last(item: &'v Value) -> Self {
        match item {
            Value::Date(value) => Self::Time(Instant::end_of(*value)),
            value => Self::first(value),
        }
    }
}

impl Scalar<Cow<'_, str>> {
    /// Whether it is no time, or the first instant of a day in UTC.
    pub(crate) fn may_be_date(&self) -> bool {
        match self {
            Self::Time(instant) => instant.starting_date().is_some(),
            Self::Truth(_) | Self::Number(_) | Self::NotANumber | Self::Text(_) => true,
        }
    }

    /// Returns a value that equals it in filters. A time is a date if `are_dates` and it can be one.
    pub(crate) fn to_value(&self, are_dates: bool) -> Value {
        match self {
            Self::Truth(value) => Value::Bool(*value),
            Self::Number(number) => number.to_value(),
            Self::NotANumber => Value::Float(f64::NAN),
            Self::Time(instant) => instant.to_value(are_dates),
            Self::Text(text) => Value::String(text.clone().into_owned()),
        }
    }
}

#[cfg(feature = "postgres")]
impl Scalar<&str> {
    /// Returns a text whose bytes are ordered like the values: the letter of the kind, a colon, and
    /// the value.
    pub(crate) fn sort_key(&self) -> String {
        // Flipping the sign bit orders negative numbers before others.
        let ordered = |value: i64| value.cast_unsigned() ^ (1 << 63);
        let letter = self.kind().letter();
        match self {
            Self::Truth(value) => format!("{letter}:{}", u8::from(*value)),
            Self::Number(Number { rounded, rest }) => {
                format!("{letter}:{:016x}{:016x}", ordered(*rounded), ordered(*rest))
            }
            Self::NotANumber => format!("{letter}:{NOT_A_NUMBER}"),
            Self::Time(Instant { seconds, nanoseconds }) => {
                format!("{letter}:{:016x}{nanoseconds:08x}", ordered(*seconds))
            }
            Self::Text(text) => format!("{letter}:{text}"),
        }
    }
}

#[cfg(feature = "postgres")]
impl<'k> Scalar<&'k str> {
    /// Returns the value with this [sort key](Self::sort_key); `None` if there is none.
    pub(crate) fn of_sort_key(key: &'k str) -> Option<Self> {
        let (letter, value) = key.split_once(':')?;
        let kind = ValueKind::ALL.into_iter().find(|kind| letter == kind.letter().to_string())?;
        match kind {
            ValueKind::Text => Some(Self::Text(value)),
            ValueKind::Truth => match value {
                "0" => Some(Self::Truth(false)),
                "1" => Some(Self::Truth(true)),
                _ => None,
            },
            ValueKind::Number if value == NOT_A_NUMBER.to_string() => Some(Self::NotANumber),
            ValueKind::Number => {
                let (rounded, rest) = value.split_at_checked(16)?;
                let (rounded, rest) = (from_ordered(rounded)?, from_ordered(rest)?);
                Some(Self::Number(Number { rounded, rest }))
            }
            ValueKind::Time => {
                let (seconds, nanoseconds) = value.split_at_checked(16)?;
                let seconds = from_ordered(seconds)?;
                let nanoseconds = Some(nanoseconds).filter(|digits| digits.len() == 8)?;
                let nanoseconds = u32::from_str_radix(nanoseconds, 16).ok()?;
                let instant = Instant { seconds, nanoseconds };
                let is_time = instant.starting_date().is_some()
                    || Timestamp::from_unix(seconds, nanoseconds).is_ok();
                is_time.then_some(Self::Time(instant))
            }
        }
    }
}

/// Returns the number that a sort key writes as hexadecimal digits.
#[cfg(feature = "postgres")]
fn from_ordered(digits: &str) -> Option<i64> {
    let digits = Some(digits).filter(|digits| digits.len() == 16)?;
    let ordered = u64::from_str_radix(digits, 16).ok()?;
    Some((ordered ^ (1 << 63)).cast_signed())
}

/// Sorts after every number.
#[cfg(feature = "postgres")]
const NOT_A_NUMBER: char = '~';

impl Instant {
    pub(crate) fn of(timestamp: Timestamp) -> Self {
        Self { seconds: timestamp.unix_seconds(), nanoseconds: timestamp.subsec_nanoseconds() }
    }

    fn start_of(date: Date) -> Self {
        Self { seconds: date.unix_seconds(), nanoseconds: 0 }
    }

    /// Returns the seconds from `earlier` to this instant; negative if that is later.
    #[expect(clippy::cast_precision_loss, reason = "exact for seconds of the years 0 to 9999")]
    pub(crate) fn seconds_since(self, earlier: Self) -> f64 {
        let nanoseconds = f64::from(self.nanoseconds) - f64::from(earlier.nanoseconds);
        (self.seconds - earlier.seconds) as f64 + nanoseconds * 1e-9
    }

    /// The date whose first instant it is.
    fn starting_date(self) -> Option<Date> {
        if self.nanoseconds == 0 { Date::starting_at(self.seconds) } else { None }
    }

    fn to_value(self, are_dates: bool) -> Value {
        let timestamp = Timestamp::from_unix(self.seconds, self.nanoseconds).map(Value::Timestamp);
        match self.starting_date() {
            // The last date is after the last timestamp.
            Some(date) if are_dates || timestamp.is_err() => Value::Date(date),
            _ => timestamp.expect("an instant is made of a date or of a timestamp"),
        }
    }

    /// The last nanosecond of `date`.
    fn end_of(date: Date) -> Self {
        Self { seconds: date.unix_seconds() + 86_399, nanoseconds: 999_999_999 }
    }
}

impl Number {
    /// Returns `value`, an `i64` or a `u64`, as a number.
    #[expect(clippy::cast_precision_loss, reason = "`rest` holds the difference")]
    #[expect(clippy::cast_possible_truncation, reason = "the float is at most 2^64, the rest 2^11")]
    fn whole(value: i128) -> Self {
        let rounded = value as f64;
        let rest = value - rounded as i128;
        Self { rest: rest as i64, ..Self::float(rounded) }
    }

    /// Returns an integer if the number is one within its range.
    #[expect(clippy::cast_possible_truncation, reason = "a whole float of at most 2^64")]
    fn to_value(self) -> Value {
        let bits = if self.rounded < 0 { self.rounded ^ i64::MAX } else { self.rounded };
        let float = f64::from_bits(bits.cast_unsigned());
        if float.fract() != 0.0 || float.abs() > 2_f64.powi(64) {
            return Value::Float(float);
        }
        let whole = float as i128 + i128::from(self.rest);
        let integer = i64::try_from(whole).map(Value::Integer);
        integer
            .or_else(|_| u64::try_from(whole).map(Value::Unsigned))
            .unwrap_or(Value::Float(float))
    }

    /// Returns `value`, which is not NaN, as a number.
    fn float(value: f64) -> Self {
        // Adding 0.0 converts -0.0 to 0.0.
        let bits = (value + 0.0).to_bits().cast_signed();
        // A negative float with greater bits is less.
        let rounded = if bits < 0 { bits ^ i64::MAX } else { bits };
        Self { rounded, rest: 0 }
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;

    /// Integers near the limits of exact floats, and any integers.
    fn whole() -> impl Strategy<Value = i64> {
        let edges = [0_i64, 1 << 53, (1 << 53) + 1, i64::MAX, i64::MIN, -(1 << 60) - 1];
        let near = (prop::sample::select(edges.to_vec()), -600_i64..600);
        prop_oneof![near.prop_map(|(edge, step)| edge.saturating_add(step)), any::<i64>()]
    }

    fn scalar(value: impl Into<Value>) -> Scalar<String> {
        Scalar::first(&value.into()).map(|text| (*text).to_owned())
    }

    /// Compares without rounding, by the floor of the float.
    #[allow(clippy::cast_possible_truncation, reason = "floors within the range of i128")]
    fn compare(whole: i64, float: f64) -> Ordering {
        if float.abs() > 1e30 {
            return if float > 0.0 { Ordering::Less } else { Ordering::Greater };
        }
        let floor = float.floor();
        let fraction = if floor < float { Ordering::Less } else { Ordering::Equal };
        i128::from(whole).cmp(&(floor as i128)).then(fraction)
    }

    proptest! {
        #[test]
        #[allow(clippy::cast_precision_loss, reason = "floats near whole numbers are wanted")]
        fn whole_numbers_and_floats_compare_exactly(a in whole(), b in whole(), x in any::<f64>()) {
            prop_assert_eq!(scalar(a).cmp(&scalar(b)), a.cmp(&b));
            for float in [b as f64, b as f64 + 0.5, x, -x, f64::INFINITY, 0.0] {
                prop_assert_eq!(scalar(a).cmp(&scalar(float)), compare(a, float), "{} {}", a, float);
                let floats = float.partial_cmp(&x).unwrap();
                prop_assert_eq!(scalar(float).cmp(&scalar(x)), floats);
            }
        }
    }

    #[test]
    fn equal_numbers_are_one_value() {
        assert_eq!(scalar(0.0), scalar(-0.0));
        assert_eq!(scalar(-3), scalar(-3.0));
        assert_ne!(scalar((1_i64 << 53) + 1), scalar(9_007_199_254_740_992.0));
        assert_eq!(scalar(1_u64 << 63), scalar(2_f64.powi(63)));
        assert!(scalar(i64::MAX) < scalar(1_u64 << 63));
        assert!(scalar(u64::MAX - 1) < scalar(u64::MAX));
        assert!(scalar(u64::MAX) < scalar(2_f64.powi(64)));
        assert!(scalar(f64::INFINITY) < scalar(f64::NAN));
    }

    #[test]
    fn a_date_lasts_from_midnight_to_midnight() {
        let day = Value::Date(Date::new(2024, 2, 29).unwrap());
        let at = |text: &str| Value::Timestamp(text.parse().unwrap());
        let midnight = at("2024-02-29T00:00:00Z");
        assert_eq!(Scalar::first(&day), Scalar::first(&midnight));
        assert_eq!(Scalar::last(&day), Scalar::last(&at("2024-02-29T23:59:59.999999999Z")));
        assert!(Scalar::last(&day) < Scalar::first(&at("2024-03-01T00:00:00Z")));
        let around_1970 =
            ["1969-12-31T23:59:59.8Z", "1969-12-31T23:59:59.9Z", "1970-01-01T00:00:00Z"];
        assert!(around_1970.map(at).is_sorted_by(|a, b| Scalar::first(a) < Scalar::first(b)));
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn sort_keys_are_ordered_like_their_values() {
        let day = Date::new(2024, 2, 29).unwrap();
        let before = Value::Timestamp("1969-12-31T23:59:59.8Z".parse().unwrap());
        let numbers = [f64::NEG_INFINITY, -1e300, -1.5, -1.0, 0.0, 1e-300, 3.5, f64::INFINITY];
        let whole = [i64::MIN, -(1 << 53) - 1, -2, 1, 4, (1 << 53) + 1, i64::MAX];
        let mut values: Vec<Value> = numbers.into_iter().map(Value::from).collect();
        values.extend(whole.map(Value::from));
        values.extend([true.into(), false.into(), u64::MAX.into(), f64::NAN.into(), "".into()]);
        values
            .extend([Date::new(9999, 12, 31).unwrap().into(), Date::new(0, 1, 1).unwrap().into()]);
        values.extend([before, day.into(), "ä".into(), "zebra".into(), "Zebra".into()]);
        for a in &values {
            for b in &values {
                let (first, second) = (Scalar::first(a), Scalar::first(b));
                assert_eq!(first.sort_key().cmp(&second.sort_key()), key_order(first, second));
            }
            let scalar = Scalar::first(a);
            assert_eq!(Scalar::of_sort_key(&scalar.sort_key()), Some(scalar));
            let is_in_range = scalar.sort_key() < scalar.kind().end_of_keys();
            assert_eq!(is_in_range, scalar != Scalar::NotANumber, "{a}");
        }
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn other_texts_are_no_sort_keys() {
        let time =
            Scalar::first(&"2024-02-29T10:00:00Z".parse::<Timestamp>().unwrap().into()).sort_key();
        let late = format!("t:{}00000000", "f".repeat(16));
        for key in ["", "x:1", "b:2", "n:12", "n:", "t:ä", &time[..20], &late, "s", "bb:1"] {
            assert_eq!(Scalar::of_sort_key(key), None, "{key}");
        }
    }

    /// The order of values of one kind; kinds are in the order of their letters.
    #[cfg(feature = "postgres")]
    fn key_order(a: Scalar<&str>, b: Scalar<&str>) -> Ordering {
        a.kind().letter().cmp(&b.kind().letter()).then(a.cmp(&b))
    }

    #[test]
    fn a_scalar_becomes_a_value_that_equals_it() {
        let day = Date::new(2024, 2, 29).unwrap();
        let at = |text: &str| Value::Timestamp(text.parse().unwrap());
        let before_1970 = at("1969-12-31T23:59:59.8Z");
        for (stored, returned) in [
            (true.into(), Value::Bool(true)),
            (3.0.into(), Value::Integer(3)),
            ((-0.0).into(), Value::Integer(0)),
            (2.5.into(), Value::Float(2.5)),
            ((-2.5).into(), Value::Float(-2.5)),
            (1e300.into(), Value::Float(1e300)),
            (2_f64.powi(64).into(), Value::Float(2_f64.powi(64))),
            (f64::NEG_INFINITY.into(), Value::Float(f64::NEG_INFINITY)),
            (i64::MIN.into(), Value::Integer(i64::MIN)),
            ((i64::MAX - 1).into(), Value::Integer(i64::MAX - 1)),
            (u64::MAX.into(), Value::Unsigned(u64::MAX)),
            (day.into(), Value::Date(day)),
            (at("2024-02-29T00:00:00Z"), Value::Date(day)),
            (before_1970.clone(), before_1970),
            ("ä".into(), Value::from("ä")),
        ] {
            let scalar = scalar(stored).map(|text| Cow::Owned(text.clone()));
            assert_eq!(scalar.to_value(true), returned);
        }
        let day = Value::Date(day);
        let midnight = Scalar::first(&day).map(|text| Cow::Borrowed(*text));
        assert!(midnight.may_be_date());
        assert_eq!(midnight.to_value(false), at("2024-02-29T00:00:00Z"));
        let last_day = Value::Date(Date::new(9999, 12, 31).unwrap());
        let last = Scalar::first(&last_day).map(|text| Cow::Borrowed(*text));
        assert_eq!(last.to_value(false), last_day);
        let nan = Scalar::NotANumber::<Cow<str>>.to_value(true);
        assert!(matches!(nan, Value::Float(float) if float.is_nan()));
    }

    #[test]
    fn values_are_ordered_by_their_kinds() {
        let day = Date::new(2024, 2, 29).unwrap();
        let values =
            [scalar(true), scalar(5), scalar(f64::NAN), scalar(day), scalar(""), scalar("ä")];
        assert!(values.is_sorted());
        assert!(values.is_sorted_by_key(Scalar::kind));
        assert!(!scalar(f64::NAN).compares_with(&scalar(5)));
        assert!(scalar(0.5).compares_with(&scalar(5)));
    }
}
