//! Tiles: rows of values over all steps of a grid, with a bitmap that tells which of them are there.
//!
//! A tile holds whole rows, as many as fit 16,384 values (128 KiB, which stays in the L2 cache) but at least one and at
//! most 64. Presence is a bit, never a special NaN: user data may hold any NaN payload.

/// How many values a tile should hold.
const TILE_VALUES: usize = 16_384;
/// How many rows a tile holds at most.
const TILE_ROWS: usize = 64;

/// Returns how many rows of `n_steps` values a tile takes.
pub(crate) fn rows_per_tile(n_steps: usize) -> usize {
    (TILE_VALUES / n_steps.max(1)).clamp(1, TILE_ROWS)
}

/// Returns how many words a row's bitmap takes.
#[inline]
pub(crate) fn words_for(n_steps: usize) -> usize {
    n_steps.div_ceil(64)
}

/// Some rows of an operator's output, `first` being the index of the first. Values of absent points mean nothing.
///
/// Histogram samples will be a second column of the same shape with a presence of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tile {
    pub(crate) first: usize,
    n_rows: usize,
    n_steps: usize,
    values: Vec<f64>,
    present: Vec<u64>,
}

impl Tile {
    /// Makes the tile `n_rows` rows of nothing, keeping the allocation.
    pub(crate) fn reset(&mut self, first: usize, n_rows: usize, n_steps: usize) {
        self.first = first;
        self.n_rows = n_rows;
        self.n_steps = n_steps;
        // Old values may stay: nobody looks at them without a presence bit.
        self.values.resize(n_rows * n_steps, 0.0);
        self.present.clear();
        self.present.resize(n_rows * words_for(n_steps), 0);
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Returns row `i` of the tile.
    #[inline]
    pub(crate) fn row(&self, i: usize) -> Row<'_> {
        let words = words_for(self.n_steps);
        Row {
            values: &self.values[i * self.n_steps..(i + 1) * self.n_steps],
            present: &self.present[i * words..(i + 1) * words],
        }
    }

    /// Returns row `i` of the tile for writing.
    #[inline]
    pub(crate) fn row_mut(&mut self, i: usize) -> RowMut<'_> {
        let words = words_for(self.n_steps);
        RowMut {
            values: &mut self.values[i * self.n_steps..(i + 1) * self.n_steps],
            present: &mut self.present[i * words..(i + 1) * words],
        }
    }

    /// Adds a copy of `row` at the end.
    pub(crate) fn push_row(&mut self, row: Row<'_>) {
        debug_assert!(self.n_rows == 0 || row.values.len() == self.n_steps);
        self.n_steps = row.values.len();
        self.n_rows += 1;
        self.values.extend_from_slice(row.values);
        self.present.extend_from_slice(row.present);
    }

    /// Empties the tile.
    pub(crate) fn clear(&mut self) {
        self.first = 0;
        self.n_rows = 0;
        self.values.clear();
        self.present.clear();
    }

    /// Returns how many points are present.
    pub(crate) fn n_points(&self) -> u64 {
        self.present.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}

/// One row: a value a step, a bit a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) values: &'a [f64],
    pub(crate) present: &'a [u64],
}

impl<'a> Row<'a> {
    /// Returns the value at step `i`, if there is one.
    #[inline]
    pub(crate) fn get(&self, i: usize) -> Option<f64> {
        has_bit(self.present, i).then(|| self.values[i])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.present.iter().all(|word| *word == 0)
    }

    pub(crate) fn n_points(&self) -> usize {
        self.present.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Returns whether every step has a value.
    pub(crate) fn is_full(&self) -> bool {
        self.n_points() == self.values.len()
    }

    /// Walks the points that are there as (step, value).
    pub(crate) fn points(self) -> impl Iterator<Item = (usize, f64)> + 'a {
        bits(self.present).map(move |i| (i, self.values[i]))
    }
}

/// One row for writing.
#[derive(Debug)]
pub(crate) struct RowMut<'a> {
    pub(crate) values: &'a mut [f64],
    pub(crate) present: &'a mut [u64],
}

impl RowMut<'_> {
    /// Puts a value at step `i`.
    #[inline]
    pub(crate) fn set(&mut self, i: usize, v: f64) {
        self.values[i] = v;
        self.present[i / 64] |= 1 << (i % 64);
    }

    /// Copies another row of the same length.
    pub(crate) fn copy_from(&mut self, other: Row<'_>) {
        self.values.copy_from_slice(other.values);
        self.present.copy_from_slice(other.present);
    }

    pub(crate) fn as_row(&self) -> Row<'_> {
        Row { values: self.values, present: self.present }
    }

    /// Puts one value at all steps.
    pub(crate) fn fill(&mut self, v: f64) {
        self.values.fill(v);
        fill_bits(self.present, self.values.len());
    }
}

/// Returns whether bit `i` is set.
#[inline]
pub(crate) fn has_bit(words: &[u64], i: usize) -> bool {
    words[i / 64] >> (i % 64) & 1 == 1
}

/// Sets the first `n` bits and no others.
pub(crate) fn fill_bits(words: &mut [u64], n: usize) {
    for (i, word) in words.iter_mut().enumerate() {
        let left = n.saturating_sub(i * 64).min(64);
        *word = if left == 64 { u64::MAX } else { (1 << left) - 1 };
    }
}

/// Walks the positions of the bits that are set.
pub(crate) fn bits(words: &[u64]) -> impl Iterator<Item = usize> + '_ {
    words.iter().enumerate().flat_map(|(i, &word)| {
        let mut left = word;
        std::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            let bit = left.trailing_zeros() as usize;
            left &= left - 1;
            Some(i * 64 + bit)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presence_is_a_bit_per_step() {
        let mut tile = Tile::default();
        tile.reset(3, 2, 70);
        tile.row_mut(1).set(69, f64::NAN);
        tile.row_mut(1).set(0, 1.0);
        assert!(tile.row(0).is_empty());
        assert_eq!(tile.row(1).points().map(|(i, _)| i).collect::<Vec<_>>(), [0, 69]);
        assert_eq!(tile.row(1).get(1), None);
        assert_eq!(tile.n_points(), 2);
        tile.row_mut(0).fill(2.0);
        assert!(tile.row(0).is_full());
        assert_eq!(tile.row(0).n_points(), 70);
    }

    #[test]
    fn tiles_hold_whole_rows() {
        for (n_steps, rows) in [(1, 64), (256, 64), (361, 45), (11_000, 1), (100_000, 1)] {
            assert_eq!(rows_per_tile(n_steps), rows, "{n_steps} steps");
        }
    }
}
