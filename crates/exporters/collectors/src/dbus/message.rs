//! Messages of D-Bus as bytes.

use super::Call;

/// What comes before the header's fields.
pub(super) const FIXED_BYTES: usize = 16;
/// The type of an answer; other types are errors and signals.
pub(super) const RETURN: u8 = 2;
const METHOD_CALL: u8 = 1;
const REPLY_SERIAL: u8 = 5;
/// Variants may hold variants.
const DEPTH_MAX: usize = 16;

/// What a message's header says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) kind: u8,
    pub(super) reply_serial: u32,
    /// Where the body begins.
    pub(super) body: usize,
    pub(super) is_big: bool,
}

/// A value whose type only the message tells.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Text(String),
    Number(u64),
    Bool(bool),
}

/// Writes a call with texts for arguments.
pub(super) fn call(serial: u32, call: Call<'_>, arguments: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    for argument in arguments {
        push_text(&mut body, argument);
    }
    let mut bytes = vec![b'l', METHOD_CALL, 0, 1];
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&serial.to_le_bytes());
    let mut fields = Vec::new();
    let texts = [(1, b'o', call.path), (2, b's', call.interface), (3, b's', call.member), (6, b's', call.destination)];
    for (code, kind, text) in texts {
        if !text.is_empty() {
            // The fields begin where the offset in the message is a multiple of 8, so offsets within them will do.
            pad(&mut fields, 8);
            fields.extend_from_slice(&[code, 1, kind, 0]);
            push_text(&mut fields, text);
        }
    }
    if !arguments.is_empty() {
        pad(&mut fields, 8);
        fields.extend_from_slice(&[8, 1, b'g', 0, arguments.len() as u8]);
        fields.resize(fields.len() + arguments.len(), b's');
        fields.push(0);
    }
    bytes.extend_from_slice(&(fields.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&fields);
    pad(&mut bytes, 8);
    bytes.extend_from_slice(&body);
    bytes
}

fn pad(bytes: &mut Vec<u8>, to: usize) {
    bytes.resize(bytes.len().next_multiple_of(to), 0);
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    pad(bytes, 4);
    bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(0);
}

/// Returns how long the message is whose first [`FIXED_BYTES`] are given.
pub(super) fn length(fixed: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(fixed, is_big(fixed)?);
    reader.at = 4;
    let body = reader.u32()? as usize;
    reader.at = 12;
    let fields = reader.u32()? as usize;
    FIXED_BYTES.checked_add(fields)?.checked_next_multiple_of(8)?.checked_add(body)
}

fn is_big(bytes: &[u8]) -> Option<bool> {
    match bytes.first()? {
        b'l' => Some(false),
        b'B' => Some(true),
        _ => None,
    }
}

/// Reads the header of a whole message.
pub(super) fn head(bytes: &[u8]) -> Option<Head> {
    let is_big = is_big(bytes)?;
    let mut reader = Reader::new(bytes, is_big);
    reader.at = 12;
    let fields = reader.u32()? as usize;
    let end = FIXED_BYTES.checked_add(fields)?;
    let mut reply_serial = 0;
    while reader.at < end {
        reader.align(8);
        let code = reader.byte()?;
        let value = reader.variant()?;
        if let (REPLY_SERIAL, Value::Number(serial)) = (code, value) {
            reply_serial = u32::try_from(serial).ok()?;
        }
    }
    Some(Head { kind: *bytes.get(1)?, reply_serial, body: end.next_multiple_of(8), is_big })
}

/// Reads values one after the other; `None` where the bytes do not hold what is asked for.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    is_big: bool,
}

impl<'a> Reader<'a> {
    /// Reads from the front of bytes that stand at a multiple of 8 in their message.
    pub(crate) fn new(bytes: &'a [u8], is_big: bool) -> Self {
        Self { bytes, at: 0, is_big }
    }

    fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn number<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.align(N);
        let bytes: [u8; N] = self.bytes.get(self.at..self.at.checked_add(N)?)?.try_into().ok()?;
        self.at += N;
        Some(bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        let bytes = self.number()?;
        Some(if self.is_big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        let bytes = self.number()?;
        Some(if self.is_big { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }

    fn u16(&mut self) -> Option<u16> {
        let bytes = self.number()?;
        Some(if self.is_big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    /// Reads a text or the path of an object.
    pub(crate) fn text(&mut self) -> Option<String> {
        let length = self.u32()? as usize;
        self.string(length)
    }

    fn string(&mut self, length: usize) -> Option<String> {
        let end = self.at.checked_add(length)?;
        let text = String::from_utf8_lossy(self.bytes.get(self.at..end)?).into_owned();
        // A NUL behind it that its length does not count.
        self.at = end.checked_add(1)?;
        Some(text)
    }

    /// Reads an array of structures, each by `item`.
    pub(crate) fn structures<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.u32()? as usize;
        self.align(8);
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len())?;
        let mut items = Vec::new();
        while self.at < end {
            self.align(8);
            let before = self.at;
            items.push(item(self)?);
            if self.at == before {
                return None;
            }
        }
        Some(items)
    }

    /// Reads a value of a type that stands before it; `None` also for a type that no collector asks for.
    pub(crate) fn variant(&mut self) -> Option<Value> {
        for _ in 0..DEPTH_MAX {
            let length = usize::from(self.byte()?);
            let signature = self.string(length)?;
            return match signature.as_str() {
                "v" => continue,
                "y" => self.byte().map(|value| Value::Number(u64::from(value))),
                "q" => self.u16().map(|value| Value::Number(u64::from(value))),
                "u" => self.u32().map(|value| Value::Number(u64::from(value))),
                "t" => self.u64().map(Value::Number),
                "b" => self.u32().map(|value| Value::Bool(value != 0)),
                "s" | "o" => self.text().map(Value::Text),
                "g" => {
                    let length = usize::from(self.byte()?);
                    self.string(length).map(Value::Text)
                }
                _ => None,
            };
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_reads_back() {
        let bytes = call(7, Call { destination: "a.b", path: "/c", interface: "d.e", member: "F" }, &["x", "yz"]);
        assert_eq!(length(&bytes), Some(bytes.len()));
        let head = head(&bytes).expect("a good message");
        assert_eq!((head.kind, head.reply_serial, head.is_big), (METHOD_CALL, 0, false));
        let mut body = Reader::new(&bytes[head.body..], false);
        assert_eq!((body.text().as_deref(), body.text().as_deref(), body.text()), (Some("x"), Some("yz"), None));
    }

    #[test]
    fn cut_and_hostile_bytes_are_no_values() {
        let bytes = call(7, Call { destination: "a.b", path: "/c", interface: "d.e", member: "F" }, &["x"]);
        for end in 0..bytes.len() {
            let mut reader = Reader::new(&bytes[..end], false);
            let _none = (head(&bytes[..end]), reader.structures(Reader::text), reader.variant(), reader.u64());
        }
        let endless = [b"\x01v\0".as_slice(); 40].concat();
        assert_eq!(Reader::new(&endless, false).variant(), None);
        // An array that says it is longer than the message, and one whose items take nothing.
        assert_eq!(Reader::new(&[255, 255, 255, 127, 0, 0, 0, 0], false).structures(Reader::u32), None);
        assert_eq!(
            Reader::new(&[8, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1], false).structures(|_| Some(())),
            None
        );
    }
}
