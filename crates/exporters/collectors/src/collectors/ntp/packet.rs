//! The packet of NTP (RFC 5905, "7.3"): a question, and what is made of its answer.

use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

const BYTES: usize = 48;
const CLIENT: u8 = 3;
const SERVER: u8 = 4;
/// 1970 in seconds since 1900.
const UNIX_SECONDS: u64 = 2_208_988_800;
/// The first second of era 1, since 1970: in 2036 the 32 bits are over.
const ERA_1_SECONDS: i64 = 2_085_978_496;
const SECOND_NS: i64 = 1_000_000_000;
const STRATUM_MAX: u8 = 16;
const NOT_SYNCHRONISED: u8 = 3;
const DISPERSION_MAX_NS: i64 = 16 * SECOND_NS;
/// The longest interval at which a server asks its own.
const POLL_MAX_NS: i64 = (1 << 17) * SECOND_NS;

/// Seconds since 1900 in 32 bits, and as many of their fraction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct NtpTime(u64);

impl From<SystemTime> for NtpTime {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let fraction = ((u128::from(since.subsec_nanos()) << 32) + 500_000_000) / 1_000_000_000;
        Self(((since.as_secs() + UNIX_SECONDS) << 32).wrapping_add(fraction as u64))
    }
}

impl NtpTime {
    /// Takes it for a length of time, in nanoseconds.
    fn length_ns(self) -> i64 {
        fixed_ns(self.0 >> 32, self.0 & 0xffff_ffff, 32)
    }

    /// Nanoseconds since 1970; times before that are of era 1.
    fn unix_ns(self) -> i64 {
        if (self.0 >> 32) < UNIX_SECONDS {
            return self.length_ns() + ERA_1_SECONDS * SECOND_NS;
        }
        self.length_ns() - UNIX_SECONDS as i64 * SECOND_NS
    }

    /// How much later it is than `other`, in units of 2⁻³² seconds; right across the end of an era.
    fn since(self, other: Self) -> i64 {
        self.0.wrapping_sub(other.0).cast_signed()
    }
}

/// Whole seconds and a fraction of `bits` bits, rounded as the reference's client does.
fn fixed_ns(seconds: u64, fraction: u64, bits: u32) -> i64 {
    let scaled = fraction * SECOND_NS as u64;
    let rest = scaled & ((1 << bits) - 1);
    let whole = (scaled >> bits) + u64::from(rest >= 1 << (bits - 1));
    (seconds * SECOND_NS as u64 + whole).cast_signed()
}

/// A length of 16 bits of seconds and as many of their fraction.
fn short_ns(bits: u32) -> i64 {
    fixed_ns(u64::from(bits >> 16), u64::from(bits & 0xffff), 16)
}

/// A length from a difference of times, which may be negative.
fn difference_ns(units: i64) -> i64 {
    let length = NtpTime(units.unsigned_abs()).length_ns();
    if units < 0 { -length } else { length }
}

/// What is asked: nothing but a number that the answer has to carry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    version: u8,
    nonce: u64,
}

/// What a server says of itself and of our clock. Lengths and times in nanoseconds, times since 1970.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Answer {
    pub(super) stratum: u8,
    pub(super) leap: u8,
    /// The server's clock when it answered.
    pub(super) time_ns: i64,
    /// When its clock was last set.
    pub(super) reference_ns: i64,
    pub(super) root_delay_ns: i64,
    pub(super) root_dispersion_ns: i64,
    /// How far its clock is ahead of ours.
    pub(super) offset_ns: i64,
    pub(super) round_trip_ns: i64,
    /// By how much the clocks contradict each other at least.
    pub(super) least_error_ns: i64,
}

impl Question {
    pub(super) fn new(version: u8) -> Self {
        // Hard to guess for whoever does not see it; no time of ours, which would tell others about our clock.
        Self { version, nonce: RandomState::new().hash_one(version) }
    }

    pub(super) fn bytes(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[0] = self.version << 3 | CLIENT;
        // The precision that the reference's client claims.
        bytes[3] = 0x20;
        bytes[40..].copy_from_slice(&self.nonce.to_be_bytes());
        bytes
    }

    /// Reads an answer to what was sent and received at these times of our clock. Errors in the reference's words.
    pub(super) fn answer(&self, bytes: &[u8], sent: NtpTime, received: NtpTime) -> Result<Answer, &'static str> {
        let Some(head) = bytes.first_chunk::<BYTES>() else { return Err("unexpected EOF") };
        let long = |at: usize| head.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_be_bytes);
        let short = |at: usize| head.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes);
        let (reference, origin) = (NtpTime(long(16)), long(24));
        let (arrived, answered) = (NtpTime(long(32)), NtpTime(long(40)));
        if head[0] & 7 != SERVER {
            return Err("invalid mode in response");
        }
        if answered == NtpTime(0) {
            return Err("invalid transmit time in response");
        }
        if origin != self.nonce {
            return Err("server response didn't match request");
        }
        if arrived > answered {
            return Err("server clock ticked backwards");
        }
        let (there, back) = (arrived.since(sent), answered.since(received));
        let trip = received.since(sent).wrapping_sub(answered.since(arrived)).max(0);
        let later = |a: NtpTime, b: NtpTime| if a >= b { NtpTime(a.0 - b.0).length_ns() } else { 0 };
        Ok(Answer {
            stratum: head[1],
            leap: head[0] >> 6,
            time_ns: answered.unix_ns(),
            reference_ns: reference.unix_ns(),
            root_delay_ns: short_ns(short(4)),
            root_dispersion_ns: short_ns(short(8)),
            offset_ns: difference_ns(there.wrapping_add(back.wrapping_sub(there) / 2)),
            round_trip_ns: difference_ns(trip),
            least_error_ns: later(sent, arrived).max(later(answered, received)),
        })
    }
}

