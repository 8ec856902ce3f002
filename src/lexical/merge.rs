//! Several lexical indexes as one.

use super::{
    LexicalIndex,
    draft::too_large,
    extent::Extent,
    inverted::{self, END, Inverted, Posting},
    unharmed,
};
use crate::{Result, format::decode_error::Refusal};

impl LexicalIndex {
    /// The index of the rows of `parts` that are named with them, in ascending order, as if it
    /// was built of their passages: the rows are numbered anew, part after part.
    ///
    /// # Errors
    ///
    /// [`Error::Lexical`](crate::Error::Lexical) if it would be larger than an index can be, or a
    /// part cannot be read.
    pub(crate) fn merge(parts: &[(&Self, &[u32])]) -> Result<Self> {
        if let Some(merged) = unharmed(|| Self::merged(parts)) {
            return merged;
        }
        if let [(only, _)] = parts {
            return Err(only.unreadable());
        }
        // Alone each tells whether it was the one.
        parts.iter().try_for_each(|part| Self::merge(std::slice::from_ref(part)).map(drop))?;
        Err(Refusal::Corrupt("they are not readable together").about("lexical indexes"))
    }

    fn merged(parts: &[(&Self, &[u32])]) -> Result<Self> {
        let extents: Vec<Extent> = parts
            .iter()
            .flat_map(|(part, rows)| rows.iter().map(|row| part.extent(*row)))
            .collect();
        let mut next = 0..;
        let renumbered: Vec<Vec<u32>> =
            parts.iter().map(|(part, rows)| renumber(part.len(), rows, &mut next)).collect();
        let inverted: Vec<&Inverted> = parts.iter().map(|(part, _)| &part.inverted).collect();
        let mut postings: Vec<Posting> = Vec::new();
        let files = inverted::write(|sink| {
            inverted::merged(&inverted, |term, cursors| {
                postings.clear();
                for cursor in cursors {
                    let (at, mut cursor) = cursor?;
                    cursor.copy(&renumbered[at], &mut postings);
                }
                // Terms of removed passages alone are left out.
                if postings.is_empty() { Ok(()) } else { sink.term(term, &postings) }
            })
        });
        Self::of(&extents, &files.map_err(too_large)?)
    }
}

/// For each of `len` rows its new number, the next ones for `rows`, and [`END`] for the others.
fn renumber(len: u32, rows: &[u32], next: &mut impl Iterator<Item = u32>) -> Vec<u32> {
    let mut numbers = vec![END; len as usize];
    for (row, number) in rows.iter().zip(next) {
        numbers[*row as usize] = number;
    }
    numbers
}

impl inverted::Cursor {
    /// Adds all that follows to `postings`, by the new `numbers` of the rows.
    fn copy(&mut self, numbers: &[u32], postings: &mut Vec<Posting>) {
        self.read_to(END, |row, times| {
            let number = numbers[row as usize];
            if number != END {
                postings.push((number, times));
            }
        });
    }
}
