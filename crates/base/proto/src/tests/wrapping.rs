//! Blocks and frames around messages.

use crate::frames::{FrameError, push_frame, take_frame};
use crate::snappy::{SnappyError, decode, encode};

#[test]
fn blocks_unfold_within_a_limit() {
    let text = b"abcabcabc".repeat(1000);
    let (mut block, mut buffer) = (Vec::new(), Vec::new());
    encode(&text, &mut block).expect("small");
    assert!(block.len() < text.len() / 10);
    assert_eq!(decode(&block, text.len(), &mut buffer), Ok(&text[..]));
    let above = SnappyError::AboveLimit { bytes: 9000, limit: 8999 };
    assert_eq!(decode(&block, 8999, &mut buffer), Err(above));
    assert_eq!(above.to_string(), "decoded size exceeds the 8999 bytes limit");
    // A promise of 4 GiB by five bytes.
    let mut fresh = Vec::new();
    let promise = [0xff, 0xff, 0xff, 0xff, 0x0f];
    assert_eq!(
        decode(&promise, 1 << 20, &mut fresh),
        Err(SnappyError::AboveLimit { bytes: 0xffff_ffff, limit: 1 << 20 })
    );
    assert_eq!(fresh.capacity(), 0);
    // The buffer keeps what an earlier block left behind the end.
    let mut small = Vec::new();
    encode(b"x", &mut small).expect("small");
    assert_eq!(decode(&small, 10, &mut buffer), Ok(&b"x"[..]));
}

#[test]
fn damaged_blocks_are_refused() {
    let mut block = Vec::new();
    encode(&b"abcabcabc".repeat(50), &mut block).expect("small");
    let mut buffer = Vec::new();
    for at in 0..block.len() {
        assert_eq!(decode(&block[..at], 1 << 20, &mut buffer), Err(SnappyError::Corrupt), "cut at {at}");
        let mut changed = block.clone();
        changed[at] ^= 0xff;
        // Anything but a panic.
        let _ = decode(&changed, 1 << 20, &mut buffer);
    }
    assert_eq!(decode(&[0], 10, &mut buffer), Ok(&[][..]));
}

#[test]
fn frames_there_and_back() {
    let mut out = Vec::new();
    push_frame(&mut out, b"test1");
    push_frame(&mut out, b"");
    push_frame(&mut out, &[7; 300]);
    // CRC-32C of "123456789" is the check value of the polynomial.
    let mut golden = Vec::new();
    push_frame(&mut golden, b"123456789");
    assert_eq!(golden[..5], [9, 0xe3, 0x06, 0x92, 0x83]);
    let mut rest = &out[..];
    assert_eq!(take_frame(&mut rest, 1000), Ok(Some(&b"test1"[..])));
    assert_eq!(take_frame(&mut rest, 299), Err(FrameError::TooLarge { bytes: 300, limit: 299 }));
    let mut rest = &out[10..];
    assert_eq!(take_frame(&mut rest, 1000), Ok(Some(&[7; 300][..])));
    assert_eq!(take_frame(&mut rest, 1000), Ok(None));
    let mut damaged = out.clone();
    damaged[7] ^= 1;
    assert_eq!(take_frame(&mut &damaged[..], 1000), Err(FrameError::Checksum));
    assert_eq!(take_frame(&mut &out[..8], 1000), Err(FrameError::UnexpectedEof));
}
