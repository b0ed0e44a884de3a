//! The files of the page: as they are, and compressed once when first asked for.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use parking_lot::Mutex;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "dist"]
#[allow_missing = true]
struct Dist;

/// Returns a file of the page by its path below `dist/`.
pub(crate) fn file(path: &str) -> Option<Bytes> {
    Dist::get(path).map(|file| match file.data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => Bytes::from(data),
    })
}

/// Compressed copies, kept because the page's script is over a megabyte and every browser takes gzip.
#[derive(Debug, Default)]
pub(crate) struct Compressed(Mutex<HashMap<String, Bytes>>);

impl Compressed {
    /// Returns the gzip form of `path`, whose content is `plain`.
    pub(crate) fn get(&self, path: &str, plain: &[u8]) -> Bytes {
        let mut kept = self.0.lock();
        if let Some(copy) = kept.get(path) {
            return copy.clone();
        }
        let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 3), Compression::best());
        // Writing into a Vec cannot fail; if it did, the plain bytes would be a false answer, so the result is checked.
        let copy = match encoder.write_all(plain).and_then(|()| encoder.finish()) {
            Ok(bytes) => Bytes::from(bytes),
            Err(_) => return Bytes::new(),
        };
        kept.insert(path.to_owned(), copy.clone());
        copy
    }
}
