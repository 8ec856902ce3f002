//! Tables: as text that is Markdown, and as CSV in the build's target folder.

use std::{fmt, fs, io, path::PathBuf};

/// Rows of cells that hold no comma.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(ToString::to_string).collect()] }
    }

    /// Adds a row with as many cells as the head has.
    pub fn push(&mut self, row: Vec<String>) {
        assert_eq!(row.len(), self.rows[0].len(), "{row:?}");
        self.rows.push(row);
    }

    /// Writes the file `name` and returns its path.
    pub fn write_csv(&self, name: &str) -> io::Result<PathBuf> {
        let lines = self.rows.iter().map(|row| row.join(",") + "\n");
        let path = target(name);
        fs::write(&path, lines.collect::<String>())?;
        Ok(path)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| self.rows.iter().map(|row| row[column].len()).max();
        let widths: Vec<usize> = (0..self.rows[0].len()).filter_map(width).collect();
        let line = |cells: &[String]| {
            let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$} |"));
            format!("| {}", cells.collect::<Vec<_>>().join(" "))
        };
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(width - 1) + ":").collect();
        writeln!(f, "{}\n{}", line(&self.rows[0]), line(&rule))?;
        self.rows[1..].iter().try_for_each(|row| writeln!(f, "{}", line(row)))
    }
}

/// The file `name` in the build's target folder.
pub fn target(name: &str) -> PathBuf {
    // The folder for temporary files is in the target folder.
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name(name)
}
