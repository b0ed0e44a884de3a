//! Newtypes, clocks, file-system seam, byte and bit cursors: stones that know nothing of metrics.
