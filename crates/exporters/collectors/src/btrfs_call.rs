//! Asking a btrfs of its devices: ioctls that neither std nor rustix has.
#![expect(unsafe_code, reason = "a system call that fills a buffer")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

// linux/btrfs.h: direction, size of the structure, 0x94, number.
const FS_INFO: (libc::c_ulong, usize) = (0x8400_941f, 1024);
const DEVICE_INFO: (libc::c_ulong, usize) = (0xd000_941e, 4096);
const DEVICE_STATS: (libc::c_ulong, usize) = (0xc408_9434, 1032);
/// Of `btrfs_ioctl_dev_info_args`.
const PATH_AT: usize = 3072;
/// Numbers of devices are given in turn and not again; nobody has swapped as many disks.
const DEVICES_MAX: u64 = 4096;

/// What is wrong with a device, in the order of the kernel's counters.
pub(crate) const ERRORS: [&str; 5] = ["write", "read", "flush", "corruption", "generation"];

/// A device of a file system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Device {
    /// Its name below `/dev`.
    pub(crate) name: String,
    pub(crate) uuid: String,
    pub(crate) used_bytes: u64,
    pub(crate) total_bytes: u64,
    /// As [`ERRORS`].
    pub(crate) errors: [u64; 5],
}

/// Returns the identity of the file system that is mounted at `path`, and its devices. Root may ask.
pub(crate) fn devices(path: &Path) -> io::Result<(String, Vec<Device>)> {
    let file = File::open(path)?;
    let info = ask(&file, FS_INFO, 0, 0)?;
    let (last, count) = (number(&info, 0), number(&info, 1));
    let mut devices = Vec::new();
    for id in 0..=last.min(DEVICES_MAX) {
        let device = match ask(&file, DEVICE_INFO, id, 0) {
            Ok(device) => device,
            // Devices that were taken out leave gaps.
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => continue,
            Err(error) => return Err(error),
        };
        let stats = ask(&file, DEVICE_STATS, id, ERRORS.len() as u64)?;
        devices.push(device_of(&device, &stats));
        if devices.len() as u64 == count {
            break;
        }
    }
    Ok((uuid(&info, 16), devices))
}

/// Calls with a structure that begins with these two numbers, and returns it as the kernel has filled it.
fn ask(file: &File, (request, bytes): (libc::c_ulong, usize), first: u64, second: u64) -> io::Result<Vec<u8>> {
    let mut buffer = [first.to_ne_bytes(), second.to_ne_bytes()].concat();
    buffer.resize(bytes, 0);
    // SAFETY: the buffer has as many bytes as the request's number says that the structure has.
    let done = unsafe { libc::ioctl(file.as_raw_fd(), request as _, buffer.as_mut_ptr()) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(buffer) }
}

fn device_of(info: &[u8], stats: &[u8]) -> Device {
    let path = info.get(PATH_AT..).unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default();
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    Device {
        name: String::from_utf8_lossy(name).into_owned(),
        uuid: uuid(info, 8),
        used_bytes: number(info, 3),
        total_bytes: number(info, 4),
        errors: std::array::from_fn(|at| number(stats, 3 + at)),
    }
}

/// Returns the number at a place, counted in numbers.
fn number(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at * 8..(at + 1) * 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_ne_bytes)
}

fn uuid(bytes: &[u8], at: usize) -> String {
    let mut text = String::new();
    for (n, byte) in bytes.get(at..at + 16).unwrap_or_default().iter().enumerate() {
        if matches!(n, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_are_read_where_the_kernel_puts_them() {
        let mut info = vec![0; DEVICE_INFO.1];
        info[8..24].copy_from_slice(&(0..16).collect::<Vec<u8>>());
        info[24..32].copy_from_slice(&7_u64.to_ne_bytes());
        info[32..40].copy_from_slice(&9_u64.to_ne_bytes());
        info[PATH_AT..PATH_AT + 8].copy_from_slice(b"/dev/sdb");
        let mut stats = vec![0; DEVICE_STATS.1];
        for (at, value) in (24..64).step_by(8).zip(1_u64..) {
            stats[at..at + 8].copy_from_slice(&value.to_ne_bytes());
        }
        let want = Device {
            name: "sdb".into(),
            uuid: "00010203-0405-0607-0809-0a0b0c0d0e0f".into(),
            used_bytes: 7,
            total_bytes: 9,
            errors: [1, 2, 3, 4, 5],
        };
        assert_eq!(device_of(&info, &stats), want);
        assert_eq!(device_of(&[], &[]).uuid, "");
    }

    #[test]
    fn what_is_no_btrfs_refuses() {
        assert!(devices(Path::new("/proc")).is_err());
        assert!(devices(Path::new("/nowhere/at/all")).is_err());
    }
}
