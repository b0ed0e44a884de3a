//! Go writes null for what is empty; reading takes it as empty.

use serde::{Deserialize, Deserializer};

/// For `#[serde(deserialize_with)]`: null is the default.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(reader: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(reader)?.unwrap_or_default())
}
