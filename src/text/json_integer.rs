//! Integers of JSON that neither `i64` nor `u64` holds. A parser reads them as floating-point numbers.

/// An integer out of range.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LargeInteger<'t> {
    /// The name that it, or the list around it, has in its object; as written in JSON.
    pub(super) name: &'t str,
    pub(super) digits: &'t str,
}

/// Returns the first integer of `json`, which is valid, that is out of range.
pub(super) fn find_large_integer(json: &str) -> Option<LargeInteger<'_>> {
    let mut name = "";
    let mut at = 0;
    while let Some(start) = json[at..].find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        let start = at + start;
        let rest = &json[start..];
        if let Some(string) = rest.strip_prefix('"') {
            let len = string_len(string);
            at = start + len + 2;
            if json[at..].trim_start().starts_with(':') {
                name = &string[..len];
            }
            continue;
        }
        let is_number_byte =
            |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
        let len = rest.find(|c| !is_number_byte(c)).unwrap_or(rest.len());
        let digits = &rest[..len];
        if is_out_of_range(digits) {
            return Some(LargeInteger { name, digits });
        }
        at = start + len;
    }
    None
}

/// Whether `number` is an integer that neither `i64` nor `u64` holds.
pub(super) fn is_out_of_range(number: &str) -> bool {
    let digits = number.strip_prefix(['-', '+']).unwrap_or(number);
    let is_integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_integer && number.parse::<i64>().is_err() && number.parse::<u64>().is_err()
}

/// Returns the length of the string at the start of `text`, which follows its quotation mark.
fn string_len(text: &str) -> usize {
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return at,
            // The escaped character may be a quotation mark.
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_out_of_range_is_found_with_its_name() {
        for (json, name, digits) in [
            (r#"{"a": 18446744073709551616}"#, "a", "18446744073709551616"),
            (r#"{"a": 1, "b": [2, -9223372036854775809]}"#, "b", "-9223372036854775809"),
            (r#"{"a \" b": 99999999999999999999}"#, r#"a \" b"#, "99999999999999999999"),
        ] {
            assert_eq!(find_large_integer(json), Some(LargeInteger { name, digits }), "{json}");
        }
    }

    #[test]
    fn other_numbers_and_strings_are_in_range() {
        for json in [
            r#"{"a": 18446744073709551615, "b": -9223372036854775808, "c": 1e99, "d": 0.5}"#,
            r#"{"a": "99999999999999999999", "99999999999999999999": 1}"#,
            r#"{"a": 99999999999999999999.5, "b": 1E-400}"#,
            "[]",
            "",
        ] {
            assert_eq!(find_large_integer(json), None, "{json}");
        }
    }
}
