//! Records compressed with zstd: upstream's bytes are read, and what is no frame, or far too large a one, is refused.

use std::path::Path;
use std::sync::Arc;

use firesteel_base::vfs::{FaultVfs, Vfs};

use super::log::{DIR, options};
use crate::compression::{Decompressor, ZSTD_FLAG};
use crate::*;

const TEXT: &str = "firesteel logs what it was told. ";

/// What Prometheus 3.14 (tsdb/wlog) writes for `ab` and forty times `TEXT`: two whole records, the second one with the
/// flag.
const UPSTREAM: &str = "010002e2a229366162110039b3c0cd9528b52ffd6428045d0100140266697265737465656c206c6f67732077686174206974\
    2077617320746f6c642e20015416052e218804dbf03eb0";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hexadecimal")).collect()
}

fn packed(plain: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(plain, 3).expect("compresses")
}

fn unpack(stored: &[u8]) -> Result<Vec<u8>, String> {
    let mut plain = b"before".to_vec();
    Decompressor::default().unpack(ZSTD_FLAG, stored, &mut plain).map(|()| plain)
}

/// Returns the records of a log of one segment.
fn read(segment: &[u8]) -> Result<Vec<Vec<u8>>, WalError> {
    let vfs = FaultVfs::new();
    vfs.create_dir_all(Path::new(DIR)).expect("a directory");
    vfs.create(&segment_path(Path::new(DIR), 0)).and_then(|f| f.write_all_at(segment, 0)).expect("a file");
    let mut reader = WalReader::open(Arc::new(vfs), Path::new(DIR))?;
    let mut records = Vec::new();
    while let Some(record) = reader.next_record()? {
        records.push(record.bytes.to_vec());
    }
    Ok(records)
}

#[test]
fn upstreams_records_are_read_and_ours_are_framed_alike() {
    let upstream = bytes(UPSTREAM);
    let records = read(&upstream).expect("upstream's log");
    assert_eq!(records, [b"ab".to_vec(), TEXT.repeat(40).into_bytes()]);

    let vfs = FaultVfs::new();
    let options = WalOptions { compression: Compression::Zstd, ..options() };
    let wal = Wal::open(Arc::new(vfs.clone()), Path::new(DIR), options).expect("open");
    let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    assert_eq!(wal.log(&records, OnFailure::Refuse).expect("log"), Logged::Written);
    let files: &dyn Vfs = &vfs;
    let ours = files.read(&segment_path(Path::new(DIR), 0)).expect("read");
    // The first record is the same to the last byte, of the second one all but what each compressor chooses.
    assert_eq!(ours[..10], upstream[..10]);
    assert_eq!(ours[16..20], upstream[16..20], "the magic number of a frame");
    assert_eq!(read(&ours).expect("our log"), records);
}

#[test]
fn frames() {
    let text = TEXT.repeat(40).into_bytes();
    let one = packed(&text);
    assert_eq!(unpack(&one), Ok(text.clone()));
    assert_eq!(unpack(&[]), Ok(Vec::new()));
    assert_eq!(unpack(&packed(&[])), Ok(Vec::new()));
    for len in [65_535, 65_536, 65_537, 1 << 20] {
        assert_eq!(unpack(&packed(&vec![7; len])), Ok(vec![7; len]), "{len}");
    }
    assert_eq!(unpack(&[one.as_slice(), &one].concat()), Ok([text.as_slice(), &text].concat()));
    for cut in 1..one.len() {
        assert!(unpack(&one[..cut]).is_err(), "cut at {cut}");
    }
    assert!(unpack(&[one.as_slice(), b"x"].concat()).is_err());
    assert!(unpack(b"no frame at all").is_err());
    // A decoder goes on after a frame it refused.
    let (mut decoder, mut plain) = (Decompressor::default(), Vec::new());
    assert!(decoder.unpack(ZSTD_FLAG, &one[..20], &mut plain).is_err());
    assert_eq!(decoder.unpack(ZSTD_FLAG, &one, &mut plain), Ok(()));
    assert_eq!(plain, text);
}

#[test]
fn memory_follows_what_comes_out_and_is_bounded() {
    // A frame that claims four gigabytes in its head and holds three bytes.
    let claim = [0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0xff, 0xff, 0xff, 0xff, 0x19, 0, 0, b'a', b'b', b'c'];
    let mut plain = Vec::new();
    assert!(Decompressor::default().unpack(ZSTD_FLAG, &claim, &mut plain).is_err());
    assert!(plain.capacity() <= 1 << 20, "{}", plain.capacity());
    // Frames of a few hundred bytes each that would fill 320 MiB.
    let bomb = packed(&vec![0; 16 << 20]).repeat(20);
    assert!(bomb.len() < 64 << 10);
    let why = Decompressor::default().unpack(ZSTD_FLAG, &bomb, &mut plain).expect_err("is too large");
    assert_eq!(why, "zstd: record is larger than 268435456 bytes");
    assert!(plain.capacity() <= (256 << 20) + 1, "{}", plain.capacity());
}
