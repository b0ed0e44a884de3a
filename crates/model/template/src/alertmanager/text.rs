//! Functions over texts.

use crate::value::Value;

type Answer = Result<Value, String>;

/// `strings.Join`
pub(super) fn joined(list: &Value, between: &str) -> String {
    match list.indirect() {
        Value::List(list) => list.items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(between),
        _ => String::new(),
    }
}

/// `url.QueryUnescape`
pub(super) fn query_unescape(text: &str) -> Answer {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(b) = bytes.get(at) {
        match b {
            b'%' => {
                let digit = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
                let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2)) else {
                    let bad = String::from_utf8_lossy(&bytes[at..(at + 3).min(bytes.len())]).into_owned();
                    return Err(format!("invalid URL escape {}", firesteel_go_compat::quote(&bad)));
                };
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            b'+' => out.push(b' '),
            b => out.push(*b),
        }
        at += 1;
    }
    Ok(String::from_utf8_lossy(&out).into_owned().into())
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// `base64.URLEncoding.EncodeToString`
pub(super) fn base64_encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            if i <= chunk.len() {
                out.push(char::from(ALPHABET[(bits >> (18 - 6 * i) & 63) as usize]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

/// `base64.URLEncoding.DecodeString`; a fault is told with the byte where Go's decoder notices it.
pub(super) fn base64_decode(text: &str) -> Answer {
    let fault = |at: usize| Err(format!("illegal base64 data at input byte {at}"));
    let bytes: Vec<(usize, u8)> = text.bytes().enumerate().filter(|(_, b)| !matches!(b, b'\n' | b'\r')).collect();
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3);
    for (chunk_at, chunk) in bytes.chunks(4).enumerate() {
        let is_last = (chunk_at + 1) * 4 >= bytes.len();
        let mut bits = 0;
        let mut digits = 0;
        for (i, (at, b)) in chunk.iter().enumerate() {
            if *b == b'=' {
                let rest_is_padding = chunk[i..].iter().all(|(_, b)| *b == b'=');
                if i < 2 || !is_last || !rest_is_padding {
                    return fault(*at);
                }
                break;
            }
            let Some(value) = ALPHABET.iter().position(|known| known == b) else { return fault(*at) };
            bits = bits << 6 | value as u32;
            digits += 1;
        }
        if chunk.len() < 4 {
            return fault(chunk.first().map_or(text.len(), |(at, _)| *at));
        }
        bits <<= 6 * (4 - digits);
        out.extend_from_slice(&bits.to_be_bytes()[1..digits]);
    }
    Ok(String::from_utf8_lossy(&out).into_owned().into())
}
