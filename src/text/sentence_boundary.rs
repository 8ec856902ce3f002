//! Decides whether a terminator ends its sentence, by the rules of German and English.

use super::char_class::{
    is_closer, is_dash, is_emoji, is_quote, is_terminator, is_wide_terminator,
};
use super::enclosure::TerminatorPlace;
use super::following_text::{FollowingStart, FollowingText};
use super::preceding_token::{PrecedingToken, is_roman};
use super::unicode::is_space;
use super::word_class::WordClass;
use crate::language::AnalyzedLanguage;

/// Emoticons that belong to the sentence that they follow.
const SMILEYS: [&str; 10] = [":-)", ":)", ";-)", ";)", ":-(", ":(", ":-D", ":D", ":-P", ":P"];

/// One or more terminators in a row, with the closing marks after them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminator<'t> {
    /// The text from the start of the sentence to the end of its block.
    text: &'t str,
    /// Start of the first terminator, in bytes.
    at: usize,
    /// End of the last terminator.
    pub(super) marks_end: usize,
    /// End of the sentence, closing marks included, if it ends here.
    pub(super) end: usize,
}

impl<'t> Terminator<'t> {
    /// Reads the terminator at byte `at` of `text`, which starts with the sentence.
    pub(super) fn read(text: &'t str, at: usize) -> Self {
        let marks_end = at + prefix_len(&text[at..], is_terminator);
        let mut end = marks_end + prefix_len(&text[marks_end..], is_closer);
        end += footnotes_len(&text[end..]);
        if let Some(len) = spaced_guillemet_len(&text[end..]) {
            end += len;
        }
        Self { text, at, marks_end, end }
    }

    /// Decides whether the sentence ends here, and extends `end` over a following emoji or emoticon.
    pub(super) fn ends_sentence(
        &mut self,
        place: TerminatorPlace,
        language: impl FnOnce() -> AnalyzedLanguage,
    ) -> bool {
        if place == TerminatorPlace::Inside {
            return false;
        }
        if self.marks().ends_with(is_wide_terminator) {
            return true;
        }
        self.extend_over_emoji();
        if !self.text[self.end..].starts_with(is_space) {
            return self.end == self.text.len();
        }
        let following = FollowingText::read(&self.text[self.end..]);
        match following.start {
            FollowingStart::Nothing => true,
            FollowingStart::Mark => false,
            FollowingStart::Lower => self.ends_before_lower_case(),
            _ if place == TerminatorPlace::AtEnd && !following.begins_sentence() => false,
            _ if self.marks().contains(['!', '?']) => self.exclamation_ends(&following),
            _ if self.is_ellipsis() => self.ellipsis_ends(&following),
            _ => self.period_ends(&following, language),
        }
    }

    fn marks(&self) -> &'t str {
        &self.text[self.at..self.marks_end]
    }

    fn token(&self) -> PrecedingToken<'t> {
        PrecedingToken::at_end_of(&self.text[..self.at])
    }

    /// Whether closing marks follow the terminator.
    fn closes(&self) -> bool {
        self.end > self.marks_end
    }

    /// Whether it is an ellipsis: one character, several periods, or a period after a space.
    fn is_ellipsis(&self) -> bool {
        let marks = self.marks();
        marks.contains('…') || marks == ".." || marks == "..." || self.is_spaced()
    }

    fn is_spaced(&self) -> bool {
        self.text[..self.at].ends_with(is_space)
    }

    fn extend_over_emoji(&mut self) {
        let after = &self.text[self.end..];
        let inner = after.trim_start_matches(' ');
        let starts_with_one = self.text.trim_start().starts_with(is_emoji);
        let len = match SMILEYS.iter().find(|smiley| inner.starts_with(**smiley)) {
            Some(smiley) => smiley.len(),
            None if starts_with_one => 0,
            None => prefix_len(inner, |c| is_emoji(c) || c == ' '),
        };
        let taken = inner[..len].trim_end();
        let rest = &inner[taken.len()..];
        if !taken.is_empty() && (rest.is_empty() || rest.starts_with(is_space)) {
            self.end += after.len() - inner.len() + taken.len();
        }
    }

    /// Whether a sentence ends before a lowercase word: only in text that starts sentences in lowercase.
    fn ends_before_lower_case(&self) -> bool {
        let token = self.token();
        self.text.trim_start().starts_with(char::is_lowercase)
            && !self.closes()
            && !self.is_ellipsis()
            && self.dash_follows().is_none()
            && token.text.chars().count() > 2
            && token.text.chars().all(char::is_alphabetic)
            && token.abbreviation().is_none()
    }

    fn dash_follows(&self) -> Option<char> {
        self.text[self.end..].trim_start().chars().next().filter(|c| is_dash(*c))
    }

    fn exclamation_ends(&self, following: &FollowingText<'_>) -> bool {
        let quoted = self.text[self.marks_end..self.end].contains(is_quote);
        if quoted && following.is_speech_tag() {
            return false;
        }
        !WordClass::ExclamatoryName.contains(self.token().text) || following.begins_sentence()
    }

    /// Whether an ellipsis ends the sentence; after a space, it may replace words in mid-sentence.
    fn ellipsis_ends(&self, following: &FollowingText<'_>) -> bool {
        following.begins_sentence() || !self.is_spaced()
    }

    fn period_ends(
        &self,
        following: &FollowingText<'_>,
        language: impl FnOnce() -> AnalyzedLanguage,
    ) -> bool {
        let token = self.token();
        if token.is_number() {
            return number_ends(&token, following, language);
        }
        match token.abbreviation() {
            Some(WordClass::NonFinal) => return false,
            Some(WordClass::Ambiguous) => return following.begins_sentence(),
            Some(WordClass::Final) => {
                let measure =
                    following.start == FollowingStart::Digit && starts_with_digit(token.previous());
                return !measure;
            }
            Some(WordClass::ClockTime) => {
                return following.begins_sentence()
                    || !(token.is_early() || WordClass::TimeQualifier.contains(following.word()));
            }
            Some(WordClass::BeforeNumber)
                if following.start == FollowingStart::Digit || is_roman(following.word()) =>
            {
                return false;
            }
            _ => {}
        }
        if is_roman(token.text) {
            return !token.is_first()
                && (following.begins_sentence() || language() == AnalyzedLanguage::English);
        }
        if token.is_letter() {
            let previous = token.previous();
            if WordClass::of_abbreviation(&format!("{}.{}", token.text, following.word())).is_some()
            {
                return false;
            }
            let unit = starts_with_digit(previous) && !previous.ends_with('.');
            let named = unit || self.closes() || WordClass::BeforeLetter.contains(previous);
            let begins =
                following.begins_sentence() && !WordClass::NameParticle.contains(following.word());
            return !token.is_first() && (begins || named);
        }
        true
    }
}

