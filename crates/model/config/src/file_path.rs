//! Paths of files, relative to the file that names them.

use std::path::Path;

use firesteel_go_compat::clean_path;
use firesteel_yaml::{Node, Out, Reader};

use crate::Decode;

/// A path; empty when not given.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct FilePath(String);

impl FilePath {
    /// Wraps a path.
    pub fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// Returns the path, after loading relative to the working directory.
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// Returns the path's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether no path is given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Decode for FilePath {
    fn go_type() -> String {
        "string".to_owned()
    }
    fn zero() -> Self {
        Self::default()
    }
    fn decode(&mut self, node: &Node, reader: &mut Reader<'_>) {
        if let Some(text) = reader.string(node) {
            self.0 = text;
        }
    }
    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }
    fn encode(&self) -> Out {
        Out::Str(self.0.clone())
    }
    fn set_directory(&mut self, dir: &Path) {
        self.0 = join(dir, &self.0);
    }
}

/// Joins as Go's `filepath.Join`, result cleaned; an empty or absolute path stays as it is.
pub(crate) fn join(dir: &Path, path: &str) -> String {
    if path.is_empty() || path.starts_with('/') { path.to_owned() } else { clean_path(&dir.join(path)) }
}
