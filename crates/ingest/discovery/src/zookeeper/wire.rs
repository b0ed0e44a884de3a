//! Messages of ZooKeeper's protocol (jute): big-endian numbers, texts and lists behind their length.

/// A message that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Builds one request.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    /// Begins a frame: the length is filled in at the end.
    pub(crate) fn frame() -> Self {
        Self(vec![0; 4])
    }

    pub(crate) fn int(mut self, value: i32) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn long(mut self, value: i64) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn boolean(mut self, value: bool) -> Self {
        self.0.push(u8::from(value));
        self
    }

    pub(crate) fn bytes(mut self, value: &[u8]) -> Self {
        let length = i32::try_from(value.len()).unwrap_or(i32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(value);
        self
    }

    /// Returns the whole frame.
    pub(crate) fn done(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len().saturating_sub(4)).unwrap_or(u32::MAX);
        if let Some(head) = self.0.get_mut(..4) {
            head.copy_from_slice(&length.to_be_bytes());
        }
        self.0
    }
}

/// Reads one answer.
#[derive(Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn int(&mut self) -> Result<i32, Malformed> {
        self.take(4)?.try_into().map(i32::from_be_bytes).map_err(|_| Malformed)
    }

    pub(crate) fn long(&mut self) -> Result<i64, Malformed> {
        self.take(8)?.try_into().map(i64::from_be_bytes).map_err(|_| Malformed)
    }

    /// A length of -1 is nothing.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        match self.int()? {
            -1 => Ok(&[]),
            length => self.take(usize::try_from(length).map_err(|_| Malformed)?),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String, Malformed> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|_| Malformed)
    }

    pub(crate) fn texts(&mut self) -> Result<Vec<String>, Malformed> {
        let count = self.int()?.max(0);
        // Memory grows with what is there, not with what is announced.
        (0..count).map(|_| self.text()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let frame = Writer::frame().int(-2).long(7).boolean(true).bytes(b"/a").done();
        assert_eq!(frame, b"\0\0\0\x13\xff\xff\xff\xfe\0\0\0\0\0\0\0\x07\x01\0\0\0\x02/a");
        let mut reader = Reader(&frame[4..]);
        assert_eq!((reader.int(), reader.long()), (Ok(-2), Ok(7)));
        assert_eq!(reader.take(1), Ok(&[1][..]));
        assert_eq!(reader.text(), Ok("/a".to_owned()));
        assert_eq!(reader.int(), Err(Malformed));
    }

    #[test]
    fn lengths_that_lie_are_no_memory() {
        assert_eq!(Reader(b"\x7f\xff\xff\xff\0\0").bytes(), Err(Malformed));
        assert_eq!(Reader(b"\x7f\xff\xff\xff\0\0\0\x01a").texts(), Err(Malformed));
        assert_eq!(Reader(b"\xff\xff\xff\xff").bytes(), Ok(&[][..]));
        assert_eq!(Reader(b"\xff\xff\xff\xfe").bytes(), Err(Malformed));
    }
}
