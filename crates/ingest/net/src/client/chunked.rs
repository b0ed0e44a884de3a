//! Bodies in chunks (RFC 9112, 7.1), put together where they were read.

/// Lengths, extensions and trailers together may take this much beside the data.
const OVERHEAD_MAX: usize = 64 << 10;

/// How far the body has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// In a chunk's length, with so many digits of it read.
    Length {
        value: u64,
        digits: u8,
    },
    /// Behind the length, up to the end of its line.
    Extension {
        value: u64,
    },
    Data {
        left: u64,
    },
    /// At the line break behind a chunk.
    AfterData,
    AfterDataCr,
    /// In the lines behind the last chunk; `empty` while the present one is.
    Trailer {
        empty: bool,
    },
    Done,
}

/// Takes the framing out of a body that arrives piece by piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunked {
    state: State,
    overhead: usize,
}

impl Chunked {
    pub(super) fn new() -> Self {
        Self { state: State::Length { value: 0, digits: 0 }, overhead: 0 }
    }

    /// Returns whether the body is whole.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Replaces what has newly arrived, `bytes[from..]`, by the data in it. Returns how many bytes stood behind the
    /// body's end. The errors are Go's.
    pub(super) fn unwrap(&mut self, bytes: &mut Vec<u8>, from: usize) -> Result<usize, &'static str> {
        let (mut read, mut written) = (from, from);
        while let Some(&b) = bytes.get(read) {
            if let State::Data { left } = self.state {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - read);
                bytes.copy_within(read..read + here, written);
                read += here;
                written += here;
                let left = left - here as u64;
                self.state = if left == 0 { State::AfterData } else { State::Data { left } };
                continue;
            }
            if self.state == State::Done {
                break;
            }
            read += 1;
            self.overhead += 1;
            if self.overhead > OVERHEAD_MAX {
                return Err("chunked encoding contains too much non-data");
            }
            self.state = self.step(b)?;
        }
        let behind = bytes.len() - read;
        bytes.truncate(written);
        Ok(behind)
    }

    fn step(&mut self, b: u8) -> Result<State, &'static str> {
        Ok(match self.state {
            State::Length { value, digits } => match (char::from(b).to_digit(16), b) {
                (Some(_), _) if digits == 16 => return Err("http chunk length too large"),
                (Some(digit), _) => State::Length { value: value << 4 | u64::from(digit), digits: digits + 1 },
                (None, b'\n') if digits > 0 => self.after_length(value),
                (None, b'\r' | b';' | b' ' | b'\t') if digits > 0 => State::Extension { value },
                _ => return Err("invalid byte in chunk length"),
            },
            State::Extension { value } if b == b'\n' => self.after_length(value),
            State::AfterData if b == b'\r' => State::AfterDataCr,
            State::AfterDataCr if b == b'\n' => State::Length { value: 0, digits: 0 },
            State::AfterData | State::AfterDataCr => return Err("malformed chunked encoding"),
            State::Trailer { empty: true } if b == b'\n' => State::Done,
            State::Trailer { .. } if b == b'\n' => State::Trailer { empty: true },
            State::Trailer { empty } => State::Trailer { empty: empty && b == b'\r' },
            same => same,
        })
    }

    fn after_length(&mut self, value: u64) -> State {
        if value == 0 {
            return State::Trailer { empty: true };
        }
        // Many small chunks are slow, not hostile: each pays for its own frame.
        self.overhead = self.overhead.saturating_sub(16 + usize::try_from(value).unwrap_or(usize::MAX) / 2);
        State::Data { left: value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `body` in two pieces, cut at `cut`.
    fn unwrap(body: &[u8], cut: usize) -> Result<(Vec<u8>, bool, usize), &'static str> {
        let mut bytes = b"head".to_vec();
        let mut chunked = Chunked::new();
        let mut behind = 0;
        for piece in [&body[..cut], &body[cut..]] {
            let from = bytes.len();
            bytes.extend_from_slice(piece);
            behind += chunked.unwrap(&mut bytes, from)?;
        }
        assert_eq!(&bytes[..4], b"head");
        Ok((bytes.split_off(4), chunked.is_done(), behind))
    }

    #[test]
    fn bodies_come_together_wherever_they_are_cut() {
        let cases: &[(&str, &str, usize)] = &[
            ("0\r\n\r\n", "", 0),
            ("5\r\nhello\r\n0\r\n\r\n", "hello", 0),
            ("5\r\nhello\r\n0001;a=\"b\"\r\n \r\n6 \r\nworld!\r\n0\r\n\r\n", "hello world!", 0),
            ("A\n0123456789\r\n0\n\n", "0123456789", 0),
            ("1\r\nx\r\n0\r\nDigest: y\r\nOther: z\r\n\r\n", "x", 0),
            ("1\r\nx\r\n0\r\n\r\nHTTP", "x", 4),
        ];
        for &(body, want, want_behind) in cases {
            for cut in 0..=body.len() {
                let (data, done, behind) = unwrap(body.as_bytes(), cut).expect(body);
                assert_eq!((data.as_slice(), done, behind), (want.as_bytes(), true, want_behind), "{body} at {cut}");
            }
        }
    }

    #[test]
    fn a_body_that_stops_is_not_done() {
        let body = b"5\r\nhello\r\n0\r\nA: b\r\n\r\n";
        for end in 0..body.len() {
            let (data, done, _) = unwrap(&body[..end], end / 2).expect("good so far");
            assert!(!done && b"hello".starts_with(&data[..]), "{end}");
        }
    }

    #[test]
    fn bad_frames_are_refused_in_gos_words() {
        let long = format!("1;{}", "x".repeat(OVERHEAD_MAX));
        for (body, want) in [
            ("\r\n", "invalid byte in chunk length"),
            ("x\r\n", "invalid byte in chunk length"),
            ("-1\r\n", "invalid byte in chunk length"),
            ("10000000000000000\r\n", "http chunk length too large"),
            ("1\r\nxy\r\n", "malformed chunked encoding"),
            ("1\r\nx\ry", "malformed chunked encoding"),
            (&long, "chunked encoding contains too much non-data"),
        ] {
            for cut in [0, body.len() / 2, body.len()] {
                assert_eq!(unwrap(body.as_bytes(), cut), Err(want), "{body}");
            }
        }
    }
}
