//! Asking a network device's driver: the ioctl `SIOCETHTOOL`, which neither std nor rustix has.
#![expect(unsafe_code, reason = "a system call that fills a buffer")]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

// linux/ethtool.h.
const GSET: u32 = 0x01;
const GDRVINFO: u32 = 0x03;
const GSTRINGS: u32 = 0x1b;
const GSTATS: u32 = 0x1d;
const STRINGS_OF_STATS: u32 = 1;
/// The length of each name.
pub(crate) const NAME_BYTES: usize = 32;

/// `SIOCETHTOOL`, linux/sockios.h.
const REQUEST: libc::c_ulong = 0x8946;
/// No answer is longer than this beyond what was asked for: a driver that has more statistics now than a moment ago.
const SLACK_BYTES: usize = 64 << 10;
/// A driver with more statistics than this is not asked for them.
const STATS_MAX: usize = 16 << 10;

/// A socket through which drivers are asked.
#[derive(Debug)]
pub(crate) struct Drivers(OwnedFd);

/// What is known of a link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) supported: u32,
    pub(crate) advertised: u32,
    pub(crate) autonegotiates: bool,
}

/// Who drives a device.
#[derive(Clone, Debug)]
pub(crate) struct Driver {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) firmware_version: String,
    pub(crate) bus_info: String,
    pub(crate) rom_version: String,
    stats: usize,
}

impl Drivers {
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self(socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?))
    }

    /// Sends `request` and returns the buffer, of at least `bytes`, that the driver has written into.
    fn ask(&self, device: &str, request: &[u32], bytes: usize) -> io::Result<Vec<u8>> {
        let mut buffer: Vec<u8> = request.iter().flat_map(|word| word.to_ne_bytes()).collect();
        buffer.resize(bytes + SLACK_BYTES, 0);
        // SAFETY: the structure is integers, arrays and a pointer, for which all bits zero is a value.
        let mut call: libc::ifreq = unsafe { std::mem::zeroed() };
        if device.len() >= call.ifr_name.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        for (to, from) in call.ifr_name.iter_mut().zip(device.bytes()) {
            *to = from.cast_signed() as libc::c_char;
        }
        call.ifr_ifru.ifru_data = buffer.as_mut_ptr().cast();
        // SAFETY: both pointers are to memory of our own that lives on. The kernel writes what the command's structure holds:
        // `bytes`, and for statistics that a driver has gained meanwhile some more, for which there is SLACK_BYTES.
        let done = unsafe { libc::ioctl(self.0.as_raw_fd(), REQUEST as _, &raw mut call) };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(buffer) }
    }

    /// `ETHTOOL_GSET`: what the link supports.
    pub(crate) fn link(&self, device: &str) -> io::Result<Link> {
        const BYTES: usize = 44;
        let answer = self.ask(device, &[GSET], BYTES)?;
        let word = |at: usize| answer.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_ne_bytes);
        // cmd, supported, advertising, speed (2 bytes), duplex, port, phy address, transceiver, autoneg.
        let autonegotiates = answer.get(18).is_some_and(|byte| *byte != 0);
        Ok(Link { supported: word(4), advertised: word(8), autonegotiates })
    }

    /// `ETHTOOL_GDRVINFO`.
    pub(crate) fn driver(&self, device: &str) -> io::Result<Driver> {
        const BYTES: usize = 196;
        let answer = self.ask(device, &[GDRVINFO], BYTES)?;
        // cmd, then five texts of 32 bytes, 12 reserved, counts.
        let text = |at: usize| text_of(answer.get(4 + at * 32..4 + (at + 1) * 32).unwrap_or_default());
        let stats = answer.get(180..184).and_then(|b| b.try_into().ok()).map_or(0, u32::from_ne_bytes);
        Ok(Driver {
            name: text(0),
            version: text(1),
            firmware_version: text(2),
            bus_info: text(3),
            rom_version: text(4),
            stats: stats as usize,
        })
    }

    /// `ETHTOOL_GSTRINGS` and `ETHTOOL_GSTATS`: the driver's own statistics, as many as it told of.
    pub(crate) fn stats(&self, device: &str, driver: &Driver) -> io::Result<Vec<(String, u64)>> {
        const STRINGS_HEAD: usize = 12;
        const STATS_HEAD: usize = 8;
        let count = driver.stats.min(STATS_MAX);
        if count == 0 {
            return Ok(Vec::new());
        }
        let wanted = count as u32;
        let names = self.ask(device, &[GSTRINGS, STRINGS_OF_STATS, wanted], STRINGS_HEAD + count * NAME_BYTES)?;
        let values = self.ask(device, &[GSTATS, wanted], STATS_HEAD + count * 8)?;
        let names = names.get(STRINGS_HEAD..).unwrap_or_default().chunks_exact(NAME_BYTES).map(text_of);
        let values = values.get(STATS_HEAD..).unwrap_or_default().chunks_exact(8);
        let values = values.map(|bytes| bytes.try_into().map_or(0, u64::from_ne_bytes));
        Ok(names.zip(values).take(count).collect())
    }
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}
