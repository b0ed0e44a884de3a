//! Asking the kernel's routing tables over netlink, and reading what it answers.

use std::io;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

use crate::CollectError;

pub(crate) const GET_LINK: u16 = 18;
pub(crate) const GET_ADDRESS: u16 = 22;
pub(crate) const GET_NEIGHBOUR: u16 = 30;

pub(crate) const GET_ROUTE: u16 = 26;
pub(crate) const GET_QDISC: u16 = 38;
pub(crate) const SOCK_DIAG_BY_FAMILY: u16 = 20;

/// The protocol of number 0.
const NETLINK_ROUTE: Option<rustix::net::Protocol> = None;
const HEADER_BYTES: usize = 16;
const REQUEST_DUMP: u16 = 0x301;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// The kernel fills as much as the reader offers, up to this (net/netlink/af_netlink.c).
const READ_BYTES: usize = 32 << 10;
/// A bound for what one dump may take: about ten thousand links.
const MOST_BYTES: usize = 64 << 20;

/// Returns the payloads of all messages that answer a dump of this kind, one after the other with their lengths before
/// them. `request` is the fixed part of the message, such as an `ifinfomsg`.
pub(crate) fn dump(kind: u16, request: &[u8]) -> Result<Dump, CollectError> {
    ask(NETLINK_ROUTE, kind, request).map_err(|source| CollectError::System { what: "netlink", source })
}

/// As [`dump`], of sockets.
pub(crate) fn dump_sockets(request: &[u8]) -> Result<Dump, CollectError> {
    let protocol = Some(rustix::net::netlink::SOCK_DIAG);
    ask(protocol, SOCK_DIAG_BY_FAMILY, request).map_err(|source| CollectError::System { what: "netlink", source })
}

/// A family of generic netlink messages, by the number that this kernel gave it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Family(u16);

/// The family that tells of families: its number, command, and what it answers, linux/genetlink.h.
const CONTROL: Family = Family(16);
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
/// A `genlmsghdr`: command, version, two reserved.
const COMMAND_BYTES: usize = 4;

/// Finds a family; `None` where the kernel has none of that name.
pub(crate) fn family(name: &str) -> Result<Option<Family>, CollectError> {
    let families = dump_family(CONTROL, GET_FAMILY, &[])?;
    let mut found =
        families.messages(COMMAND_BYTES).filter(|(_, family)| family.text(FAMILY_NAME).as_deref() == Some(name));
    Ok(found.find_map(|(_, family)| u16_at(family.get(FAMILY_ID)?, 0)).map(Family))
}

/// As [`dump`], of a generic family; the attributes, of four bytes each, say of what.
pub(crate) fn dump_family(family: Family, command: u8, attributes: &[(u16, [u8; 4])]) -> Result<Dump, CollectError> {
    let mut request = vec![command, 1, 0, 0];
    for (kind, bytes) in attributes {
        request.extend_from_slice(&8_u16.to_ne_bytes());
        request.extend_from_slice(&kind.to_ne_bytes());
        request.extend_from_slice(bytes);
    }
    let protocol = Some(rustix::net::netlink::GENERIC);
    ask(protocol, family.0, &request).map_err(|source| CollectError::System { what: "netlink", source })
}

fn ask(protocol: Option<rustix::net::Protocol>, kind: u16, request: &[u8]) -> io::Result<Dump> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
    let mut message = Vec::with_capacity(HEADER_BYTES + request.len());
    message.extend_from_slice(&((HEADER_BYTES + request.len()) as u32).to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(&REQUEST_DUMP.to_ne_bytes());
    message.extend_from_slice(&[0; 8]);
    message.extend_from_slice(request);
    sendto(&socket, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = Dump::default();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let (read, _) = recv(&socket, buffer.as_mut_slice(), RecvFlags::empty())?;
        if read == 0 || answer.0.len() > MOST_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut rest = &buffer[..read];
        while let Some((kind, payload, behind)) = split_message(rest) {
            match kind {
                DONE => return Ok(answer),
                ERROR => {
                    let code = payload.get(..4).and_then(|b| b.try_into().ok()).map_or(0, i32::from_ne_bytes);
                    return Err(io::Error::from_raw_os_error(code.wrapping_neg()));
                }
                _ => answer.push(payload),
            }
            rest = behind;
        }
    }
}

