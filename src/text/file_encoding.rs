//! Encodings of files: recognizes those that are not UTF-8, and decodes them.

use std::{borrow::Cow, fs, path::Path};

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::{Error, Result};

/// Number of bytes at the start of a file that show whether it is UTF-16.
const SAMPLE: usize = 4_096;
/// Higher byte of the last Latin, Greek and Cyrillic letters in UTF-16.
const MAX_HIGHER_BYTE: u8 = 0x05;
/// Number of control characters that any text may have.
const MAX_CONTROLS: usize = 4;
/// Minimum bytes of a text per control character, if it has more.
const MIN_BYTES_PER_CONTROL: usize = 1_000;

/// The text of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileText {
    pub(super) text: String,
    /// Name of the encoding that was decoded; `None` for UTF-8.
    pub(super) decoded_from: Option<&'static str>,
}

/// Reads a file in UTF-8.
///
/// # Errors
///
/// [`Error::Read`], [`Error::NotUtf8`] or [`Error::NotText`].
pub(crate) fn read_text(path: &Path) -> Result<String> {
    let bytes = fs::read(path).map_err(Error::read(path))?;
    file_text(path, bytes, false).map(|file| file.text)
}

/// Returns the text of the file `path`, which holds `bytes`. It decodes UTF-16 and Windows-1252 if
/// `decode` is set.
///
/// # Errors
///
/// [`Error::NotUtf8`] if the file is in another encoding and is not decoded, [`Error::NotText`] if it
/// is UTF-8 with the control characters of a binary file.
pub(super) fn file_text(path: &Path, bytes: Vec<u8>, decode: bool) -> Result<FileText> {
    let utf_32 = likely_utf_32(&bytes);
    if utf_32.is_some() {
        return Err(Error::NotUtf8 {
            path: path.to_owned(),
            at: 0,
            likely: utf_32.map(Cow::Borrowed),
        });
    }
    let utf_16 = likely_utf_16(&bytes);
    let undecoded = match String::from_utf8(bytes) {
        Ok(text) if utf_16.is_none() => {
            if let Some(at) = binary_at(text.as_bytes()) {
                return Err(Error::NotText { path: path.to_owned(), at });
            }
            return Ok(FileText { text, decoded_from: None });
        }
        // Text of ASCII letters in UTF-16 is UTF-8 with a zero after each letter.
        Ok(text) => Undecoded { at: text.find('\0').unwrap_or(0), bytes: text.into_bytes() },
        Err(error) => Undecoded { at: error.utf8_error().valid_up_to(), bytes: error.into_bytes() },
    };
    let likely = utf_16.or_else(|| likely_windows_1252(&undecoded.bytes));
    if let Some(encoding) = likely.filter(|_| decode) {
        let (text, has_errors) = encoding.decode_with_bom_removal(&undecoded.bytes);
        if !has_errors {
            return Ok(FileText { text: text.into_owned(), decoded_from: Some(encoding.name()) });
        }
    }
    let likely = likely.map(|encoding| Cow::Borrowed(encoding.name()));
    Err(Error::NotUtf8 { path: path.to_owned(), at: undecoded.at, likely })
}

/// The bytes of a file that are no text in UTF-8.
struct Undecoded {
    bytes: Vec<u8>,
    /// Offset of the first invalid byte.
    at: usize,
}

/// Returns the offset of the byte that shows that `bytes`, which are UTF-8, are no text: a zero, or
/// the first of many control characters. White space and escape sequences of terminals are text.
fn binary_at(bytes: &[u8]) -> Option<usize> {
    const ESCAPE: u8 = 0x1B;
    let is_control = |byte: &u8| *byte < b' ' && !matches!(*byte, b'\t'..=b'\r' | ESCAPE);
    let controls = bytes.iter().filter(|byte| is_control(byte)).count();
    let limit = MAX_CONTROLS.max(bytes.len() / MIN_BYTES_PER_CONTROL);
    let zero = || bytes.iter().position(|byte| *byte == 0);
    let first = || bytes.iter().position(is_control).filter(|_| controls > limit);
    if controls == 0 { None } else { zero().or_else(first) }
}

/// Returns the form of UTF-32 that `bytes` are probably in: all their units are characters, and most
/// are in the first planes.
fn likely_utf_32(bytes: &[u8]) -> Option<&'static str> {
    let (units, rest) = bytes.as_chunks::<4>();
    let sample = &units[..units.len().min(SAMPLE / 4)];
    let are_characters = |read: fn([u8; 4]) -> u32| {
        let is_character = |unit: &[u8; 4]| {
            let value = read(*unit);
            value != 0 && char::from_u32(value).is_some()
        };
        sample.iter().all(is_character)
    };
    if !rest.is_empty() || sample.is_empty() {
        None
    } else if are_characters(u32::from_le_bytes) {
        Some("UTF-32LE")
    } else if are_characters(u32::from_be_bytes) {
        Some("UTF-32BE")
    } else {
        None
    }
}

/// Returns the form of UTF-16 that `bytes` are probably in: it has a byte order mark, or most of its
/// higher bytes are those of Latin, Greek and Cyrillic letters, which are no text in UTF-8.
fn likely_utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return Some(encoding).filter(|encoding| *encoding != UTF_8);
    }
    let sample = &bytes[..bytes.len().min(SAMPLE)];
    let (units, _) = sample.as_chunks::<2>();
    let small = |byte: usize| units.iter().filter(|unit| unit[byte] <= MAX_HIGHER_BYTE).count();
    let most = units.len() / 2 + 1;
    let few = units.len() / 16;
    let has_units = units.len() > 1 && bytes.len().is_multiple_of(2);
    if has_units && small(1) >= most && small(0) <= few {
        return Some(UTF_16LE);
    }
    if has_units && small(0) >= most && small(1) <= few {
        return Some(UTF_16BE);
    }
    None
}

