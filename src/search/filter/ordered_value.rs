//! A total order of metadata values, for sorted columns.

use std::mem;

use crate::{Date, Value};

/// A value in a total order. Values of comparable types are adjacent in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scalar<T> {
    Truth(bool),
    Number(Number),
    /// NaN, which can be stored, but equals no value and is in no range.
    NotANumber,
    Date(Date),
    Text(T),
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
    Date,
    Text,
}

impl ValueKind {
    pub(crate) const ALL: [Self; 4] = [Self::Truth, Self::Number, Self::Date, Self::Text];

    /// Returns the plural noun for error messages.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Truth => "booleans",
            Self::Number => "numbers",
            Self::Date => "dates",
            Self::Text => "texts",
        }
    }
}

impl<T> Scalar<T> {
    pub(crate) fn kind(&self) -> ValueKind {
        match self {
            Self::Truth(_) => ValueKind::Truth,
            Self::Number(_) | Self::NotANumber => ValueKind::Number,
            Self::Date(_) => ValueKind::Date,
            Self::Text(_) => ValueKind::Text,
        }
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
            Self::Date(value) => Scalar::Date(*value),
            Self::Text(value) => Scalar::Text(convert(value)),
        }
    }
}

impl<'v> From<&'v Value> for Scalar<&'v str> {
    fn from(value: &'v Value) -> Self {
        match value {
            Value::Bool(value) => Self::Truth(*value),
            Value::Integer(value) => Self::Number(Number::whole(*value)),
            Value::Float(value) if value.is_nan() => Self::NotANumber,
            Value::Float(value) => Self::Number(Number::float(*value)),
            Value::Date(value) => Self::Date(*value),
            Value::String(value) => Self::Text(value),
        }
    }
}

impl Number {
    #[expect(clippy::cast_precision_loss, reason = "`rest` holds the difference")]
    #[expect(clippy::cast_possible_truncation, reason = "the float is at most 2^63, the rest 2^10")]
    fn whole(value: i64) -> Self {
        let rounded = value as f64;
        let rest = i128::from(value) - rounded as i128;
        Self { rest: rest as i64, ..Self::float(rounded) }
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
        Scalar::from(&value.into()).map(|text| (*text).to_owned())
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
        assert!(scalar(f64::INFINITY) < scalar(f64::NAN));
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
