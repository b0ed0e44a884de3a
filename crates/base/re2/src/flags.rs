//! Flags of a group: `(?imsU-imsU)`.

/// How what follows is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Flags {
    /// `i`: letters match both cases.
    pub(crate) fold_case: bool,
    /// `m`: `^` and `$` match at line ends.
    pub(crate) multi_line: bool,
    /// `s`: `.` matches a newline.
    pub(crate) dot_newline: bool,
    /// `U`: repetitions take as little as they can.
    pub(crate) swap_greed: bool,
}

impl Flags {
    /// Sets the flag of this letter; false when there is none.
    pub(crate) fn set(&mut self, letter: char, on: bool) -> bool {
        match letter {
            'i' => self.fold_case = on,
            'm' => self.multi_line = on,
            's' => self.dot_newline = on,
            'U' => self.swap_greed = on,
            _ => return false,
        }
        true
    }
}