/// Whether the period after a number ends the sentence, rather than marking an ordinal or a date.
fn number_ends(
    token: &PrecedingToken<'_>,
    following: &FollowingText<'_>,
    language: impl FnOnce() -> AnalyzedLanguage,
) -> bool {
    if token.is_first() {
        return false;
    }
    if following.begins_sentence() {
        return true;
    }
    if language() == AnalyzedLanguage::English {
        return true;
    }
    let previous = token.previous();
    match NumberShape::of(token.text) {
        NumberShape::Short | NumberShape::Date if following.start == FollowingStart::Digit => false,
        NumberShape::Short | NumberShape::Date
            if WordClass::AfterOrdinal.contains(following.word()) =>
        {
            false
        }
        NumberShape::Short | NumberShape::Date => WordClass::BeforeCardinal.contains(previous),
        NumberShape::Long => {
            !WordClass::Determiner.contains(previous) || following.start != FollowingStart::Upper
        }
        NumberShape::Exact => true,
    }
}

/// Form of a number before a period in German.
enum NumberShape {
    /// Up to three digits: an ordinal.
    Short,
    /// Two short numbers separated by a period: day and month, or a time.
    Date,
    /// Four digits or more, or groups of thousands: a year or an amount, rarely an ordinal.
    Long,
    /// A number with a comma, a colon or several parts: not an ordinal.
    Exact,
}

impl NumberShape {
    fn of(text: &str) -> Self {
        if text.contains([',', ':']) {
            return Self::Exact;
        }
        let mut parts = text.split(['/', '-', '–']);
        let last = parts.next_back().expect("split yields at least one part");
        let mut lens = last.split('.').map(str::len);
        match (lens.next(), lens.next(), lens.next()) {
            _ if parts.any(|part| part.len() > 3) => Self::Long,
            (Some(..=3), None, _) => Self::Short,
            (Some(..=2), Some(..=2), None) => Self::Date,
            (Some(..=2), Some(..=2), Some(_)) => Self::Exact,
            _ => Self::Long,
        }
    }
}

fn starts_with_digit(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_digit())
}

/// Returns the length of the longest prefix of characters that `belongs` accepts, in bytes.
fn prefix_len(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.len() - text.trim_start_matches(belongs).len()
}

/// Returns the length of leading footnote references such as `[12]`, in bytes.
fn footnotes_len(text: &str) -> usize {
    let mut len = 0;
    while let Some(rest) = text[len..].strip_prefix('[') {
        let digits = rest.bytes().take(4).take_while(u8::is_ascii_digit).count();
        if digits == 0 || !rest[digits..].starts_with(']') {
            break;
        }
        len += digits + 2;
    }
    len
}

/// Returns the length of a leading space and closing guillemet, as in French typography.
fn spaced_guillemet_len(text: &str) -> Option<usize> {
    let rest = text.strip_prefix([' ', '\u{A0}', '\u{202F}'])?.strip_prefix('»')?;
    let closes = rest.is_empty() || rest.starts_with(is_space) || rest.starts_with([',', '.']);
    closes.then(|| text.len() - rest.len())
}
