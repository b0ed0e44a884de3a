//! The variables that lead to a cloud's credentials: of the process, or of a test.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Variables by name, as they were when it was made.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Environment(Arc<BTreeMap<String, String>>);

impl Environment {
    /// Reads the variables of this process; those that are not Unicode are left out.
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// Returns the value of a variable; one that is not set is empty.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Returns the value of the first of these variables that is not empty.
    pub fn first_of(&self, names: &[&str]) -> &str {
        names.iter().map(|name| self.get(name)).find(|value| !value.is_empty()).unwrap_or_default()
    }

    /// Returns a path below the home directory.
    pub fn at_home(&self, path: &str) -> PathBuf {
        PathBuf::from(self.get("HOME")).join(path)
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(all: T) -> Self {
        Self(Arc::new(all.into_iter().collect()))
    }
}

/// Without the values: there are secrets among them.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("variables", &self.0.len()).finish()
    }
}
