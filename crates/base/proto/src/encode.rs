//! Writing fields. As proto3 wants it, a zero is not written.

use firesteel_base::bytes::put_uvarint;

#[inline]
fn put_tag(out: &mut Vec<u8>, field: u32, wire: u8) {
    put_uvarint(out, u64::from(field) << 3 | u64::from(wire));
}

/// Appends an integer field.
#[inline]
pub fn put_varint_field(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        put_tag(out, field, 0);
        put_uvarint(out, value);
    }
}

/// Appends a `sint32` or `sint64` field.
pub fn put_zigzag_field(out: &mut Vec<u8>, field: u32, value: i64) {
    put_varint_field(out, field, fold(value));
}

fn fold(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

/// Appends a double field; a negative zero counts as zero, as in Go.
#[inline]
pub fn put_double_field(out: &mut Vec<u8>, field: u32, value: f64) {
    if value != 0.0 {
        put_some_double(out, field, value);
    }
}

/// Appends a double that is written even when it is zero: one of a `oneof`.
#[inline]
pub fn put_some_double(out: &mut Vec<u8>, field: u32, value: f64) {
    put_tag(out, field, 1);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends an integer that is written even when it is zero: one of a `oneof`.
pub fn put_some_varint(out: &mut Vec<u8>, field: u32, value: u64) {
    put_tag(out, field, 0);
    put_uvarint(out, value);
}

/// Appends a string or bytes field, even when it is empty (elements of a repeated field).
#[inline]
pub fn put_bytes_field(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    put_tag(out, field, 2);
    put_uvarint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a string field unless it is empty.
pub fn put_text_field(out: &mut Vec<u8>, field: u32, text: &str) {
    if !text.is_empty() {
        put_bytes_field(out, field, text.as_bytes());
    }
}

/// Appends a message field whose body `write` appends.
#[inline]
pub fn put_message(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    put_tag(out, field, 2);
    let at = out.len();
    // Most bodies are short: one byte is kept free for the length, and longer lengths move the body.
    out.push(0);
    write(out);
    let len = out.len() - at - 1;
    if len < 0x80 {
        out[at] = len as u8;
        return;
    }
    let mut length = Vec::with_capacity(10);
    put_uvarint(&mut length, len as u64);
    out.splice(at..=at, length);
}

/// Appends integers, packed.
pub fn put_packed_varints(out: &mut Vec<u8>, field: u32, values: impl Iterator<Item = u64>) {
    let mut values = values.peekable();
    if values.peek().is_some() {
        put_message(out, field, |out| values.for_each(|n| put_uvarint(out, n)));
    }
}

/// Appends zigzag integers, packed.
pub fn put_packed_zigzag(out: &mut Vec<u8>, field: u32, values: &[i64]) {
    put_packed_varints(out, field, values.iter().map(|&n| fold(n)));
}

/// Appends doubles, packed.
pub fn put_packed_doubles(out: &mut Vec<u8>, field: u32, values: &[f64]) {
    if !values.is_empty() {
        put_tag(out, field, 2);
        put_uvarint(out, values.len() as u64 * 8);
        for v in values {
            out.extend_from_slice(&v.to_le_bytes());
        }
    }
}
