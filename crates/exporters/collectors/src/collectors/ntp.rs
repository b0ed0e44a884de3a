//! How sane a time server is, by one question of it (SNTP, RFC 4330): meant for the one on this machine.

mod packet;

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::{Duration, SystemTime};

use firesteel_cli::{FlagDef, FlagKind};
use parking_lot::Mutex;

use self::packet::{Answer, NtpTime, Question};
use crate::{CollectError, Collector, FilterError, HostRoots, MetricSink, Settings};

const SERVER: &str = "collector.ntp.server";
const PORT: &str = "collector.ntp.server-port";
const VERSION: &str = "collector.ntp.protocol-version";
const IS_LOCAL: &str = "collector.ntp.server-is-local";
const TTL: &str = "collector.ntp.ip-ttl";
const MAX_DISTANCE: &str = "collector.ntp.max-distance";
const TOLERANCE: &str = "collector.ntp.local-offset-tolerance";

#[rustfmt::skip]
pub(super) const FLAGS: &[FlagDef] = &[
    FlagDef::new(SERVER, FlagKind::Text, "NTP server to use for ntp collector").default(&["127.0.0.1"]),
    FlagDef::new(PORT, FlagKind::Int, "UDP port number to connect to on NTP server").default(&["123"]),
    FlagDef::new(VERSION, FlagKind::Int, "NTP protocol version").default(&["4"]),
    FlagDef::new(IS_LOCAL, FlagKind::Bool, "Certify that collector.ntp.server address is not a public ntp server"),
    FlagDef::new(TTL, FlagKind::Int, "IP TTL to use while sending NTP query").default(&["1"]),
    FlagDef::new(MAX_DISTANCE, FlagKind::GoDuration, "Max accumulated distance to the root").default(&["3.46608s"]),
    FlagDef::new(TOLERANCE, FlagKind::GoDuration, "Offset between local clock and local ntpd time to tolerate").default(&["1ms"]),
];

/// As `ntpdate`.
const PATIENCE: Duration = Duration::from_secs(1);
const DAY_NS: i64 = 86_400_000_000_000;
const SECOND_NS: i64 = 1_000_000_000;

#[derive(Debug)]
pub(crate) struct Ntp {
    /// Host and port.
    server: String,
    version: u8,
    /// 0 leaves the system's.
    ttl: u32,
    max_distance_ns: i64,
    tolerance_ns: i64,
    /// The midnight at which a leap second falls, once the server told of one: it says so no more afterwards.
    leap_midnight_ns: Mutex<Option<i64>>,
}

impl Ntp {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        let refused = |flag: &'static str, what: String| Err(FilterError::Value { flag, what });
        let server = settings.text(SERVER);
        let is_loopback = server.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if !settings.bool(IS_LOCAL) && !is_loopback {
            return refused(
                SERVER,
                "only IP address of local NTP server is valid for --collector.ntp.server".to_owned(),
            );
        }
        let Ok(version @ 2..=4) = settings.text(VERSION).parse() else {
            let given = settings.text(VERSION);
            return refused(VERSION, format!("invalid NTP protocol version {given}; must be 2, 3, or 4"));
        };
        if settings.text(TOLERANCE).starts_with('-') {
            return refused(TOLERANCE, "offset tolerance must be non-negative".to_owned());
        }
        let Ok(port @ 1..) = settings.text(PORT).parse() else {
            let given = settings.text(PORT);
            return refused(PORT, format!("invalid NTP port number {given}; must be between 1 and 65535 inclusive"));
        };
        let ns = |flag| i64::try_from(settings.duration(flag).as_nanos()).unwrap_or(i64::MAX);
        Ok(Self {
            server: with_port(server, port),
            version,
            ttl: settings.text(TTL).parse().unwrap_or(1),
            max_distance_ns: ns(MAX_DISTANCE),
            tolerance_ns: ns(TOLERANCE),
            leap_midnight_ns: Mutex::default(),
        })
    }

    fn ask(&self) -> io::Result<Answer> {
        let address = self.server.to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
        let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
        let socket = UdpSocket::bind(any)?;
        if self.ttl != 0 {
            if address.is_ipv4() {
                socket.set_ttl(self.ttl)?;
            } else {
                rustix::net::sockopt::set_ipv6_unicast_hops(&socket, u8::try_from(self.ttl).ok())?;
            }
        }
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.connect(address)?;
        let question = Question::new(self.version);
        let sent = NtpTime::from(SystemTime::now());
        socket.send(&question.bytes())?;
        let mut bytes = [0; 8192];
        let read = socket.recv(&mut bytes)?;
        // The clock may have been set back in between.
        let received = NtpTime::from(SystemTime::now()).max(sent);
        question.answer(bytes.get(..read).unwrap_or_default(), sent, received).map_err(io::Error::other)
    }

    /// Returns whether the answer fits the rules of RFC 5905 and the limits of the flags.
    fn is_sane(&self, answer: &Answer) -> bool {
        let mut tolerance_ns = self.tolerance_ns;
        let mut midnight = self.leap_midnight_ns.lock();
        if answer.announces_leap() {
            *midnight = Some(answer.time_ns.div_euclid(DAY_NS).saturating_add(1).saturating_mul(DAY_NS));
        }
        // A leap second may be smeared over the day before and the day after.
        if midnight.is_some_and(|at| at.saturating_sub(answer.time_ns).saturating_abs() < DAY_NS) {
            tolerance_ns = tolerance_ns.saturating_add(SECOND_NS);
        }
        answer.is_valid() && answer.root_distance_ns() <= self.max_distance_ns && answer.least_error_ns <= tolerance_ns
    }
}

