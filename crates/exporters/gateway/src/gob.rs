//! Go's gob encoding, as far as the file of a pushgateway goes: reading any stream's types and values, and writing the one
//! type that is written.
//!
//! A stream is a row of messages, each with its length before it: a negative type id defines that type, a positive one is
//! followed by a value of it (`encoding/gob`, "Encoding Details"). Values of types that nobody asked for are stepped over.

use std::collections::BTreeMap;

/// Bytes are no such stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct GobError {
    pub(crate) why: &'static str,
    /// Bytes from the start of the stream.
    pub(crate) at: usize,
}

/// A type's number within its stream.
pub(crate) type TypeId = i64;

const STRING: TypeId = 6;
/// Types within types beyond any use.
const DEPTH_MAX: u32 = 64;

/// A type as its stream defines it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Type {
    Array(TypeId),
    Slice(TypeId),
    /// Names and types of fields, in order.
    Struct(Vec<(String, TypeId)>),
    Map {
        key: TypeId,
        value: TypeId,
    },
    /// Bytes that the type itself knows to read.
    Opaque,
}

/// A cursor over a stream, with the types known so far.
#[derive(Clone, Debug)]
pub(crate) struct GobReader<'a> {
    bytes: &'a [u8],
    at: usize,
    types: BTreeMap<TypeId, Type>,
}

