//! The alternative names of a certificate: just enough DER to walk to the one extension that holds them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// 2.5.29.17, `subjectAltName`.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const SEQUENCE: u8 = 0x30;
const OBJECT_ID: u8 = 0x06;
const BOOLEAN: u8 = 0x01;
const OCTETS: u8 = 0x04;
/// `[3]`, the extensions of a certificate's body.
const EXTENSIONS: u8 = 0xa3;

/// Returns DNS names, mail addresses, URIs and IP addresses, as Go prints them. What is not a certificate has none.
pub(crate) fn alternative_names(certificate: &[u8]) -> Vec<String> {
    names(certificate).unwrap_or_default()
}

fn names(certificate: &[u8]) -> Option<Vec<String>> {
    let mut certificate = Der(Der(certificate).take(SEQUENCE)?);
    let mut body = Der(certificate.take(SEQUENCE)?);
    let mut extensions = loop {
        let (tag, value) = body.next()?;
        if tag == EXTENSIONS {
            break Der(Der(value).take(SEQUENCE)?);
        }
    };
    while let Some((SEQUENCE, extension)) = extensions.next() {
        let mut extension = Der(extension);
        if extension.take(OBJECT_ID)? != SUBJECT_ALT_NAME {
            continue;
        }
        let (mut tag, mut value) = extension.next()?;
        if tag == BOOLEAN {
            (tag, value) = extension.next()?;
        }
        if tag != OCTETS {
            return None;
        }
        let mut general = Der(Der(value).take(SEQUENCE)?);
        let mut found = Vec::new();
        while let Some((tag, value)) = general.next() {
            match tag {
                // [1] rfc822Name, [2] dNSName, [6] uniformResourceIdentifier.
                0x81 | 0x82 | 0x86 => found.push(String::from_utf8_lossy(value).into_owned()),
                // [7] iPAddress.
                0x87 => found.extend(address(value)),
                _ => {}
            }
        }
        return Some(found);
    }
    None
}

fn address(bytes: &[u8]) -> Option<String> {
    let address: IpAddr = match bytes.len() {
        4 => Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into(),
        _ => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into(),
    };
    Some(address.to_canonical().to_string())
}

/// A run of DER values.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// Returns tag and contents of the next value.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], mut rest) = self.0.split_first_chunk::<2>()?;
        let mut length = usize::from(first & 0x7f);
        if first & 0x80 != 0 {
            // A certificate's lengths fit four bytes.
            if !(1..=4).contains(&length) {
                return None;
            }
            let (bytes, after) = rest.split_at_checked(length)?;
            length = bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b));
            rest = after;
        }
        let (value, after) = rest.split_at_checked(length)?;
        self.0 = after;
        Some((tag, value))
    }

    fn take(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.next().filter(|(tag, _)| *tag == wanted).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    const CERT: &str = include_str!("../../testdata/self-signed.crt");

    #[test]
    fn names_are_found() {
        let certificate = CertificateDer::from_pem_slice(CERT.as_bytes()).expect("a certificate");
        assert_eq!(alternative_names(&certificate), ["localhost", "127.0.0.1"]);
        let kinds: &[u8] = b"\x30\x2d\x30\x2b\xa3\x29\x30\x27\x30\x25\x06\x03\x55\x1d\x11\x01\x01\xff\x04\x1b\x30\x19\x81\x03a@b\x86\x04x://\x87\x04\x0a\x00\x00\x01\x88\x01x\x87\x03bad";
        assert_eq!(alternative_names(kinds), ["a@b", "x://", "10.0.0.1"]);
    }

    #[test]
    fn broken_certificates_have_no_names_and_do_no_harm() {
        let certificate = CertificateDer::from_pem_slice(CERT.as_bytes()).expect("a certificate");
        for end in 0..certificate.len() {
            let _ = alternative_names(&certificate[..end]);
            let mut bent = certificate.to_vec();
            for bits in [0xff, 0x80, 0x01] {
                bent[end] ^= bits;
                let _ = alternative_names(&bent);
            }
        }
    }
}
