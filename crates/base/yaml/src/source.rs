//! A file's name and text, with its lines.

/// The text of one file, and where its lines begin. Lines count from 1, columns in characters from 1.
#[derive(Clone, Debug)]
pub struct Source {
    name: String,
    text: String,
    /// Byte offset of the start of each line; never empty.
    starts: Vec<usize>,
    /// The command of promtool that mends this file.
    mended_by: &'static str,
}

impl Source {
    /// Takes a text under the name that messages shall show.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1))
            .collect();
        Self { name: name.into(), text, starts, mended_by: "check config" }
    }

    /// Names the command of promtool whose `--fix` mends files of this kind; `check config` if nothing is said.
    #[must_use]
    pub fn mended_by(mut self, command: &'static str) -> Self {
        self.mended_by = command;
        self
    }

    pub(crate) fn mending_command(&self) -> &'static str {
        self.mended_by
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns how many lines there are; a text without any has one empty line.
    pub fn line_count(&self) -> usize {
        self.starts.len()
    }

    /// Returns a line without its line end, or "" when there is no such line.
    pub fn line(&self, line: usize) -> &str {
        let Some(&start) = line.checked_sub(1).and_then(|at| self.starts.get(at)) else { return "" };
        let end = self.starts.get(line).copied().unwrap_or(self.text.len());
        self.text.get(start..end).unwrap_or("").trim_end_matches(['\n', '\r'])
    }

    /// Returns the byte offset of a place; a column past the end of its line gives the end of the line.
    pub fn offset(&self, line: usize, column: usize) -> usize {
        let Some(&start) = line.checked_sub(1).and_then(|at| self.starts.get(at)) else { return self.text.len() };
        let text = self.line(line);
        start + text.char_indices().nth(column.saturating_sub(1)).map_or(text.len(), |(at, _)| at)
    }

    /// Returns line and column of a byte offset.
    pub fn place(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..offset.min(self.text.len())).map_or(1, |before| before.chars().count() + 1);
        (line, column)
    }
}