impl<'a> GobReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, types: BTreeMap::new() }
    }

    #[cold]
    pub(crate) fn fault(&self, why: &'static str) -> GobError {
        GobError { why, at: self.at }
    }

    pub(crate) fn type_of(&self, id: TypeId) -> Option<&Type> {
        self.types.get(&id)
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Reads definitions up to the first value, and returns its type; the value comes next.
    pub(crate) fn next_value(&mut self) -> Result<TypeId, GobError> {
        loop {
            let len = usize::try_from(self.uint()?).unwrap_or(usize::MAX);
            let end = self.at.checked_add(len).filter(|end| *end <= self.bytes.len());
            let end = end.ok_or_else(|| self.fault("a message is cut off"))?;
            let id = self.int()?;
            if id >= 0 {
                // What is no struct has a zero before it.
                if !matches!(self.types.get(&id), Some(Type::Struct(_))) && self.uint()? != 0 {
                    return Err(self.fault("a value without its zero"));
                }
                return Ok(id);
            }
            let id = id.checked_neg().ok_or_else(|| self.fault("a type without a number"))?;
            let defined = self.definition()?;
            if self.at != end {
                return Err(self.fault("a definition that does not fill its message"));
            }
            self.types.insert(id, defined);
        }
    }

    /// A `wireType`: a struct of which one field is set.
    fn definition(&mut self) -> Result<Type, GobError> {
        let mut defined = None;
        let mut field = 0;
        while self.next_field(&mut field)? {
            defined = Some(match field {
                1 => Type::Array(self.with_common(|reader, field, out: &mut TypeId| match field {
                    2 => reader.int().map(|id| *out = id),
                    _ => reader.int().map(drop),
                })?),
                2 => Type::Slice(self.with_common(|reader, _, out: &mut TypeId| reader.int().map(|id| *out = id))?),
                3 => Type::Struct(self.with_common(|reader, _, out: &mut Vec<(String, TypeId)>| {
                    let count = reader.count()?;
                    for _ in 0..count {
                        out.push(reader.field_definition()?);
                    }
                    Ok(())
                })?),
                4 => {
                    let (key, value) = self.with_common(|reader, field, out: &mut (TypeId, TypeId)| match field {
                        2 => reader.int().map(|id| out.0 = id),
                        _ => reader.int().map(|id| out.1 = id),
                    })?;
                    Type::Map { key, value }
                }
                5..=7 => {
                    self.with_common(|reader, _, (): &mut ()| Err(reader.fault("a definition of an unknown shape")))?;
                    Type::Opaque
                }
                _ => return Err(self.fault("a definition of an unknown kind")),
            });
        }
        defined.ok_or_else(|| self.fault("an empty definition"))
    }

    /// Reads a struct whose first field is the `CommonType`, name and number, and whose others `read` takes.
    fn with_common<T: Default>(
        &mut self,
        mut read: impl FnMut(&mut Self, u64, &mut T) -> Result<(), GobError>,
    ) -> Result<T, GobError> {
        let mut out = T::default();
        let mut field = 0;
        while self.next_field(&mut field)? {
            if field != 1 {
                read(self, field, &mut out)?;
                continue;
            }
            let mut field = 0;
            while self.next_field(&mut field)? {
                match field {
                    1 => drop(self.bytes()?),
                    2 => drop(self.int()?),
                    _ => return Err(self.fault("a definition of an unknown shape")),
                }
            }
        }
        Ok(out)
    }

    fn field_definition(&mut self) -> Result<(String, TypeId), GobError> {
        let mut out = (String::new(), 0);
        let mut field = 0;
        while self.next_field(&mut field)? {
            match field {
                1 => out.0 = self.string()?,
                2 => out.1 = self.int()?,
                _ => return Err(self.fault("a definition of an unknown shape")),
            }
        }
        Ok(out)
    }

    /// Steps to a struct's next field; `field` counts from 1 and begins at 0. Returns false at the end of the struct.
    pub(crate) fn next_field(&mut self, field: &mut u64) -> Result<bool, GobError> {
        let delta = self.uint()?;
        *field = field.checked_add(delta).ok_or_else(|| self.fault("a field beyond all"))?;
        Ok(delta != 0)
    }

    /// Reads an unsigned integer: one byte below 128, else the negated number of bytes and those, big-endian.
    pub(crate) fn uint(&mut self) -> Result<u64, GobError> {
        let first = self.take(1)?[0];
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let len = usize::from(first.wrapping_neg());
        if len > 8 {
            return Err(self.fault("an integer of more than eight bytes"));
        }
        Ok(self.take(len)?.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
    }

    /// Reads a signed integer, whose sign is its lowest bit.
    fn int(&mut self) -> Result<i64, GobError> {
        let n = self.uint()?;
        Ok(if n & 1 == 1 { !(n >> 1) as i64 } else { (n >> 1) as i64 })
    }

    /// Reads the number of elements that follow; each takes a byte at least.
    pub(crate) fn count(&mut self) -> Result<usize, GobError> {
        let count = self.uint()?;
        let left = self.bytes.len() - self.at;
        usize::try_from(count).ok().filter(|n| *n <= left).ok_or_else(|| self.fault("more elements than bytes"))
    }

    /// Reads a string, a byte slice, or an opaque value.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], GobError> {
        let len = self.count()?;
        self.take(len)
    }

    pub(crate) fn string(&mut self) -> Result<String, GobError> {
        let bytes = self.bytes()?;
        String::from_utf8(bytes.to_vec()).map_err(|_| self.fault("text that is no UTF-8"))
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], GobError> {
        let taken = self.at.checked_add(n).and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| self.fault("unexpected end"))?;
        self.at += n;
        Ok(taken)
    }

    /// Steps over a value.
    pub(crate) fn skip(&mut self, id: TypeId) -> Result<(), GobError> {
        self.skip_within(id, 0)
    }

    fn skip_within(&mut self, id: TypeId, depth: u32) -> Result<(), GobError> {
        if depth > DEPTH_MAX {
            return Err(self.fault("types nested too deep"));
        }
        match id {
            // bool, int, uint, float
            1..=4 => return self.uint().map(drop),
            // bytes, string
            5 | 6 => return self.bytes().map(drop),
            // complex
            7 => return self.uint().and_then(|_| self.uint()).map(drop),
            _ => {}
        }
        let shape = self.types.get(&id).cloned().ok_or_else(|| self.fault("a value of an unknown type"))?;
        match shape {
            Type::Opaque => drop(self.bytes()?),
            Type::Array(element) | Type::Slice(element) => {
                for _ in 0..self.count()? {
                    self.skip_within(element, depth + 1)?;
                }
            }
            Type::Map { key, value } => {
                for _ in 0..self.count()? {
                    self.skip_within(key, depth + 1)?;
                    self.skip_within(value, depth + 1)?;
                }
            }
            Type::Struct(fields) => {
                let mut field = 0;
                while self.next_field(&mut field)? {
                    let at = usize::try_from(field - 1).ok();
                    let of = at.and_then(|at| fields.get(at)).map(|(_, id)| *id);
                    let of = of.ok_or_else(|| self.fault("a field that its type does not have"))?;
                    self.skip_within(of, depth + 1)?;
                }
            }
        }
        Ok(())
    }

    /// Returns whether a map is one of strings to something, and of what.
    pub(crate) fn string_map(&self, id: TypeId) -> Option<TypeId> {
        match self.types.get(&id) {
            Some(Type::Map { key: STRING, value }) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn is_string(id: TypeId) -> bool {
        id == STRING
    }
}

/// Writes a stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct GobWriter {
    pub(crate) out: Vec<u8>,
}

