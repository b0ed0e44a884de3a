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
            // A run of these opens databases, or writes files.
            let places = match name {
                "node_answers" | "node_files" => 10,
                name if name.ends_with("_snapshot") => 25,
                _ => 200,
            };
            let step = 1 + input.len() / places;
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
