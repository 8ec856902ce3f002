//! Decides whether a terminator ends its sentence, by the rules of German and English.

use super::char_class::{
    is_closer, is_dash, is_emoji, is_quote, is_superscript, is_terminator, is_wide_terminator,
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
        if text[marks_end..end].ends_with(is_superscript) {
            end += more_superscripts_len(&text[end..]);
        }
        end += bracketed_notes_len(&text[end..]);
        if let Some(len) = spaced_guillemet_len(&text[end..]) {
            end += len;
        }
        let mut terminator = Self { text, at, marks_end, end };
        terminator.end += terminator.note_number_len();
        terminator
    }

    /// Returns the length of a note number right after the terminator, as in `brach.1 Dann`.
    fn note_number_len(&self) -> usize {
        let rest = &self.text[self.end..];
        let len = numbers_len(rest);
        let is_note = len > 0
            && self.token().is_lowercase_word()
            && (rest.len() == len || rest[len..].starts_with(is_space))
            && FollowingText::read(&rest[len..]).may_begin_sentence();
        if is_note { len } else { 0 }
    }

    /// Decides whether the sentence ends here, and extends `end` over a following emoji or emoticon.
    pub(super) fn ends_sentence(
        &mut self,
        place: TerminatorPlace,
        language: &mut dyn FnMut() -> AnalyzedLanguage,
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
            && token.abbreviation(false).is_none()
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
        language: &mut dyn FnMut() -> AnalyzedLanguage,
    ) -> bool {
        let token = self.token();
        if token.is_number() {
            return number_ends(&token, following, language);
        }
        if let Some(ends) = abbreviation_ends(&token, following, language) {
            return ends;
        }
        if is_roman(token.text) {
            return !token.is_first()
                && (following.begins_sentence() || language() == AnalyzedLanguage::English);
        }
        if token.is_letter() {
            return self.letter_ends(&token, following);
        }
        let is_unknown_abbreviation = (following.is_section_number() && token.is_short_title())
            || (following.start == FollowingStart::Digit && token.is_unpronounceable());
        !is_unknown_abbreviation
    }

    /// Whether the period after a single letter ends the sentence, rather than marking an initial.
    fn letter_ends(&self, token: &PrecedingToken<'_>, following: &FollowingText<'_>) -> bool {
        let next = following.word();
        if WordClass::of_abbreviation(&format!("{}.{next}", token.text)).is_some() {
            return false;
        }
        let previous = token.previous();
        let unit = starts_with_digit(previous) && !previous.ends_with('.');
        let named = unit || self.closes() || WordClass::BeforeLetter.contains(previous);
        let begins = following.begins_sentence() && !WordClass::NameParticle.contains(next);
        !token.is_first() && (begins || named)
    }
}

/// Whether the period of an abbreviation ends the sentence; `None` if `token` is none, or is a word
/// here.
fn abbreviation_ends(
    token: &PrecedingToken<'_>,
    following: &FollowingText<'_>,
    language: &mut dyn FnMut() -> AnalyzedLanguage,
) -> Option<bool> {
    let in_capitals = token.is_in_capitals()
        && (following.is_in_capitals() || following.start == FollowingStart::Digit);
    let begins =
        following.begins_sentence() || (in_capitals && following.begins_sentence_in_capitals());
    match token.abbreviation(in_capitals)? {
        WordClass::NonFinal => Some(false),
        WordClass::GermanOnly if language() == AnalyzedLanguage::English => None,
        WordClass::Ambiguous | WordClass::GermanOnly => Some(begins),
        WordClass::Final => {
            let measure =
                following.start == FollowingStart::Digit && starts_with_digit(token.previous());
            Some(!measure)
        }
        WordClass::ClockTime => {
            let qualified = WordClass::TimeQualifier.contains(following.word());
            Some(begins || !(token.is_early() || qualified))
        }
        WordClass::BeforeNumber => {
            let numbered = matches!(following.start, FollowingStart::Digit | FollowingStart::Item);
            (numbered || is_roman(following.word())).then_some(false)
        }
        _ => None,
    }
}

/// Whether the period after a number ends the sentence, rather than marking an ordinal or a date.
fn number_ends(
    token: &PrecedingToken<'_>,
    following: &FollowingText<'_>,
    language: &mut dyn FnMut() -> AnalyzedLanguage,
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

/// Returns the length of the superscripts that follow another one, such as `,²` or `, ³–⁵`, in bytes.
fn more_superscripts_len(text: &str) -> usize {
    let mut len = 0;
    loop {
        let rest = &text[len..];
        let separators = [", ", ",", "-", "–"];
        let after = separators.iter().find_map(|mark| rest.strip_prefix(mark)).unwrap_or("");
        let note = prefix_len(after, is_superscript);
        if note == 0 {
            return len;
        }
        len += rest.len() - after.len() + note;
    }
}

/// Returns the length of leading note references such as `[12]`, `[1, 3–5]` or `[^1]`, in bytes.
fn bracketed_notes_len(text: &str) -> usize {
    /// Maximum length of a reference, in bytes.
    const MAX_NOTE: usize = 32;
    let mut len = 0;
    while let Some(rest) = text[len..].strip_prefix('[') {
        let window = &rest[..rest.floor_char_boundary(MAX_NOTE)];
        let Some((label, _)) = window.split_once(']') else { break };
        let is_named = |name: &str| !name.is_empty() && !name.contains(is_space);
        if !label.strip_prefix('^').is_some_and(is_named)
            && (label.is_empty() || numbers_len(label) < label.len())
        {
            break;
        }
        len += label.len() + "[]".len();
    }
    len
}

/// Returns the length of leading numbers of up to three digits, separated by commas or dashes.
fn numbers_len(text: &str) -> usize {
    let mut len = 0;
    let mut rest = text;
    loop {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=3).contains(&digits) {
            return len;
        }
        rest = &rest[digits..];
        len = text.len() - rest.len();
        let Some(next) = [", ", ",", "-", "–"].iter().find_map(|mark| rest.strip_prefix(mark))
        else {
            return len;
        };
        rest = next;
    }
}

/// Returns the length of a leading space and closing guillemet, as in French typography.
fn spaced_guillemet_len(text: &str) -> Option<usize> {
    let rest = text.strip_prefix([' ', '\u{A0}', '\u{202F}'])?.strip_prefix('»')?;
    let closes = rest.is_empty() || rest.starts_with(is_space) || rest.starts_with([',', '.']);
    closes.then(|| text.len() - rest.len())
}