impl Answer {
    /// Whether a second will be put in or left out at midnight.
    pub(super) fn announces_leap(&self) -> bool {
        matches!(self.leap, 1 | 2)
    }

    /// Whether the server's clock is of use.
    pub(super) fn is_valid(&self) -> bool {
        self.stratum != 0
            && self.stratum < STRATUM_MAX
            && self.time_ns.saturating_sub(self.reference_ns) <= POLL_MAX_NS
            && self.root_delay_ns / 2 + self.root_dispersion_ns <= DISPERSION_MAX_NS
            && self.time_ns >= self.reference_ns
            && self.leap != NOT_SYNCHRONISED
    }

    /// The greatest error relative to the first server of the chain.
    pub(super) fn root_distance_ns(&self) -> i64 {
        self.round_trip_ns.saturating_add(self.root_delay_ns) / 2 + self.root_dispersion_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: Question = Question { version: 4, nonce: 0x0102_0304_0506_0708 };
    /// 2023-11-14 22:13:20 since 1900.
    const NOW: u64 = 1_700_000_000 + UNIX_SECONDS;

    fn packet(first: u8, stratum: u8, times: [u64; 4]) -> Vec<u8> {
        let mut bytes = vec![first, stratum, 6, 0xec];
        // Root delay 1.5 s, root dispersion 2⁻¹⁶ s, an identity.
        bytes.extend_from_slice(&0x0001_8000_u32.to_be_bytes());
        bytes.extend_from_slice(&1_u32.to_be_bytes());
        bytes.extend_from_slice(b"LOCL");
        for time in times {
            bytes.extend_from_slice(&time.to_be_bytes());
        }
        bytes
    }

    #[test]
    fn an_answer_tells_offset_and_round_trip() {
        let (sent, received) = (NtpTime(NOW << 32), NtpTime((NOW << 32) + (1 << 31)));
        // Half a second under way in all; the server is 10 s ahead and took an eighth.
        let arrived = ((NOW + 10) << 32) + (3 << 28);
        let answered = arrived + (1 << 29);
        let times = [(NOW - 100) << 32, QUESTION.nonce, arrived, answered];
        let bytes = packet(0x40 | 4 << 3 | SERVER, 3, times);
        let want = Answer {
            stratum: 3,
            leap: 1,
            time_ns: 1_700_000_010_312_500_000,
            reference_ns: 1_699_999_900_000_000_000,
            root_delay_ns: 1_500_000_000,
            root_dispersion_ns: 15_259,
            offset_ns: 10_000_000_000,
            round_trip_ns: 375_000_000,
            least_error_ns: 9_812_500_000,
        };
        assert_eq!(QUESTION.answer(&bytes, sent, received), Ok(want.clone()));
        assert!(want.is_valid() && want.announces_leap());
        assert_eq!(want.root_distance_ns(), 937_515_259);
        for end in 0..BYTES {
            assert_eq!(QUESTION.answer(&bytes[..end], sent, received), Err("unexpected EOF"));
        }
    }

    #[test]
    fn what_is_no_answer_is_refused_in_the_references_words() {
        let (now, nonce) = (NOW << 32, QUESTION.nonce);
        let cases = [
            (CLIENT, [0, nonce, now, now], "invalid mode in response"),
            (SERVER, [0, nonce, now, 0], "invalid transmit time in response"),
            (SERVER, [0, 1, now, now], "server response didn't match request"),
            (SERVER, [0, nonce, now + 1, now], "server clock ticked backwards"),
        ];
        for (first, times, words) in cases {
            assert_eq!(QUESTION.answer(&packet(first, 1, times), NtpTime(now), NtpTime(now)), Err(words));
        }
    }

    #[test]
    fn answers_that_are_of_no_use() {
        let good = Answer { stratum: 1, time_ns: SECOND_NS, ..Answer::default() };
        assert!(good.is_valid());
        let bad = [
            Answer { stratum: 0, ..good.clone() },
            Answer { stratum: 16, ..good.clone() },
            Answer { reference_ns: 2 * SECOND_NS, ..good.clone() },
            Answer { time_ns: POLL_MAX_NS + 1, ..good.clone() },
            Answer { root_dispersion_ns: DISPERSION_MAX_NS + 1, ..good.clone() },
            Answer { leap: NOT_SYNCHRONISED, ..good.clone() },
        ];
        assert!(bad.iter().all(|answer| !answer.is_valid()));
    }

    #[test]
    fn eras_and_extremes() {
        assert_eq!(NtpTime(0).unix_ns(), ERA_1_SECONDS * SECOND_NS);
        assert_eq!(NtpTime(UNIX_SECONDS << 32).unix_ns(), 0);
        assert_eq!(NtpTime::from(UNIX_EPOCH), NtpTime(UNIX_SECONDS << 32));
        let extremes = [0, 1, u64::MAX, 1 << 63];
        for times in extremes.iter().flat_map(|a| extremes.iter().map(move |b| (*a, *b))) {
            let bytes = packet(SERVER, 1, [times.0, QUESTION.nonce, 0, times.1.max(1)]);
            for (sent, received) in [(0, u64::MAX), (u64::MAX, 0), (1 << 63, 0)] {
                // No overflow, whatever the clocks say.
                let answer = QUESTION.answer(&bytes, NtpTime(sent), NtpTime(received)).unwrap();
                let _distance = (answer.root_distance_ns(), answer.is_valid());
            }
        }
    }
}
