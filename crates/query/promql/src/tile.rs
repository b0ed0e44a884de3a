//! Tiles: rows of values over all steps of a grid, with a bitmap that tells which of them are there.
//!
//! A tile holds whole rows, as many as fit 16,384 values (128 KiB, which stays in the L2 cache) but at least one and at
//! most 64. Presence is a bit, never a special NaN: user data may hold any NaN payload.
//!
//! Histograms stand in a column of the same shape beside the floats, which is there only when the tile has any: tiles of
//! floats pay nothing for them. A point is a float or a histogram, never both.

use std::sync::Arc;

use firesteel_model::FloatHistogram;

/// A histogram as operators pass it on: shared, copied by whoever changes it.
pub(crate) type SharedHistogram = Arc<FloatHistogram>;

/// How many values a tile should hold.
const TILE_VALUES: usize = 16_384;
/// How many rows a tile holds at most.
pub(crate) const TILE_ROWS: usize = 64;

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
#[derive(Clone, Debug, Default)]
pub(crate) struct Tile {
    pub(crate) first: usize,
    n_rows: usize,
    n_steps: usize,
    values: Vec<f64>,
    present: Vec<u64>,
    /// A cell a value, or empty.
    histograms: Vec<Option<SharedHistogram>>,
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
        self.histograms.clear();
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
            histograms: self.histograms.get(i * self.n_steps..(i + 1) * self.n_steps).unwrap_or(&[]),
        }
    }

    /// Returns row `i` of the tile for writing.
    #[inline]
    pub(crate) fn row_mut(&mut self, i: usize) -> RowMut<'_> {
        let words = words_for(self.n_steps);
        RowMut {
            values: &mut self.values[i * self.n_steps..(i + 1) * self.n_steps],
            present: &mut self.present[i * words..(i + 1) * words],
            column: Column { cells: &mut self.histograms, at: i * self.n_steps, of_tile: self.n_rows * self.n_steps },
        }
    }

    /// Adds a copy of `row` at the end.
    pub(crate) fn push_row(&mut self, row: Row<'_>) {
        debug_assert!(self.n_rows == 0 || row.values.len() == self.n_steps);
        self.n_steps = row.values.len();
        if !row.histograms.is_empty() || !self.histograms.is_empty() {
            self.histograms.resize(self.n_rows * self.n_steps, None);
            self.histograms.extend_from_slice(row.histograms);
            self.histograms.resize((self.n_rows + 1) * self.n_steps, None);
        }
        self.n_rows += 1;
        self.values.extend_from_slice(row.values);
        self.present.extend_from_slice(row.present);
    }

    /// Makes room for so many more rows of so many steps.
    pub(crate) fn reserve_rows(&mut self, n_rows: usize, n_steps: usize) {
        self.values.reserve(n_rows * n_steps);
        self.present.reserve(n_rows * words_for(n_steps));
    }

    /// Makes the tile a copy of another one, keeping the allocation.
    pub(crate) fn copy_tile(&mut self, other: &Self) {
        (self.first, self.n_rows, self.n_steps) = (other.first, other.n_rows, other.n_steps);
        self.values.clone_from(&other.values);
        self.present.clone_from(&other.present);
        self.histograms.clone_from(&other.histograms);
    }

    /// Empties the tile.
    pub(crate) fn clear(&mut self) {
        self.first = 0;
        self.n_rows = 0;
        self.values.clear();
        self.present.clear();
        self.histograms.clear();
    }

    /// Returns how many points are present, each histogram counting for its size.
    pub(crate) fn n_points(&self) -> u64 {
        let floats: u64 = self.present.iter().map(|word| u64::from(word.count_ones())).sum();
        floats + self.histograms.iter().flatten().map(|h| weight(h)).sum::<u64>()
    }

    /// Returns how many bytes the largest histogram takes.
    pub(crate) fn largest_histogram(&self) -> u64 {
        self.histograms.iter().flatten().map(|h| 16 * weight(h)).max().unwrap_or(0)
    }

    /// Returns how many bytes the tile takes.
    pub(crate) fn bytes(&self) -> u64 {
        8 * (self.values.len() + self.present.len()) as u64 + self.histogram_bytes()
    }

    /// Returns how many rows have a point at a step.
    pub(crate) fn n_points_at(&self, step: usize) -> u64 {
        (0..self.n_rows).filter(|i| self.row(*i).has(step)).count() as u64
    }

    /// Returns how many bytes the histograms take, their cells included.
    pub(crate) fn histogram_bytes(&self) -> u64 {
        distinct_bytes(&self.histograms) + size_of_val(self.histograms.as_slice()) as u64
    }

    /// Returns whether any row may hold histograms.
    pub(crate) fn has_histograms(&self) -> bool {
        !self.histograms.is_empty()
    }
}

