//! The kept corpora, as plain tests: each input as it is, cut short, and with bytes changed in a fixed way.

use std::fs;
use std::path::Path;

use firesteel_fuzz::TARGETS;

use crate::counted::peak_bytes;

/// What a target may hold besides what its input is long: buffers of fixed size, and a directory of its own in memory.
const BYTES_MAX: usize = 64 << 20;
/// For each byte of the input.
const FACTOR_MAX: usize = 256;

#[test]
fn kept_inputs_and_their_neighbours() {
    for (name, target) in TARGETS {
        let target = |input: &[u8]| {
            let peak = peak_bytes(|| target(input));
            assert!(peak <= BYTES_MAX + FACTOR_MAX * input.len(), "{name}: {peak} bytes for {}", input.len());
        };
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let mut inputs = 0;
        for entry in fs::read_dir(&dir).expect("a folder for each target") {
            let input = fs::read(entry.expect("an entry").path()).expect("an input");
            inputs += 1;
            target(&input);
            let step = 1 + input.len() / 200;
            for at in (0..input.len()).step_by(step) {
                target(&input[..at]);
                let mut changed = input.clone();
                for byte in [0, b'"', b'{', 0x80, 0xff, changed[at] ^ 1, changed[at].wrapping_add(1)] {
                    changed[at] = byte;
                    target(&changed);
                }
                changed.remove(at);
                target(&changed);
            }
        }
        assert!(inputs > 1, "{name} has no corpus");
    }
}

#[test]
fn timing() {
    for (name, file) in [("head_snapshot", "small"), ("chunk_snapshot", "segment"), ("chunk_snapshot", "records")] {
        let input = fs::read(Path::new("corpus").join(name).join(file)).unwrap();
        let target = TARGETS.iter().find(|t| t.0 == name).unwrap().1;
        for n in 0..5 { let t = std::time::Instant::now(); let p = peak_bytes(|| target(&input)); eprintln!("{name} {file} {n} {:?} {p}", t.elapsed()); }
    }
}
