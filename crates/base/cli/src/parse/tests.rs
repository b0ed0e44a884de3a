//! Command lines, and the words that refuse them.

use super::*;

static SERVER: ProgramDef = ProgramDef {
    name: "server",
    release: None,
    help: "Serves.",
    flags: &[
        FlagDef::new("config.file", FlagKind::Text, "Where.").default(&["a.yml"]),
        FlagDef::new("web.listen", FlagKind::Text, "Listen.").default(&["0.0.0.0:9090"]).repeatable(),
        FlagDef::new("timeout", FlagKind::Duration, "Wait.").default(&["2m"]),
        FlagDef::new("tolerance", FlagKind::GoDuration, "Tolerate.").default(&["2ms"]),
        FlagDef::new("samples", FlagKind::Int, "Count.").default(&["5e7"]),
        FlagDef::new("size", FlagKind::Bytes, "Room."),
        FlagDef::new("agent", FlagKind::Bool, "Agent."),
        FlagDef::new("wal", FlagKind::Enum(&["snappy", "zstd"]), "Pack.").default(&["snappy"]).hidden(),
        FlagDef::new("retention", FlagKind::Duration, "Keep.").mode(Mode::ServerOnly),
    ],
    commands: &[],
    errors: ErrorStyle::Usage,
};

static TOOL: ProgramDef = ProgramDef {
    name: "tool",
    release: None,
    help: "Tools.",
    flags: &[FlagDef::new("experimental", FlagKind::Bool, "More.")],
    commands: &[
        CommandDef {
            name: "check config",
            help: "Checks.",
            flags: &[FlagDef::new("lint", FlagKind::Text, "Lint.").default(&["all"])],
            args: &[ArgDef::required("config-files", "Files.").repeatable()],
            hidden: false,
        },
        CommandDef {
            name: "query",
            help: "Asks.",
            flags: &[FlagDef::new("match", FlagKind::Text, "Which.").required().repeatable()],
            args: &[ArgDef::required("server", "Where."), ArgDef::optional("expr", "What.").default("up")],
            hidden: false,
        },
    ],
    errors: ErrorStyle::TryHelp,
};

fn parse(program: &'static ProgramDef, line: &str) -> Result<Matches, Halt> {
    program.parse(line.split_whitespace().map(str::to_owned))
}

#[test]
fn refusals_in_upstreams_words() {
    let cases = [
        ("--foo", "unknown long flag '--foo'"),
        ("-x", "unknown short flag '-x'"),
        ("--config.file", "expected argument for flag '--config.file'"),
        ("--config.file --agent", "expected argument for flag '--config.file'"),
        ("pos", "unexpected pos"),
        ("--agent=false", "unexpected false"),
        ("--no-config.file", "unknown long flag '--no-config.file'"),
        ("--timeout=1m --timeout=2m", "flag 'timeout' cannot be repeated"),
        ("--no-agent --agent", "flag 'agent' cannot be repeated"),
        ("--timeout=1.5h", "unknown unit \".\" in duration \"1.5h\""),
        ("--samples=x", "strconv.ParseFloat: parsing \"x\": invalid syntax"),
        ("--size=5", "units: unknown unit  in 5"),
        ("--wal=x", "enum value must be one of snappy,zstd, got 'x'"),
        ("--tolerance=x", "time: invalid duration \"x\""),
        ("@/nope", "failed to open arguments file \"/nope\": open /nope: no such file or directory"),
    ];
    for (line, want) in cases {
        let halt = parse(&SERVER, line).expect_err(line);
        assert_eq!(halt.stderr, format!("Error parsing command line arguments: {want}\n"), "{line}");
        assert_eq!(halt.code, 2);
        assert!(halt.stdout.starts_with("usage: server [<flags>]\n"));
    }
}

#[test]
fn values_and_defaults() {
    let m = parse(&SERVER, "--web.listen a:1 --web.listen=b:2 --samples 1e3 --size=1.5GB --agent").expect("good line");
    assert_eq!(m.text("config.file"), "a.yml");
    assert_eq!(m.texts("web.listen"), ["a:1", "b:2"]);
    assert_eq!((m.int("samples"), m.bytes("size"), m.bool("agent")), (1000, 3 << 29, true));
    assert_eq!(m.duration("timeout"), Duration::from_secs(120));
    assert_eq!(m.duration("tolerance"), Duration::from_millis(2));
    assert_eq!(m.duration_opt("retention"), None);
    assert!(m.is_given("agent") && !m.is_given("timeout"));
    assert!(m.given_of_mode(Mode::ServerOnly).is_empty());
    let shown: HashMap<_, _> = m.flag_values().into_iter().collect();
    let want = [
        ("config.file", "a.yml"),
        ("web.listen", "a:1,b:2"),
        ("timeout", "2m"),
        ("tolerance", "2ms"),
        ("samples", "1000"),
        ("size", "1GiB512MiB"),
        ("agent", "true"),
        ("wal", "snappy"),
        ("retention", "0s"),
    ];
    for (name, value) in want {
        assert_eq!(shown[name], value, "{name}");
    }
}

#[test]
fn arguments_from_a_file() {
    let path = std::env::temp_dir().join(format!("firesteel-args-{}", std::process::id()));
    std::fs::write(&path, "--timeout=7m\n# a remark\n--config.file\nwith blank.yml\n").expect("temp file");
    let m = parse(&SERVER, &format!("@{}", path.display())).expect("good file");
    std::fs::remove_file(&path).expect("temp file is there");
    assert_eq!(m.text("config.file"), "with blank.yml");
    assert_eq!(m.duration("timeout"), Duration::from_secs(420));
}

#[test]
fn commands_and_their_arguments() {
    let m = parse(&TOOL, "check config --lint=none a.yml --experimental b.yml").expect("good line");
    assert_eq!((m.command(), m.args("config-files"), m.text("lint")), ("check config", vec!["a.yml", "b.yml"], "none"));
    assert!(m.bool("experimental"));
    let m = parse(&TOOL, "query --match=a --match=b http://x").expect("good line");
    assert_eq!((m.arg("server"), m.arg("expr"), m.texts("match")), ("http://x", "up", vec!["a", "b"]));
}

#[test]
fn tool_refusals() {
    let cases = [
        ("check", "must select a subcommand of 'check'"),
        ("foo", "expected command but got \"foo\""),
        ("check foo", "expected command but got \"foo\""),
        ("check config", "required argument 'config-files' not provided"),
        ("query http://x", "required flag(s) '--match' not provided"),
        ("query --match=a b c d", "unexpected d"),
    ];
    for (line, want) in cases {
        let halt = parse(&TOOL, line).expect_err(line);
        assert_eq!((halt.stderr, halt.code), (format!("tool: error: {want}, try --help\n"), 1), "{line}");
    }
}

#[test]
fn help_and_version_do_not_run() {
    assert!(parse(&SERVER, "--help").expect_err("help").stdout.contains("--[no-]agent"));
    assert!(parse(&SERVER, "--version").expect_err("version").stdout.starts_with("server, version 3.14.0"));
    let help = parse(&TOOL, "check config --help").expect_err("help").stdout;
    assert!(help.starts_with("usage: tool check config [<flags>] <config-files>...\n"), "{help}");
    assert_eq!(parse(&TOOL, "help check config").expect_err("help").stdout, help);
    assert_eq!(parse(&TOOL, "").expect_err("help").code, 0);
}