/// Returns how many bytes histograms take, one that stands at several steps in a row once.
pub(crate) fn distinct_bytes(cells: &[Option<SharedHistogram>]) -> u64 {
    let mut bytes = 0;
    let mut before: Option<&SharedHistogram> = None;
    for h in cells.iter().flatten() {
        if before.is_none_or(|before| !Arc::ptr_eq(before, h)) {
            bytes += 16 * weight(h);
        }
        before = Some(h);
    }
    bytes
}

/// Returns for how many samples a histogram counts: its bytes in sixteens, as upstream (`promql/value.go`, HPoint.size).
pub(crate) fn weight(h: &FloatHistogram) -> u64 {
    (h.size_bytes() as u64 + 8) / 16
}

/// One row: a value a step, a bit a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) values: &'a [f64],
    /// Where there are floats.
    pub(crate) present: &'a [u64],
    /// A cell a step, or none at all.
    pub(crate) histograms: &'a [Option<SharedHistogram>],
}

impl<'a> Row<'a> {
    /// Returns the float at step `i`, if there is one.
    #[inline]
    pub(crate) fn get(&self, i: usize) -> Option<f64> {
        has_bit(self.present, i).then(|| self.values[i])
    }

    /// Returns the histogram at step `i`, if there is one.
    #[inline]
    pub(crate) fn histogram(&self, i: usize) -> Option<&'a SharedHistogram> {
        self.histograms.get(i)?.as_ref()
    }

    /// Returns whether there is a point of either kind at step `i`.
    #[inline]
    pub(crate) fn has(&self, i: usize) -> bool {
        has_bit(self.present, i) || self.histogram(i).is_some()
    }

    /// Returns whether there is no point of either kind.
    pub(crate) fn is_empty(&self) -> bool {
        self.has_no_floats() && !self.has_histograms()
    }

    pub(crate) fn has_no_floats(&self) -> bool {
        self.present.iter().all(|word| *word == 0)
    }

    pub(crate) fn has_histograms(&self) -> bool {
        self.histograms.iter().any(Option::is_some)
    }

    /// Returns how many floats there are.
    pub(crate) fn n_floats(&self) -> usize {
        self.present.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Returns the bits of word `word` for points of either kind.
    #[inline]
    pub(crate) fn either(&self, word: usize) -> u64 {
        let floats = self.present[word];
        if self.histograms.is_empty() {
            return floats;
        }
        let cells = self.histograms.iter().skip(word * 64).take(64).enumerate();
        cells.fold(floats, |bits, (i, cell)| bits | u64::from(cell.is_some()) << i)
    }

    /// Walks the histograms as (step, histogram).
    pub(crate) fn histogram_points(self) -> impl Iterator<Item = (usize, &'a SharedHistogram)> {
        self.histograms.iter().enumerate().filter_map(|(i, cell)| Some((i, cell.as_ref()?)))
    }

    /// Walks the floats as (step, value).
    pub(crate) fn points(self) -> impl Iterator<Item = (usize, f64)> + 'a {
        bits(self.present).map(move |i| (i, self.values[i]))
    }
}

/// One row for writing.
#[derive(Debug)]
pub(crate) struct RowMut<'a> {
    pub(crate) values: &'a mut [f64],
    pub(crate) present: &'a mut [u64],
    column: Column<'a>,
}