/// Returns Windows-1252 if `bytes`, which are not UTF-8, may be in it.
///
/// Text in Windows-1252 has neither a byte order mark nor control characters but white space, and
/// none of the five bytes without a character, one of which is `ü` in the encodings of DOS. It
/// holds next to no byte sequences of UTF-8: a file with more of them than of faults is damaged
/// UTF-8.
fn likely_windows_1252(bytes: &[u8]) -> Option<&'static Encoding> {
    let has_character = |byte: &u8| match byte {
        ..b' ' => matches!(byte, b'\t'..=b'\r'),
        byte => !matches!(byte, 0x81 | 0x8D | 0x8F | 0x90 | 0x9D),
    };
    let is_windows = Encoding::for_bom(bytes).is_none()
        && bytes.iter().all(has_character)
        && !is_damaged_utf_8(bytes);
    is_windows.then_some(WINDOWS_1252)
}

/// Returns whether `bytes` hold more characters outside ASCII in UTF-8 than faults.
fn is_damaged_utf_8(bytes: &[u8]) -> bool {
    let is_multibyte = |c: &char| !c.is_ascii();
    let mut characters = 0;
    let mut faults = 0;
    for chunk in bytes.utf8_chunks() {
        characters += chunk.valid().chars().filter(is_multibyte).count();
        faults += usize::from(!chunk.invalid().is_empty());
    }
    characters > faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], decode: bool) -> Result<FileText> {
        file_text(Path::new("a.txt"), bytes.to_vec(), decode)
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn other_encodings_are_named_or_decoded() {
        let text = "Moore über Wälder – 5 €";
        let windows = b"Moore \xFCber W\xE4lder \x96 5 \x80".to_vec();
        let marked = format!("\u{feff}{text}");
        for (bytes, name) in [
            (windows, "windows-1252"),
            (utf16(text, u16::to_le_bytes), "UTF-16LE"),
            (utf16(text, u16::to_be_bytes), "UTF-16BE"),
            (utf16(&marked, u16::to_le_bytes), "UTF-16LE"),
            (utf16(&marked, u16::to_be_bytes), "UTF-16BE"),
        ] {
            let error = read(&bytes, false).unwrap_err();
            assert!(error.to_string().ends_with(&format!("it is probably {name}")), "{error}");
            let want = FileText { text: text.to_owned(), decoded_from: Some(encoding(name)) };
            assert_eq!(read(&bytes, true).unwrap(), want);
        }
    }

    fn encoding(name: &str) -> &'static str {
        Encoding::for_label(name.as_bytes()).unwrap().name()
    }

    #[test]
    fn damaged_utf_8_and_dos_text_are_not_windows_1252() {
        for bytes in [
            &b"W\xC3\xA4lder und \xC3\x96l, dann bricht es ab: \xC3"[..],
            b"Gr\xC3\xBC\xC3\x9Fe \xFF aus K\xC3\xB6ln",
            b"M\x81ll und W\x84lder",
        ] {
            let error = read(bytes, true).unwrap_err();
            assert!(matches!(error, Error::NotUtf8 { likely: None, .. }), "{error}");
        }
        let one = FileText { text: "Öl".to_owned(), decoded_from: Some("windows-1252") };
        assert_eq!(read(b"\xD6l", true).unwrap(), one);
    }

    #[test]
    fn letters_of_other_scripts_show_utf_16_and_utf_32() {
        for text in
            ["Болота накапливают углерод.\nИх осушают.", "Τα έλη αποθηκεύουν άνθρακα.", "Moore"]
        {
            for (bytes, name) in [
                (utf16(text, u16::to_le_bytes), "UTF-16LE"),
                (utf16(text, u16::to_be_bytes), "UTF-16BE"),
            ] {
                let error = read(&bytes, false).unwrap_err();
                assert!(error.to_string().ends_with(name), "{error}");
                assert_eq!(read(&bytes, true).unwrap().text, text);
            }
            let marked = format!("\u{feff}{text}");
            for text in [text, &marked] {
                let le: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
                let be: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
                for (bytes, name) in [(le, "UTF-32LE"), (be, "UTF-32BE")] {
                    let error = read(&bytes, true).unwrap_err();
                    assert!(error.to_string().ends_with(name), "{error}");
                }
            }
        }
    }

    #[test]
    fn control_characters_of_binary_files_are_no_text() {
        for (text, offset) in [
            ("a\0b".to_owned(), 1),
            ("\0\0\0\0\0".to_owned(), 0),
            ("ab\u{1}\u{2}\u{3}\u{4}\u{5}".to_owned(), 2),
            (format!("{}{}", "Moor ".repeat(99), "\u{8}".repeat(9)), 495),
        ] {
            let error = read(text.as_bytes(), true).unwrap_err();
            assert!(matches!(error, Error::NotText { at, .. } if at == offset), "{error}");
        }
    }

    #[test]
    fn utf_8_and_binary_files_are_not_decoded() {
        let escapes = "\u{1B}[1mfett\u{1B}[0m ".repeat(99);
        for text in ["", "a", "\u{feff}Grüße", "a\u{1}b\u{c}\r\n", &escapes] {
            let want = FileText { text: text.to_owned(), decoded_from: None };
            assert_eq!(read(text.as_bytes(), true).unwrap(), want, "{text:?}");
        }
        for binary in [&b"\x89PNG\r\n\x1a\n\x00\xFF"[..], b"\xFF\xFE\x00\xD8"] {
            let error = read(binary, true).unwrap_err();
            assert!(matches!(error, Error::NotUtf8 { .. }), "{error}");
        }
    }
}
