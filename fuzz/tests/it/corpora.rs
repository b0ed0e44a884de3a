//! The kept corpora, as plain tests: each input as it is, cut short, and with bytes changed in a fixed way.

use std::fs;
use std::path::Path;

use firesteel_fuzz::TARGETS;

#[test]
fn kept_inputs_and_their_neighbours() {
    for (name, target) in TARGETS {
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