impl Collector for Ntp {
    fn collect(&self, _: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let failed = |source| CollectError::System { what: "couldn't get SNTP reply", source };
        let answer = self.ask().map_err(failed)?;
        let sanity = f64::from(u8::from(self.is_sane(&answer)));
        for (name, help, value) in [
            ("ntp_stratum", "NTPD stratum.", f64::from(answer.stratum)),
            ("ntp_leap", "NTPD leap second indicator, 2 bits.", f64::from(answer.leap)),
            ("ntp_rtt_seconds", "RTT to NTPD.", seconds(answer.round_trip_ns)),
            ("ntp_offset_seconds", "ClockOffset between NTP and local clock.", seconds(answer.offset_ns)),
            (
                "ntp_reference_timestamp_seconds",
                "NTPD ReferenceTime, UNIX timestamp.",
                // A server that was never set has one before the epoch.
                if answer.reference_ns >= SECOND_NS { answer.reference_ns as f64 / 1e9 } else { 0.0 },
            ),
            ("ntp_root_delay_seconds", "NTPD RootDelay.", seconds(answer.root_delay_ns)),
            ("ntp_root_dispersion_seconds", "NTPD RootDispersion.", seconds(answer.root_dispersion_ns)),
            ("ntp_sanity", "NTPD sanity according to RFC5905 heuristics and configured limits.", sanity),
        ] {
            out.gauge(name, help, &[], value);
        }
        Ok(())
    }
}

/// As Go's `Duration.Seconds`: whole seconds and the rest are added.
fn seconds(ns: i64) -> f64 {
    (ns / SECOND_NS) as f64 + (ns % SECOND_NS) as f64 / 1e9
}

/// Adds the port where the address has none.
fn with_port(server: &str, port: u16) -> String {
    let is_bare_v6 = server.parse::<std::net::Ipv6Addr>().is_ok();
    match (is_bare_v6, server.rsplit_once(':')) {
        (true, _) => format!("[{server}]:{port}"),
        (false, Some((_, behind))) if behind.parse::<u16>().is_ok() => server.to_owned(),
        _ => format!("{server}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_get_their_port() {
        let cases = [
            ("127.0.0.1", "127.0.0.1:123"),
            ("::1", "[::1]:123"),
            ("[::1]", "[::1]:123"),
            ("[::1]:7", "[::1]:7"),
            ("time.example", "time.example:123"),
            ("time.example:99", "time.example:99"),
        ];
        for (server, want) in cases {
            assert_eq!(with_port(server, 123), want);
        }
    }

    #[test]
    fn settings_that_do_not_fit_are_refused_in_the_references_words() {
        let cases = [
            (SERVER, "192.0.2.1", "only IP address of local NTP server is valid for --collector.ntp.server"),
            (SERVER, "localhost", "only IP address of local NTP server is valid for --collector.ntp.server"),
            (VERSION, "5", "invalid NTP protocol version 5; must be 2, 3, or 4"),
            (TOLERANCE, "-1ms", "offset tolerance must be non-negative"),
            (PORT, "0", "invalid NTP port number 0; must be between 1 and 65535 inclusive"),
            (PORT, "65536", "invalid NTP port number 65536; must be between 1 and 65535 inclusive"),
        ];
        for (flag, value, words) in cases {
            let error = Ntp::new(&Settings::default().with(flag, value)).unwrap_err();
            assert_eq!(error.to_string(), format!("--{flag}: {words}"));
        }
        assert!(Ntp::new(&Settings::default().with(SERVER, "192.0.2.1").with(IS_LOCAL, "true")).is_ok());
    }

    #[test]
    fn a_leap_second_is_tolerated_on_both_sides_of_its_midnight() {
        let ntp = Ntp::new(&Settings::default()).unwrap();
        let noon = 19_000 * DAY_NS + DAY_NS / 2;
        let answer = |leap, time_ns| Answer {
            stratum: 2,
            leap,
            time_ns,
            reference_ns: time_ns - SECOND_NS,
            least_error_ns: SECOND_NS,
            ..Answer::default()
        };
        assert!(!ntp.is_sane(&answer(0, noon)), "a second is more than 1 ms");
        assert!(ntp.is_sane(&answer(1, noon)), "told of");
        assert!(ntp.is_sane(&answer(0, noon + DAY_NS)), "the day after");
        assert!(!ntp.is_sane(&answer(0, noon + 2 * DAY_NS)), "long over");
    }
}
