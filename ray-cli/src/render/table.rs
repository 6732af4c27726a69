//! Aligned columns, for peers within eighty terminal columns.

use crate::output::{Palette, Role};

/// Longer names get a line of their own, so that the other columns stay where they are and no name is cut.
const NAME_WIDTH_MAX: usize = 16;
const GAP: &str = "  ";

/// One cell: text without colour, and what it means.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) role: Option<Role>,
}

impl Cell {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), role: None }
    }

    pub(super) fn new(role: Role, text: impl Into<String>) -> Self {
        Self { text: text.into(), role: Some(role) }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }

    fn painted(&self, palette: Palette) -> String {
        self.role.map_or_else(|| self.text.clone(), |role| palette.paint(role, &self.text))
    }
}

/// One row: a mark, the cells of which the first is the name, and lines to print below it.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) mark: Cell,
    pub(super) cells: Vec<Cell>,
    pub(super) below: Vec<Cell>,
}

/// The first row, which names the columns.
pub(super) fn headings(names: &[&str]) -> Row {
    let cells = names.iter().map(|name| Cell::new(Role::Dim, *name)).collect();
    Row { mark: Cell::plain(" "), cells, below: vec![] }
}

/// The rows as lines, cells aligned.
pub(super) fn aligned(rows: &[Row], palette: Palette) -> String {
    let widths = widths(rows);
    let mut text = String::new();
    for row in rows {
        let mut line = format!("{} ", row.mark.painted(palette));
        for (column, (cell, width)) in row.cells.iter().zip(&widths).enumerate() {
            line.push_str(&cell.painted(palette));
            let mut used = cell.width();
            if column == 0 && used > NAME_WIDTH_MAX {
                text.push_str(&line);
                text.push('\n');
                line = GAP.to_owned();
                used = 0;
            }
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(used)));
            line.push_str(GAP);
        }
        text.push_str(line.trim_end());
        text.push('\n');
        for below in &row.below {
            text.push_str(&format!("    {}\n", below.painted(palette)));
        }
    }
    text
}

fn widths(rows: &[Row]) -> Vec<usize> {
    let columns = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
    let width_of = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.cells.get(column)).map(Cell::width);
        if column == 0 { cells.map(|width| width.min(NAME_WIDTH_MAX)).max() } else { cells.max() }
    };
    (0..columns).map(|column| width_of(column).unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_a_column_start_at_the_same_place() {
        let text = aligned(&[row(&["a", "1"]), row(&["bcd", "2"])], Palette::PLAIN);
        assert_eq!(text, "* a    1\n* bcd  2\n");
    }

    #[test]
    fn a_long_name_is_not_cut_and_moves_nothing() {
        let text = aligned(&[row(&["a", "1"]), row(&["b".repeat(63).as_str(), "2"])], Palette::PLAIN);
        let expected = format!("* a{:15}  1\n* {}\n  {:16}  2\n", "", "b".repeat(63), "");
        assert_eq!(text, expected);
    }

    fn row(cells: &[&str]) -> Row {
        Row { mark: Cell::plain("*"), cells: cells.iter().map(|text| Cell::plain(*text)).collect(), below: vec![] }
    }
}