impl GobWriter {
    pub(crate) fn uint(&mut self, n: u64) {
        if n < 0x80 {
            self.out.push(n as u8);
            return;
        }
        let len = 8 - (n.leading_zeros() / 8) as usize;
        self.out.push((len as u8).wrapping_neg());
        self.out.extend_from_slice(&n.to_be_bytes()[8 - len..]);
    }

    fn int(&mut self, n: i64) {
        self.uint(if n < 0 { (!n as u64) << 1 | 1 } else { (n as u64) << 1 });
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.uint(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    /// Writes one message.
    pub(crate) fn message(&mut self, body: &Self) {
        self.bytes(&body.out);
    }

    /// Defines a type.
    pub(crate) fn define(&mut self, id: TypeId, name: &str, shape: &Type) {
        let mut body = Self::default();
        body.int(-id);
        let kind = match shape {
            Type::Array(_) => 1,
            Type::Slice(_) => 2,
            Type::Struct(_) => 3,
            Type::Map { .. } => 4,
            Type::Opaque => 5,
        };
        body.uint(kind);
        // CommonType: the first field of each kind.
        body.uint(1);
        if !name.is_empty() {
            body.uint(1);
            body.bytes(name.as_bytes());
        }
        body.uint(if name.is_empty() { 2 } else { 1 });
        body.int(id);
        body.uint(0);
        match shape {
            Type::Array(element) | Type::Slice(element) => {
                body.uint(1);
                body.int(*element);
            }
            Type::Map { key, value } => {
                body.uint(1);
                body.int(*key);
                body.uint(1);
                body.int(*value);
            }
            Type::Struct(fields) => {
                body.uint(1);
                body.uint(fields.len() as u64);
                for (name, id) in fields {
                    body.uint(1);
                    body.bytes(name.as_bytes());
                    body.uint(1);
                    body.int(*id);
                    body.uint(0);
                }
            }
            Type::Opaque => {}
        }
        // The kind's struct, and the `wireType` around it.
        body.uint(0);
        body.uint(0);
        self.message(&body);
    }

    /// Begins the body of a value that is no struct.
    pub(crate) fn value(id: TypeId) -> Self {
        let mut body = Self::default();
        body.int(id);
        body.uint(0);
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_gos() {
        let cases: [(u64, &[u8]); 5] = [
            (7, &[7]),
            (127, &[127]),
            (128, &[0xff, 128]),
            (256, &[0xfe, 1, 0]),
            (u64::MAX, &[0xf8, 255, 255, 255, 255, 255, 255, 255, 255]),
        ];
        for (n, want) in cases {
            let mut writer = GobWriter::default();
            writer.uint(n);
            assert_eq!(writer.out, want);
            assert_eq!(GobReader::new(want).uint(), Ok(n));
        }
        for n in [0, 1, -1, 64, -65, i64::MAX, i64::MIN] {
            let mut writer = GobWriter::default();
            writer.int(n);
            assert_eq!(GobReader::new(&writer.out).int(), Ok(n));
        }
        // As Go's documentation has it.
        let mut writer = GobWriter::default();
        writer.int(-65);
        assert_eq!(writer.out, [0xff, 129]);
    }

    #[test]
    fn values_of_any_type_are_stepped_over() {
        let mut writer = GobWriter::default();
        writer.define(66, "S", &Type::Struct(vec![("A".to_owned(), 5), ("B".to_owned(), 67), ("C".to_owned(), 66)]));
        writer.define(67, "", &Type::Map { key: 6, value: 68 });
        writer.define(68, "", &Type::Slice(2));
        let mut body = GobWriter::value(67);
        for n in [1, 1, b'k', 2, 8, 10] {
            body.uint(u64::from(n));
        }
        writer.message(&body);
        let mut reader = GobReader::new(&writer.out);
        let id = reader.next_value().expect("types and a value");
        assert_eq!((id, reader.string_map(id)), (67, Some(68)));
        reader.skip(id).expect("a whole value");
        assert!(reader.is_at_end());
        for end in 0..writer.out.len() {
            let mut cut = GobReader::new(&writer.out[..end]);
            assert!(cut.next_value().and_then(|id| cut.skip(id)).is_err(), "{end}");
        }
    }

    #[test]
    fn endless_types_end() {
        let mut writer = GobWriter::default();
        writer.define(65, "", &Type::Slice(65));
        writer.message(&GobWriter::value(65));
        writer.out.extend([1; 200]);
        let mut reader = GobReader::new(&writer.out);
        let id = reader.next_value().expect("a value");
        assert_eq!(reader.skip(id).expect_err("too deep").why, "types nested too deep");
    }
}
