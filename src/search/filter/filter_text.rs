//! Reads the text form of a filter, as `Display` writes it.

use std::{ops::Bound, str::FromStr};

use super::{Filter, MAX_DEPTH, expression::Test};
use crate::{Date, Error, Language, Result, Timestamp, Value};

/// Reads the form that `Display` writes, such as `year in 2020.. and not source is "dpa"`, and
/// checks the filter.
///
/// `and` binds tighter than `or`. A text of letters, digits, `_`, `-` and `.` needs no quotes unless
/// it is a number, a date, `true` or `false`. A filter with a closure has no form that can be read.
impl FromStr for Filter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut reader = FilterReader { text, at: 0, depth: 0 };
        let filter = reader.disjunction()?;
        reader.skip_spaces();
        if reader.at < text.len() {
            return Err(reader.expected("`and`, `or` or the end"));
        }
        filter.check()?;
        Ok(filter)
    }
}

/// Reads a filter from left to right.
struct FilterReader<'t> {
    text: &'t str,
    /// Offset of the next byte.
    at: usize,
    /// Number of open parentheses and negations.
    depth: usize,
}

impl<'t> FilterReader<'t> {
    fn disjunction(&mut self) -> Result<Filter> {
        let mut parts = vec![self.conjunction()?];
        while self.takes_word("or") {
            parts.push(self.conjunction()?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Filter::any(parts) })
    }

    fn conjunction(&mut self) -> Result<Filter> {
        let mut parts = vec![self.condition()?];
        while self.takes_word("and") {
            parts.push(self.condition()?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Filter::all(parts) })
    }