/// Type, payload, and what follows.
fn split_message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = u32_at(bytes, 0)? as usize;
    let kind = u16_at(bytes, 4)?;
    let payload = bytes.get(HEADER_BYTES..length)?;
    Some((kind, payload, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

/// The payloads of a dump.
#[derive(Debug, Default)]
pub(crate) struct Dump(Vec<u8>);

impl Dump {
    pub(crate) fn push(&mut self, payload: &[u8]) {
        self.0.extend_from_slice(&(payload.len() as u32).to_ne_bytes());
        self.0.extend_from_slice(payload);
    }

    /// Returns each payload as its fixed part of `fixed` bytes and the attributes behind it.
    pub(crate) fn messages(&self, fixed: usize) -> impl Iterator<Item = (&[u8], Attributes<'_>)> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || {
            let length = u32_at(rest, 0)? as usize;
            let payload = rest.get(4..4 + length)?;
            rest = &rest[4 + length..];
            Some(payload)
        })
        .filter_map(move |payload| Some((payload.get(..fixed)?, Attributes(payload.get(fixed..)?))))
    }
}

/// Attributes of a message: pairs of type and bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes<'a>(pub(crate) &'a [u8]);

impl<'a> Attributes<'a> {
    /// Returns the bytes of the first attribute of this type.
    pub(crate) fn get(mut self, kind: u16) -> Option<&'a [u8]> {
        self.find(|(k, _)| *k == kind).map(|(_, bytes)| bytes)
    }

    /// Returns a text that ends with a NUL.
    pub(crate) fn text(self, kind: u16) -> Option<String> {
        let bytes = self.get(kind)?;
        Some(String::from_utf8_lossy(bytes.split(|b| *b == 0).next()?).into_owned())
    }

    pub(crate) fn u32(self, kind: u16) -> Option<u32> {
        u32_at(self.get(kind)?, 0)
    }
}

#[expect(clippy::copy_iterator, reason = "a cursor over bytes: who looks twice starts with a copy")]
impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        // Flags say that the attribute is nested or of the network's byte order.
        const TYPE: u16 = 0x3fff;
        let length = u16_at(self.0, 0)? as usize;
        let kind = u16_at(self.0, 2)? & TYPE;
        let bytes = self.0.get(4..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, bytes))
    }
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_loopback() {
        let links = dump(GET_LINK, &[0; 16]).unwrap();
        assert!(links.messages(16).any(|(_, attributes)| attributes.text(3).as_deref() == Some("lo")));
    }

    #[test]
    fn families_are_found_by_name() {
        assert_eq!(family("nlctrl").unwrap().map(|family| family.0), Some(16));
        assert!(family("no such family").unwrap().is_none());
    }

    #[test]
    fn cut_bytes_end_the_walk() {
        let whole = [8, 0, 3, 0, b'l', b'o', 0, 0, 5, 0, 4, 0, 7, 0, 0, 0];
        assert_eq!(Attributes(&whole).count(), 2);
        assert_eq!(Attributes(&whole).text(3).as_deref(), Some("lo"));
        for end in 0..whole.len() {
            assert!(Attributes(&whole[..end]).count() < 3);
        }
        assert_eq!(Attributes(&[0, 0, 1, 0]).count(), 0);
        assert!(split_message(&[200, 0, 0, 0, 1, 0, 0, 0]).is_none());
        assert!(split_message(&[1, 0, 0, 0, 1, 0, 0, 0]).is_none());
    }
}