/// The histograms of one row, in a column that appears with the first.
#[derive(Debug)]
struct Column<'a> {
    cells: &'a mut Vec<Option<SharedHistogram>>,
    at: usize,
    of_tile: usize,
}

impl Column<'_> {
    fn of_row(&self, n: usize) -> &[Option<SharedHistogram>] {
        self.cells.get(self.at..self.at + n).unwrap_or(&[])
    }
}

impl RowMut<'_> {
    /// Puts a value at step `i`.
    #[inline]
    pub(crate) fn set(&mut self, i: usize, v: f64) {
        self.values[i] = v;
        self.present[i / 64] |= 1 << (i % 64);
    }

    /// Puts a histogram at step `i`.
    pub(crate) fn set_histogram(&mut self, i: usize, h: SharedHistogram) {
        if self.column.cells.is_empty() {
            self.column.cells.resize(self.column.of_tile, None);
        }
        self.column.cells[self.column.at + i] = Some(h);
    }

    /// Returns the cells of the histograms, none when the tile has no such column.
    pub(crate) fn histograms_mut(&mut self) -> &mut [Option<SharedHistogram>] {
        let (at, n) = (self.column.at, self.values.len());
        self.column.cells.get_mut(at..at + n).unwrap_or(&mut [])
    }

    /// Removes all histograms.
    pub(crate) fn drop_histograms(&mut self) {
        self.histograms_mut().fill(None);
    }

    /// Removes points of either kind where word `word` of `kept` has no bit.
    pub(crate) fn keep(&mut self, word: usize, kept: u64) {
        self.present[word] &= kept;
        for (i, cell) in self.histograms_mut().iter_mut().skip(word * 64).take(64).enumerate() {
            if kept >> i & 1 == 0 {
                *cell = None;
            }
        }
    }

    /// Copies another row of the same length.
    pub(crate) fn copy_from(&mut self, other: Row<'_>) {
        self.values.copy_from_slice(other.values);
        self.present.copy_from_slice(other.present);
        self.drop_histograms();
        for (i, h) in other.histogram_points() {
            self.set_histogram(i, Arc::clone(h));
        }
    }

    pub(crate) fn as_row(&self) -> Row<'_> {
        Row { values: self.values, present: self.present, histograms: self.column.of_row(self.values.len()) }
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
        assert_eq!(tile.row(0).n_floats(), tile.row(0).values.len());
        assert_eq!(tile.row(0).n_floats(), 70);
    }

    #[test]
    fn histograms_stand_beside_floats() {
        let h = || SharedHistogram::new(FloatHistogram::default());
        let mut tile = Tile::default();
        tile.reset(0, 2, 70);
        assert!(!tile.has_histograms());
        tile.row_mut(1).set(3, 1.0);
        tile.row_mut(1).set_histogram(65, h());
        assert!(tile.row(0).is_empty() && !tile.row(1).is_empty());
        assert_eq!((tile.row(1).either(0), tile.row(1).either(1)), (8, 2));
        assert_eq!(tile.n_points(), 1 + 11);
        let mut copy = Tile::default();
        copy.push_row(Row { values: &[0.0; 70], present: &[0, 0], histograms: &[] });
        copy.push_row(tile.row(1));
        assert!(copy.row(0).is_empty() && copy.row(1).has(65) && copy.row(1).has(3));
        copy.row_mut(0).copy_from(tile.row(1));
        copy.row_mut(1).keep(1, 0);
        assert!(copy.row(0).histogram(65).is_some() && copy.row(1).histogram(65).is_none());
        copy.reset(0, 2, 70);
        assert!(!copy.has_histograms());
    }

    #[test]
    fn tiles_hold_whole_rows() {
        for (n_steps, rows) in [(1, 64), (256, 64), (361, 45), (11_000, 1), (100_000, 1)] {
            assert_eq!(rows_per_tile(n_steps), rows, "{n_steps} steps");
        }
    }
}
