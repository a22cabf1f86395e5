//! Lists of values, and the cells that they make.

use crate::bench::cell::{Cell, Granularity, TimeLag};

/// The values of each respect in which cells differ.
#[derive(Clone, Debug, Default)]
pub(super) struct Lists {
    pub(super) groups: Vec<u32>,
    pub(super) partitions: Vec<u32>,
    pub(super) commits: Vec<u32>,
    pub(super) granularity: Vec<Granularity>,
    pub(super) time_lag: Vec<TimeLag>,
}

// === impl Lists ===

impl Lists {
    /// The values that are measured by default, one at a time.
    pub(super) fn star() -> Self {
        Self {
            commits: vec![20, 5, 100],
            ..Self::full()
        }
    }

    /// The values that are measured with `--full`, all combinations of them.
    pub(super) fn full() -> Self {
        Self {
            groups: vec![1_000, 100, 10_000],
            partitions: vec![20_000, 1_000, 100_000],
            commits: vec![20],
            granularity: vec![Granularity::Partition, Granularity::Topic],
            time_lag: vec![TimeLag::Rate, TimeLag::Off, TimeLag::Message],
        }
    }

    /// True if no value was chosen.
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
            && self.partitions.is_empty()
            && self.commits.is_empty()
            && self.granularity.is_empty()
            && self.time_lag.is_empty()
    }

    /// These lists, and those of `other` where these are empty.
    pub(super) fn or(self, other: &Self) -> Self {
        fn pick<T: Clone>(own: Vec<T>, other: &[T]) -> Vec<T> {
            if own.is_empty() { other.to_vec() } else { own }
        }
        Self {
            groups: pick(self.groups, &other.groups),
            partitions: pick(self.partitions, &other.partitions),
            commits: pick(self.commits, &other.commits),
            granularity: pick(self.granularity, &other.granularity),
            time_lag: pick(self.time_lag, &other.time_lag),
        }
    }

    /// All combinations; a list that is empty has the value of `base`.
    pub(super) fn product(&self, base: Cell) -> Vec<Cell> {
        let cells = of(vec![base], &self.partitions, |cell, partitions| Cell {
            partitions,
            ..cell
        });
        let cells = of(cells, &self.groups, |cell, groups| Cell { groups, ..cell });
        let cells = of(cells, &self.commits, |cell, commits| Cell {
            commits,
            ..cell
        });
        let cells = of(cells, &self.granularity, |cell, granularity| Cell {
            granularity,
            ..cell
        });
        unique(of(cells, &self.time_lag, |cell, time_lag| Cell {
            time_lag,
            ..cell
        }))
    }

    /// The base, and the cells that differ from it in one respect.
    pub(super) fn one_at_a_time(self, base: Cell) -> Vec<Cell> {
        let none = Self::default;
        let lists = [
            none(),
            Self {
                groups: self.groups,
                ..none()
            },
            Self {
                partitions: self.partitions,
                ..none()
            },
            Self {
                commits: self.commits,
                ..none()
            },
            Self {
                granularity: self.granularity,
                ..none()
            },
            Self {
                time_lag: self.time_lag,
                ..none()
            },
        ];
        unique(lists.iter().flat_map(|list| list.product(base)).collect())
    }
}

/// Each cell with each value; the cells themselves if there is no value.
fn of<T: Copy>(cells: Vec<Cell>, values: &[T], with: impl Fn(Cell, T) -> Cell) -> Vec<Cell> {
    if values.is_empty() {
        return cells;
    }
    let each = |cell: Cell| values.iter().map(move |value| (cell, *value));
    let pairs = cells.into_iter().flat_map(each);
    pairs.map(|(cell, value)| with(cell, value)).collect()
}

fn unique(cells: Vec<Cell>) -> Vec<Cell> {
    let mut kept: Vec<Cell> = Vec::new();
    for cell in cells {
        if !kept.contains(&cell) {
            kept.push(cell);
        }
    }
    kept
}