    /// Reads one condition, a negation or parentheses. The depth is bounded, so that a text cannot
    /// exhaust the stack.
    fn condition(&mut self) -> Result<Filter> {
        if self.depth > MAX_DEPTH {
            return Err(self.expected("at most 100 nested conditions"));
        }
        self.depth += 1;
        let condition = if self.takes_word("not") {
            !self.condition()?
        } else if self.takes("(") {
            let inner = self.disjunction()?;
            self.require(")", "`)`")?;
            inner
        } else {
            self.plain_condition()?
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn plain_condition(&mut self) -> Result<Filter> {
        if self.takes_word("has") {
            return Ok(Filter::exists(self.name()?));
        }
        let is_quoted = self.is_at_quote();
        let name = self.name()?;
        if self.takes_word("is") {
            return match name.as_str() {
                "language" if !is_quoted => self.language().map(Filter::language),
                "key" if !is_quoted => self.required_text().map(Filter::key),
                _ => self.equality(name),
            };
        }
        if self.takes_word("starts") {
            self.require_word("with", "`with`")?;
            let prefix = self.required_text()?;
            let is_key = name == "key" && !is_quoted;
            return Ok(if is_key {
                Filter::key_prefix(prefix)
            } else {
                Filter::prefix(name, prefix)
            });
        }
        if self.takes_word("in") {
            return self.range(name);
        }
        match name.as_str() {
            "everything" if !is_quoted => Ok(Filter::all([])),
            "nothing" if !is_quoted => Ok(Filter::any([])),
            _ => Err(self.expected("`is`, `in` or `starts with`")),
        }
    }

    /// Reads the values after `is`.
    fn equality(&mut self, name: String) -> Result<Filter> {
        let before = self.at;
        if !(self.takes_word("one") && self.takes_word("of")) {
            self.at = before;
            return Ok(Filter::equals(name, self.value()?));
        }
        self.require("[", "`[`")?;
        let mut values = Vec::new();
        while !self.takes("]") {
            if !values.is_empty() {
                self.require(",", "`,` or `]`")?;
            }
            values.push(self.value()?);
        }
        Ok(Filter::any_of(name, values))
    }

    /// Reads the range after `in`: `a..b`, `a..=b`, `a<..b`, each bound optional.
    fn range(&mut self, name: String) -> Result<Filter> {
        self.skip_spaces();
        let start = if self.rest().starts_with("..") {
            Bound::Unbounded
        } else {
            let value = self.value()?;
            if self.takes("<") { Bound::Excluded(value) } else { Bound::Included(value) }
        };
        self.require("..", "`..`")?;
        let is_included = self.rest().starts_with('=');
        self.at += usize::from(is_included);
        let has_end = self.rest().chars().next().is_some_and(|c| !c.is_whitespace() && c != ')');
        let end = match (is_included, has_end) {
            (true, _) => Bound::Included(self.value()?),
            (false, true) => Bound::Excluded(self.value()?),
            (false, false) => Bound::Unbounded,
        };
        Ok(Filter::metadata(name, Test::Range(start, end)))
    }

    fn language(&mut self) -> Result<Language> {
        match self.word() {
            "German" => Ok(Language::German),
            "English" => Ok(Language::English),
            code => code.parse(),
        }
    }

    /// Reads a name of metadata.
    fn name(&mut self) -> Result<String> {
        if self.is_at_quote() {
            return self.quoted();
        }
        match self.word() {
            "" => Err(self.expected("a name, `not` or `(`")),
            name => Ok(name.to_owned()),
        }
    }

    /// Reads a text in quotes or a word.
    fn required_text(&mut self) -> Result<String> {
        if self.is_at_quote() {
            return self.quoted();
        }
        match self.word() {
            "" => Err(self.expected("a text")),
            word => Ok(word.to_owned()),
        }
    }

    fn value(&mut self) -> Result<Value> {
        if self.is_at_quote() {
            return self.quoted().map(Value::String);
        }
        let rest = self.rest();
        let is_end = |c: char| c.is_whitespace() || "<,])\"([".contains(c);
        let end = rest.find(is_end).unwrap_or(rest.len());
        let end = rest[..end].find("..").unwrap_or(end);
        match &rest[..end] {
            "" => Err(self.expected("a value")),
            written => {
                let value = bare_value(written);
                let value = value.ok_or_else(|| self.expected("a value; quote texts"))?;
                self.at += end;
                Ok(value)
            }
        }
    }

    /// Reads a text in quotes, with the escapes of Rust.
    fn quoted(&mut self) -> Result<String> {
        self.require("\"", "`\"`")?;
        let mut text = String::new();
        loop {
            let Some(c) = self.next_char() else { return Err(self.expected("`\"`")) };
            match c {
                '"' => return Ok(text),
                '\\' => text.push(self.escaped()?),
                c => text.push(c),
            }
        }
    }

    /// Reads the rest of an escape, after its backslash.
    fn escaped(&mut self) -> Result<char> {
        let expected = "an escape of Rust, such as `\\n` or `\\u{7f}`";
        match self.next_char() {
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            Some('0') => Ok('\0'),
            Some(c @ ('"' | '\'' | '\\')) => Ok(c),
            Some('u') => {
                let rest = self.rest();
                let digits = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
                let digits = digits.map(|(digits, _)| digits);
                let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
                let c = code.and_then(char::from_u32).ok_or_else(|| self.expected(expected))?;
                self.at += digits.map_or(0, str::len) + "{}".len();
                Ok(c)
            }
            _ => Err(self.expected(expected)),
        }
    }

    /// Takes the word at the next position, empty if there is none.
    fn word(&mut self) -> &'t str {
        self.skip_spaces();
        let rest = self.rest();
        let end = rest.find(|c| !is_word_char(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Takes `word` if it is next.
    fn takes_word(&mut self, word: &str) -> bool {
        let before = self.at;
        let is_next = self.word() == word;
        if !is_next {
            self.at = before;
        }
        is_next
    }

    /// Takes `sign` if it is next.
    fn takes(&mut self, sign: &str) -> bool {
        self.skip_spaces();
        let is_next = self.rest().starts_with(sign);
        self.at += if is_next { sign.len() } else { 0 };
        is_next
    }

    fn require(&mut self, sign: &str, expected: &'static str) -> Result<()> {
        if self.takes(sign) { Ok(()) } else { Err(self.expected(expected)) }
    }

    fn require_word(&mut self, word: &str, expected: &'static str) -> Result<()> {
        if self.takes_word(word) { Ok(()) } else { Err(self.expected(expected)) }
    }

    fn is_at_quote(&mut self) -> bool {
        self.skip_spaces();
        self.rest().starts_with('"')
    }

    fn skip_spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn next_char(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn expected(&self, expected: &'static str) -> Error {
        Error::FilterText { at: self.at, expected }
    }
}

/// Whether a name or a text may have `c` without quotes.
pub(super) fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || "_-.".contains(c)
}

/// Returns the value that is written without quotes.
fn bare_value(written: &str) -> Option<Value> {
    match written {
        "true" => return Some(Value::Bool(true)),
        "false" => return Some(Value::Bool(false)),
        _ => {}
    }
    // An integer has no negative zero.
    let integer = written.parse().ok().filter(|_| written != "-0");
    let integer = integer.map(Value::Integer);
    integer
        .or_else(|| written.parse().ok().map(Value::Unsigned))
        .or_else(|| written.parse().ok().map(Value::Float))
        .or_else(|| written.parse::<Date>().ok().map(Value::Date))
        .or_else(|| written.parse::<Timestamp>().ok().map(Value::Timestamp))
        .or_else(|| written.chars().all(is_word_char).then(|| Value::String(written.to_owned())))
}
