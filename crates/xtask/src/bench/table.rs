//! Figures as a table: the middle of several runs, with the lowest and the highest.

/// Values of one figure over the runs.
#[derive(Clone, Debug, Default)]
pub struct Series(Vec<f64>);

impl Series {
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }
    /// Run by run, this over that.
    pub fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).filter(|(_, b)| **b > 0.0).map(|(a, b)| a / b).collect())
    }
    /// The middle one.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }
    /// `middle (lowest to highest)`, or nothing.
    pub fn shown(&self, decimals: usize) -> String {
        let low = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let high = self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        match self.0.len() {
            0 => String::new(),
            1 => format!("{:.decimals$}", self.median()),
            _ => format!("{:.decimals$} ({low:.decimals$} to {high:.decimals$})", self.median()),
        }
    }
}

/// Print rows under a head, each column as wide as its widest cell.
pub fn print(head: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|r| r.get(column)).map(|c| c.chars().count());
        cells.chain(head.get(column).map(|h| h.chars().count())).max().unwrap_or(0)
    };
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .enumerate()
            .map(|(i, cell)| {
                let width = width(i);
                format!("{cell:<width$}")
            })
            .collect();
        println!("{}", padded.join("  ").trim_end());
    };
    line(head.to_vec());
    for row in rows {
        line(row.iter().map(String::as_str).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_stands_between_the_lowest_and_the_highest() {
        let mut s = Series::default();
        [3.0, 1.0, 2.0].into_iter().for_each(|v| s.push(v));
        assert_eq!(s.shown(1), "2.0 (1.0 to 3.0)");
        assert_eq!(s.over(&s).shown(0), "1 (1 to 1)");
        assert_eq!(Series::default().shown(1), "");
    }
}
