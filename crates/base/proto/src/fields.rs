//! One message as a run of fields, each a slice or a number; unknown ones are stepped over.

use crate::WireError;

/// A field's value, by wire type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
    /// A group, whose fields were skipped.
    Group,
}

impl<'a> Wire<'a> {
    fn number(self) -> u8 {
        match self {
            Self::Varint(_) => 0,
            Self::Fixed64(_) => 1,
            Self::Bytes(_) => 2,
            Self::Group => 3,
            Self::Fixed32(_) => 5,
        }
    }

    #[cold]
    fn wrong(self, field: &'static str) -> WireError {
        WireError::WrongWireType { wire: self.number(), field }
    }

    /// Returns the bytes of a string, a message or packed numbers. `field` is the name that an error gives.
    #[inline]
    pub fn bytes(self, field: &'static str) -> Result<&'a [u8], WireError> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(self.wrong(field)) }
    }

    /// Returns an integer, not yet unfolded from zigzag.
    #[inline]
    pub fn varint(self, field: &'static str) -> Result<u64, WireError> {
        if let Self::Varint(n) = self { Ok(n) } else { Err(self.wrong(field)) }
    }

    /// Returns a double.
    #[inline]
    pub fn double(self, field: &'static str) -> Result<f64, WireError> {
        if let Self::Fixed64(bits) = self { Ok(f64::from_bits(bits)) } else { Err(self.wrong(field)) }
    }

    /// Calls `each` with every number of a repeated integer field, packed or not.
    #[inline]
    pub fn varints(self, field: &'static str, mut each: impl FnMut(u64)) -> Result<(), WireError> {
        match self {
            Self::Varint(n) => each(n),
            Self::Bytes(mut packed) => {
                while !packed.is_empty() {
                    each(take_varint(&mut packed)?);
                }
            }
            _ => return Err(self.wrong(field)),
        }
        Ok(())
    }

    /// Calls `each` with every number of a repeated double field, packed or not.
    pub fn doubles(self, field: &'static str, mut each: impl FnMut(f64)) -> Result<(), WireError> {
        match self {
            Self::Fixed64(bits) => each(f64::from_bits(bits)),
            Self::Bytes(packed) => {
                let (numbers, rest) = packed.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(WireError::UnexpectedEof);
                }
                for n in numbers {
                    each(f64::from_le_bytes(*n));
                }
            }
            _ => return Err(self.wrong(field)),
        }
        Ok(())
    }
}

/// Unfolds a zigzag integer.
#[inline]
pub fn zigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

/// Takes a varint from the front.
#[inline]
pub fn take_varint(bytes: &mut &[u8]) -> Result<u64, WireError> {
    match **bytes {
        [a, ref rest @ ..] if a < 0x80 => {
            *bytes = rest;
            Ok(u64::from(a))
        }
        [a, b, ref rest @ ..] if b < 0x80 => {
            *bytes = rest;
            Ok(u64::from(a & 0x7f) | u64::from(b) << 7)
        }
        _ => take_long_varint(bytes),
    }
}

#[inline]
fn take_long_varint(bytes: &mut &[u8]) -> Result<u64, WireError> {
    let mut value = 0;
    for (i, &byte) in bytes.iter().enumerate() {
        // Go keeps the low bits of a tenth byte that says too much; an eleventh is an overflow.
        if i == 10 {
            return Err(WireError::Overflow);
        }
        value |= u64::from(byte & 0x7f).checked_shl(7 * i as u32).unwrap_or(0);
        if byte < 0x80 {
            *bytes = &bytes[i + 1..];
            return Ok(value);
        }
    }
    Err(if bytes.len() >= 10 { WireError::Overflow } else { WireError::UnexpectedEof })
}

#[inline]
fn take<'a>(bytes: &mut &'a [u8], n: usize) -> Result<&'a [u8], WireError> {
    let (taken, rest) = bytes.split_at_checked(n).ok_or(WireError::UnexpectedEof)?;
    *bytes = rest;
    Ok(taken)
}

/// Takes bytes that a varint length goes before.
#[inline]
pub fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], WireError> {
    let len = take_varint(bytes)?;
    take(bytes, usize::try_from(len).map_err(|_| WireError::UnexpectedEof)?)
}

/// The fields of one message.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
    /// The message's name, for errors.
    message: &'static str,
}

impl<'a> Fields<'a> {
    /// Reads `bytes` as the message that errors name.
    pub fn new(message: &'static str, bytes: &'a [u8]) -> Self {
        Self { rest: bytes, message }
    }

    /// Returns what has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Returns the next field's number and value; `None` at the end.
    #[inline]
    pub fn next_field(&mut self) -> Result<Option<(u32, Wire<'a>)>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = take_varint(&mut self.rest)?;
        let wire = (tag & 7) as u8;
        let number = (tag >> 3) as i32;
        if wire == 4 {
            return Err(WireError::EndGroup { message: self.message });
        }
        if number <= 0 {
            return Err(WireError::IllegalTag { message: self.message, tag: number, wire });
        }
        let value = self.value(wire)?;
        Ok(Some((number as u32, value)))
    }

    #[inline]
    fn value(&mut self, wire: u8) -> Result<Wire<'a>, WireError> {
        Ok(match wire {
            0 => Wire::Varint(take_varint(&mut self.rest)?),
            1 => match self.rest.split_first_chunk::<8>() {
                Some((bytes, rest)) => {
                    self.rest = rest;
                    Wire::Fixed64(u64::from_le_bytes(*bytes))
                }
                None => return Err(WireError::UnexpectedEof),
            },
            2 => Wire::Bytes(take_bytes(&mut self.rest)?),
            3 => {
                self.skip_group(0)?;
                Wire::Group
            }
            5 => match self.rest.split_first_chunk::<4>() {
                Some((bytes, rest)) => {
                    self.rest = rest;
                    Wire::Fixed32(u32::from_le_bytes(*bytes))
                }
                None => return Err(WireError::UnexpectedEof),
            },
            other => return Err(WireError::IllegalWireType(other)),
        })
    }

    #[cold]
    fn skip_group(&mut self, depth: u32) -> Result<(), WireError> {
        if depth > 64 {
            return Err(WireError::TooDeep);
        }
        loop {
            let wire = (take_varint(&mut self.rest)? & 7) as u8;
            match wire {
                3 => self.skip_group(depth + 1)?,
                4 => return Ok(()),
                _ => drop(self.value(wire)?),
            }
        }
    }
}
