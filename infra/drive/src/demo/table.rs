//! Text tables with aligned columns.

use std::io::{self, Write};

/// Rows of texts; the first row is the heading.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    /// Columns from this one on are numbers, aligned to the right.
    numbers_from: usize,
}

impl Table {
    /// A table with this heading; columns from `numbers_from` on are aligned to the right.
    pub(crate) fn new(heading: &[&str], numbers_from: usize) -> Self {
        Self { rows: vec![heading.iter().map(|&text| text.to_owned()).collect()], numbers_from }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| length(cell)).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        for (number, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
                let pad = " ".repeat(width.saturating_sub(length(cell)));
                if column >= self.numbers_from { format!("{pad}{cell}") } else { format!("{cell}{pad}") }
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            writeln!(out, "  {}", line.trim_end())?;
            if number == 0 {
                let rule = widths.iter().map(|&width| "─".repeat(width)).collect::<Vec<_>>().join("  ");
                writeln!(out, "  {rule}")?;
            }
        }
        Ok(())
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}
