//! Where the program reads and writes: the process' own streams, or a test's buffers.

use std::fmt::Display;
use std::io::{Read, Write};

/// The three streams of a run.
pub struct Console<'a> {
    pub input: &'a mut dyn Read,
    pub out: &'a mut dyn Write,
    pub err: &'a mut dyn Write,
}

impl std::fmt::Debug for Console<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console").finish_non_exhaustive()
    }
}

impl Console<'_> {
    /// Writes a line of data. A closed pipe is no error: nobody listens any more.
    pub fn say(&mut self, line: impl Display) {
        let _ = writeln!(self.out, "{line}");
    }

    /// Writes a line of talk.
    pub fn complain(&mut self, line: impl Display) {
        let _ = writeln!(self.err, "{line}");
    }
}
