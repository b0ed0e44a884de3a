//! Sizes in bytes: `512MB`, `1.5GiB`.

use firesteel_go_compat::{format_byte_size, parse_byte_size};
use firesteel_yaml::{Fix, Node, Out, Reader};

use crate::decode::{Decode, words};

/// A size in bytes; 0 means no limit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct ByteSize(pub i64);

words!(ByteSize, "units.Base2Bytes", Self(0), read, |v| v.0 == 0, |v| Out::Str(format_byte_size(v.0)));

fn read(node: &Node, reader: &mut Reader<'_>) -> Option<ByteSize> {
    if node.is_null() {
        return Some(ByteSize(0));
    }
    let text = reader.string(node)?;
    match parse_byte_size(&text) {
        Ok(bytes) => Some(ByteSize(bytes)),
        Err(error) => {
            let key = reader.key().to_owned();
            let bare = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let found = reader
                .error(node.span, "FS0131", format!("`{key}` is not a size: {text}"))
                .upstream(error.to_string())
                .label(if bare {
                    format!("{text} needs a unit: {text}B? (B KB MB GB TB PB EB)")
                } else {
                    "write a number and a unit: B KB MB GB TB PB EB, as in 512MB".to_owned()
                });
            if bare {
                found.fix(Fix::replace(node.span, format!("{text}B")));
            }
            None
        }
    }
}
