//! Nothing that stands in a file makes a panic.

use std::path::Path;

use firesteel_config::{
    RuleChecks, ValidationScheme, apply_fixes, load, load_rules, load_target_groups, load_web_config,
};

const SEEDS: [&str; 3] = [
    include_str!("../testdata/print/everything.yml"),
    include_str!("../testdata/print/minimal.yml"),
    "groups:\n- name: a\n  rules:\n  - alert: x\n    expr: up == 0\n    for: 5m\n    labels: {severity: page}\n",
];

/// A small generator (xorshift), so that a failure repeats.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

fn try_all(text: &str) {
    let loaded = load(Path::new("prometheus.yml"), text);
    for diagnostic in &loaded.diagnostics {
        assert!(diagnostic.line >= 1 && diagnostic.column >= 1 && diagnostic.len >= 1, "{diagnostic:?}");
        assert!(diagnostic.render().contains(diagnostic.code));
    }
    let _ = apply_fixes(text, &loaded.diagnostics);
    if let Some(config) = loaded.config {
        let _ = config.to_yaml();
    }
    let _ = load_rules(Path::new("rules.yml"), text, &RuleChecks::structure(ValidationScheme::Utf8));
    let _ = load_web_config(Path::new("web.yml"), text);
    let _ = load_target_groups(Path::new("targets.json"), text);
    let _ = load_target_groups(Path::new("targets.yml"), text);
}

#[test]
fn mutations_of_good_files_never_panic() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let bits = [
        "\t",
        ":",
        "- ",
        "{",
        "[",
        "\"",
        "'",
        "&a ",
        "*a",
        "!!binary ",
        "|",
        ">",
        "\u{e9}",
        "\r\n",
        "<<: ",
        "#",
        "%",
        "\0",
        "\n\n",
        "? ",
        "---\n",
    ];
    for round in 0..300 {
        let mut text = SEEDS[round % SEEDS.len()].to_owned();
        for _ in 0..=dice.roll(4) {
            let mut at = dice.roll(text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            match dice.roll(4) {
                0 => text.insert_str(at, bits[dice.roll(bits.len())]),
                1 => text.truncate(at),
                2 if at < text.len() => drop(text.remove(at)),
                _ => {
                    let copy = text[at..].chars().take(dice.roll(40)).collect::<String>();
                    text.insert_str(at, &copy);
                }
            }
        }
        try_all(&text);
    }
}

#[test]
fn random_bytes_never_panic() {
    let mut dice = Dice(42);
    let letters = b"ab:-[]{},\"'|>&*!#%@`\t\n\n  01.?<~\xc3\xa9\0";
    for _ in 0..300 {
        let bytes: Vec<u8> = (0..dice.roll(120)).map(|_| letters[dice.roll(letters.len())]).collect();
        try_all(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn bombs_are_refused() {
    let mut aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let refer = vec![format!("*a{}", n - 1); 9].join(", ");
        aliases.push_str(&format!("a{n}: &a{n} [{refer}]\n"));
    }
    let deep = format!("global: {}", "[".repeat(20_000));
    let block: String = (0..2000).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    for text in [aliases, deep, block] {
        assert!(load(Path::new("prometheus.yml"), &text).config.is_none());
    }
}
