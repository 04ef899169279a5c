//! A table as lines of text that fit a width: the least important columns go first. Pure.

/// A column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    /// Its head.
    pub(crate) title: &'static str,
    /// Figures are aligned at their right ends.
    pub(crate) right: bool,
    /// What does not fit goes from the highest to the lowest; 0 never goes.
    pub(crate) expendable: u8,
}

/// Columns and rows of as many cells.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    /// Never more than a few.
    pub(crate) columns: Vec<Column>,
    /// Cells, plain ASCII.
    pub(crate) rows: Vec<Vec<String>>,
}

/// Between two columns.
const GAP: usize = 2;

impl Table {
    /// The head and the rows, each at most `width` wide.
    pub(crate) fn lines(&self, width: usize) -> (String, Vec<String>) {
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(i, c)| self.width(i, c))
            .collect();
        let mut kept: Vec<usize> = (0..self.columns.len()).collect();
        let needed = |kept: &[usize]| {
            kept.iter().map(|i| widths[*i]).sum::<usize>() + GAP * kept.len().saturating_sub(1)
        };
        while needed(&kept) > width {
            let most = kept
                .iter()
                .copied()
                .max_by_key(|i| (self.columns[*i].expendable, *i));
            match most.filter(|i| self.columns[*i].expendable > 0) {
                Some(most) => kept.retain(|i| *i != most),
                None => break,
            }
        }
        let line = |cells: &dyn Fn(usize) -> String| {
            let cells = kept.iter().map(|i| {
                let (cell, width) = (cells(*i), widths[*i]);
                if self.columns[*i].right {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                }
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            line.trim_end().chars().take(width).collect::<String>()
        };
        let head = line(&|i| self.columns[i].title.to_owned());
        let rows = self.rows.iter();
        (
            head,
            rows.map(|row| line(&|i| row.get(i).cloned().unwrap_or_default()))
                .collect(),
        )
    }

    fn width(&self, index: usize, column: &Column) -> usize {
        let cells = self
            .rows
            .iter()
            .filter_map(|row| row.get(index))
            .map(|cell| cell.chars().count());
        cells.max().unwrap_or(0).max(column.title.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_go_by_their_importance_when_it_gets_narrow() {
        let column = |title, right, expendable| Column {
            title,
            right,
            expendable,
        };
        let table = Table {
            columns: vec![
                column("NAME", false, 0),
                column("ID", false, 2),
                column("SIZE", true, 1),
            ],
            rows: vec![
                vec!["film_00000.mkv".into(), "abcd".into(), "1.2 MB".into()],
                vec!["x".into(), "ef".into(), "12 B".into()],
            ],
        };
        let (head, rows) = table.lines(40);
        assert_eq!(head, "NAME            ID      SIZE");
        assert_eq!(
            rows,
            [
                "film_00000.mkv  abcd  1.2 MB",
                "x               ef      12 B"
            ]
        );
        assert_eq!(table.lines(25).1[0], "film_00000.mkv  1.2 MB");
        assert_eq!(table.lines(15).1[0], "film_00000.mkv");
        assert_eq!(table.lines(6).1[0], "film_0");
        assert_eq!(table.lines(0).1[0], "");
    }
}
