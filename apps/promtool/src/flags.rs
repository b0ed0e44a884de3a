//! The command line: every command that is built, in upstream's words.

use firesteel_cli::{ArgDef, CommandDef, ErrorStyle, FlagDef, FlagKind, ProgramDef};

const LINT_HELP: &str = "Linting checks to apply. Available options are: all, duplicate-rules, none, \
                         too-long-scrape-interval. Use --lint=none to disable linting";
const RULES_LINT_HELP: &str =
    "Linting checks to apply. Available options are: all, duplicate-rules, none. Use --lint=none to disable linting";
const METRICS_LINT_HELP: &str = "Linting checks to apply for metrics. Available options are: all, none. Use --lint=none \
                                 to disable metrics linting.";
const METRICS_HELP: &str = "Pass Prometheus metrics over stdin to lint them for consistency and correctness, and \
                            optionally perform cardinality analysis.\n\nexamples:\n\n$ cat metrics.prom | promtool \
                            check metrics\n\n$ curl -s http://localhost:9090/metrics | promtool check metrics \
                            --extended\n\n$ curl -s http://localhost:9100/metrics | promtool check metrics --extended \
                            --lint=none";
const LINT_FATAL_HELP: &str = "Make lint errors exit with exit code 3.";
const LINT_FATAL: FlagDef = FlagDef::new("lint-fatal", FlagKind::Bool, LINT_FATAL_HELP).default(&["false"]);
const LOOKBACK: FlagDef =
    FlagDef::new("query.lookback-delta", FlagKind::GoDuration, "The server's maximum query lookback duration.")
        .default(&["5m"]);
const REPORT: FlagDef = FlagDef::new(
    "format",
    FlagKind::Enum(&["text", "json", "sarif", "github"]),
    "How findings are written: for a person, or one report for a machine.",
)
.default(&["text"]);
const FIX: FlagDef =
    FlagDef::new("fix", FlagKind::Bool, "Write back what can be mended without a doubt.").default(&["false"]);
const IGNORE_UNKNOWN_HELP: &str = "Ignore unknown fields in the rule groups read by the config files. This is useful \
                                   when you want to extend rule files with custom metadata. Ensure that those fields \
                                   are removed before loading them into the Prometheus server as it performs strict \
                                   checks by default.";
const RULES_IGNORE_UNKNOWN_HELP: &str = "Ignore unknown fields in the rule files. This is useful when you want to \
                                         extend rule files with custom metadata. Ensure that those fields are removed \
                                         before loading them into the Prometheus server as it performs strict checks by \
                                         default.";
const TEST_IGNORE_UNKNOWN_HELP: &str = "Ignore unknown fields in the test files. This is useful when you want to \
                                        extend rule files with custom metadata. Ensure that those fields are removed \
                                        before loading them into the Prometheus server as it performs strict checks by \
                                        default.";
const URL: FlagDef =
    FlagDef::new("url", FlagKind::Text, "The URL for the Prometheus server.").default(&["http://localhost:9090"]);
const HTTP_CONFIG: FlagDef = FlagDef::new(
    "http.config.file",
    FlagKind::Text,
    "HTTP client configuration file, see details at https://prometheus.io/docs/prometheus/latest/configuration/promtool",
)
.placeholder("<filename>");
const FORMAT: FlagDef = FlagDef::new("format", FlagKind::Enum(&["promql", "json"]), "Output format of the query.")
    .default(&["promql"])
    .short('o');
const HEADER: FlagDef = FlagDef::new("header", FlagKind::Text, "Extra headers to send to server.").repeatable();
const START: FlagDef = FlagDef::new("start", FlagKind::Text, "Start time (RFC3339 or Unix timestamp).");
const END: FlagDef = FlagDef::new("end", FlagKind::Text, "End time (RFC3339 or Unix timestamp).");
const MATCH: FlagDef =
    FlagDef::new("match", FlagKind::Text, "Series selector. Can be specified multiple times.").repeatable();
const MATCH_REQUIRED: FlagDef = MATCH.required();
const HUMAN_READABLE: FlagDef =
    FlagDef::new("human-readable", FlagKind::Bool, "Print human readable values.").short('r');
const SANDBOX: FlagDef = FlagDef::new(
    "sandbox-dir-root",
    FlagKind::Text,
    "Root directory where a sandbox directory will be created, this sandbox is used in case WAL replay generates chunks \
     (default is the database path). The sandbox is cleaned up at the end.",
);
const MIN_TIME: FlagDef =
    FlagDef::new("min-time", FlagKind::Int64, "Minimum timestamp to dump, in milliseconds since the Unix epoch.")
        .default(&["-9223372036854775808"]);
const MAX_TIME: FlagDef =
    FlagDef::new("max-time", FlagKind::Int64, "Maximum timestamp to dump, in milliseconds since the Unix epoch.")
        .default(&["9223372036854775807"]);
const DUMP_MATCH: FlagDef = FlagDef::new("match", FlagKind::Text, "Series selector. Can be specified multiple times.")
    .default(&["{__name__=~'(?s:.*)'}"])
    .repeatable();
const LABEL: FlagKind = FlagKind::Checked(crate::key_value::check);
const QUIET: FlagDef = FlagDef::new("quiet", FlagKind::Bool, "Do not print created blocks.").short('q');
const MAX_BLOCK_DURATION: FlagDef = FlagDef::new(
    "max-block-duration",
    FlagKind::GoDuration,
    "Maximum duration created blocks may span. Anything less than 2h is ignored.",
)
.default(&["2h"])
.hidden();
const SERVER: ArgDef = ArgDef::required("server", "Prometheus server to query.");
const EXPR: ArgDef = ArgDef::required("expr", "PromQL query expression.");
const QUERY: ArgDef = ArgDef::required("query", "PromQL query.");

/// The whole command line.
pub(crate) static PROGRAM: ProgramDef = ProgramDef {
    name: "promtool",
    release: None,
    help: "Tooling for the Prometheus monitoring system.",
    flags: &[
        FlagDef::new("experimental", FlagKind::Bool, "Enable experimental commands.").default(&["false"]),
        FlagDef::new(
            "enable-feature",
            FlagKind::Text,
            "Comma separated feature names to enable. Valid options: promql-experimental-functions, \
             promql-delayed-name-removal, promql-extended-range-selectors, promql-binop-fill-modifiers.",
        )
        .default(&[""])
        .repeatable(),
    ],
    commands: &[
        CommandDef {
            name: "check config",
            help: "Check if the config files are valid or not.",
            flags: &[
                LOOKBACK,
                FlagDef::new(
                    "syntax-only",
                    FlagKind::Bool,
                    "Only check the config file syntax, ignoring file and content validation referenced in the config",
                )
                .default(&["false"]),
                FlagDef::new("lint", FlagKind::Text, LINT_HELP).default(&["duplicate-rules"]),
                LINT_FATAL,
                FlagDef::new("ignore-unknown-fields", FlagKind::Bool, IGNORE_UNKNOWN_HELP).default(&["false"]),
                FlagDef::new("agent", FlagKind::Bool, "Check config file for Prometheus in Agent mode.")
                    .default(&["false"]),
                FIX,
                REPORT,
            ],
            args: &[ArgDef::required("config-files", "The config files to check.").repeatable()],
            hidden: false,
        },
        CommandDef {
            name: "check web-config",
            help: "Check if the web config files are valid or not.",
            flags: &[LOOKBACK],
            args: &[ArgDef::required("web-config-files", "The config files to check.").repeatable()],
            hidden: false,
        },
        CommandDef {
            name: "check healthy",
            help: "Check if the Prometheus server is healthy.",
            flags: &[LOOKBACK, HTTP_CONFIG, URL],
            args: &[],
            hidden: false,
        },
        CommandDef {
            name: "check ready",
            help: "Check if the Prometheus server is ready.",
            flags: &[LOOKBACK, HTTP_CONFIG, URL],
            args: &[],
            hidden: false,
        },
        CommandDef {
            name: "check service-discovery",
            help: "Perform service discovery for the given job name and report the results, including relabeling.",
            flags: &[
                LOOKBACK,
                FlagDef::new("timeout", FlagKind::Duration, "The time to wait for discovery results.")
                    .default(&["30s"]),
            ],
            args: &[
                ArgDef::required("config-file", "The prometheus config file."),
                ArgDef::required("job", "The job to run service discovery for."),
            ],
            hidden: false,
        },
        CommandDef {
            name: "check rules",
            help: "Check if the rule files are valid or not.",
            flags: &[
                LOOKBACK,
                FlagDef::new("lint", FlagKind::Text, RULES_LINT_HELP).default(&["duplicate-rules"]),
                LINT_FATAL,
                FlagDef::new("ignore-unknown-fields", FlagKind::Bool, RULES_IGNORE_UNKNOWN_HELP).default(&["false"]),
                FlagDef::new(
                    "data-dir",
                    FlagKind::Text,
                    "A data directory, which is only read: rules that can never yield anything over it are lint errors.",
                ),
                FIX,
                REPORT,
            ],
            args: &[ArgDef::optional("rule-files", "The rule files to check, default is read from standard input.")
                .repeatable()],
            hidden: false,
        },
        CommandDef {
            name: "check metrics",
            help: METRICS_HELP,
            flags: &[
                LOOKBACK,
                FlagDef::new(
                    "extended",
                    FlagKind::Bool,
                    "Print extended information related to the cardinality of the metrics.",
                ),
                FlagDef::new("lint", FlagKind::Text, METRICS_LINT_HELP).default(&["all"]),
            ],
            args: &[],
            hidden: false,
        },
        CommandDef {
            name: "query instant",
            help: "Run instant query.",
            flags: &[
                FORMAT,
                HTTP_CONFIG,
                FlagDef::new("time", FlagKind::Text, "Query evaluation time (RFC3339 or Unix timestamp)."),
                HEADER,
            ],
            args: &[SERVER, EXPR],
            hidden: false,
        },
        CommandDef {
            name: "query range",
            help: "Run range query.",
            flags: &[
                FORMAT,
                HTTP_CONFIG,
                HEADER,
                FlagDef::new("start", FlagKind::Text, "Query range start time (RFC3339 or Unix timestamp)."),
                FlagDef::new("end", FlagKind::Text, "Query range end time (RFC3339 or Unix timestamp)."),
                FlagDef::new("step", FlagKind::GoDuration, "Query step size (duration)."),
            ],
            args: &[SERVER, EXPR],
            hidden: false,
        },
        CommandDef {
            name: "query series",
            help: "Run series query.",
            flags: &[FORMAT, HTTP_CONFIG, MATCH_REQUIRED, START, END],
            args: &[SERVER],
            hidden: false,
        },
        CommandDef {
            name: "query labels",
            help: "Run labels query.",
            flags: &[FORMAT, HTTP_CONFIG, START, END, MATCH],
            args: &[SERVER, ArgDef::required("name", "Label name to provide label values for.")],
            hidden: false,
        },
        CommandDef {
            name: "debug pprof",
            help: "Fetch profiling debug information.",
            flags: &[],
            args: &[ArgDef::required("server", "Prometheus server to get pprof files from.")],
            hidden: false,
        },
        CommandDef {
            name: "debug metrics",
            help: "Fetch metrics debug information.",
            flags: &[],
            args: &[ArgDef::required("server", "Prometheus server to get metrics from.")],
            hidden: false,
        },
        CommandDef {
            name: "debug all",
            help: "Fetch all debug information.",
            flags: &[],
            args: &[ArgDef::required("server", "Prometheus server to get all debug information from.")],
            hidden: false,
        },
        CommandDef {
            name: "query analyze",
            help: "Run queries against your Prometheus to analyze the usage pattern of certain metrics.",
            flags: &[
                FORMAT,
                HTTP_CONFIG,
                FlagDef::new("server", FlagKind::Text, "Prometheus server to query.").required(),
                FlagDef::new("type", FlagKind::Text, "Type of metric: histogram.").required(),
                FlagDef::new("duration", FlagKind::GoDuration, "Time frame to analyze.").default(&["1h"]),
                FlagDef::new("time", FlagKind::Text, "Query time (RFC3339 or Unix timestamp), defaults to now."),
                MATCH_REQUIRED,
            ],
            args: &[],
            hidden: false,
        },
        CommandDef {
            name: "push metrics",
            help: "Push metrics to a prometheus remote write (for testing purpose only).",
            flags: &[
                HTTP_CONFIG,
                FlagDef::new("label", LABEL, "Label to attach to metrics. Can be specified multiple times.")
                    .default(&["job=promtool"])
                    .repeatable(),
                FlagDef::new("timeout", FlagKind::GoDuration, "The time to wait for pushing metrics.").default(&["30s"]),
                FlagDef::new("header", FlagKind::Text, "Prometheus remote write header.").repeatable(),
                FlagDef::new(
                    "protobuf_message",
                    FlagKind::Enum(&["prometheus.WriteRequest", "io.prometheus.write.v2.Request"]),
                    "Protobuf message to use when writing (prometheus.WriteRequest or io.prometheus.write.v2.Request).",
                )
                .default(&["prometheus.WriteRequest"]),
                FlagDef::new("remote-write.path", FlagKind::Text, "Override the default remote write API path.")
                    .default(&["/api/v1/write"]),
            ],
            args: &[
                ArgDef::required("remote-write-url", "Prometheus remote write url to push metrics."),
                ArgDef::optional("metric-files", "The metric files to push, default is read from standard input.")
                    .repeatable(),
            ],
            hidden: false,
        },
        CommandDef {
            name: "test rules",
            help: "Unit tests for rules.",
            flags: &[
                FlagDef::new("junit", FlagKind::Text, "File path to store JUnit XML test results."),
                FlagDef::new(
                    "run",
                    FlagKind::Text,
                    "If set, will only run test groups whose names match the regular expression. Can be specified \
                     multiple times.",
                )
                .repeatable(),
                FlagDef::new("debug", FlagKind::Bool, "Enable unit test debugging.").default(&["false"]),
                FlagDef::new(
                    "diff",
                    FlagKind::Bool,
                    "[Experimental] Print colored differential output between expected & received output.",
                )
                .default(&["false"]),
                FlagDef::new("ignore-unknown-fields", FlagKind::Bool, TEST_IGNORE_UNKNOWN_HELP).default(&["false"]),
                FlagDef::new("coverage", FlagKind::Bool, "List the rules that no test reaches.").default(&["false"]),
            ],
            args: &[ArgDef::required("test-rule-file", "The unit test file.").repeatable()],
            hidden: false,
        },
        CommandDef {
            name: "rules try",
            help: "Replay rules over stored data: what would have fired, and what did.",
            flags: &[
                FlagDef::new("data-dir", FlagKind::Text, "The data directory; it is only read, beside a server or without.")
                    .default(&["data/"]),
                FlagDef::new("since", FlagKind::Text, "How far back, or when: a duration, RFC 3339 or seconds.")
                    .default(&["30d"]),
                FlagDef::new("until", FlagKind::Text, "When to end: RFC 3339 or seconds. Default: the newest sample."),
                FlagDef::new("eval-interval", FlagKind::Duration, "The interval of groups that name none.")
                    .default(&["1m"]),
                FlagDef::new("external-url", FlagKind::Text, "The URL that templates of the rules see."),
                FlagDef::new("limit", FlagKind::Int, "Spans of time to show for each rule; 0: all.").default(&["20"]),
                FlagDef::new("ignore-unknown-fields", FlagKind::Bool, RULES_IGNORE_UNKNOWN_HELP).default(&["false"]),
                FlagDef::new("format", FlagKind::Enum(&["text", "json"]), "For a person, or for a machine.")
                    .default(&["text"]),
            ],
            args: &[ArgDef::required("rule-files", "The rules to try.").repeatable()],
            hidden: false,
        },
        CommandDef {
            name: "test promql",
            help: "Run PromQL test scripts.",
            flags: &[],
            args: &[ArgDef::required("test-files", "The test scripts.").repeatable()],
            hidden: false,
        },
        CommandDef {
            name: "promql format",
            help: "Format PromQL query to pretty printed form.",
            flags: &[],
            args: &[QUERY],
            hidden: false,
        },
        CommandDef {
            name: "promql label-matchers set",
            help: "Set a label matcher in the query.",
            flags: &[FlagDef::new(
                "type",
                FlagKind::Enum(&["=", "!=", "=~", "!~"]),
                "Type of the label matcher to set.",
            )
            .default(&["="])
            .short('t')],
            args: &[
                QUERY,
                ArgDef::required("name", "Name of the label matcher to set."),
                ArgDef::required("value", "Value of the label matcher to set."),
            ],
            hidden: false,
        },
        CommandDef {
            name: "promql label-matchers delete",
            help: "Delete a label from the query.",
            flags: &[],
            args: &[QUERY, ArgDef::required("name", "Name of the label to delete.")],
            hidden: false,
        },
        CommandDef {
            name: "tsdb analyze",
            help: "Analyze churn, label pair cardinality and compaction efficiency.",
            flags: &[
                FlagDef::new("limit", FlagKind::Int, "How many items to show in each list.").default(&["20"]),
                FlagDef::new("extended", FlagKind::Bool, "Run extended analysis."),
                FlagDef::new(
                    "match",
                    FlagKind::Text,
                    "Series selector to analyze. Only 1 set of matchers is supported now.",
                ),
            ],
            args: &[
                ArgDef::optional("db path", "Database path (default is data/).").default("data/"),
                ArgDef::optional("block id", "Block to analyze (default is the last block)."),
            ],
            hidden: false,
        },
        CommandDef {
            name: "tsdb dump",
            help: "Dump data (series+samples or optionally just series) from a TSDB.",
            flags: &[
                SANDBOX,
                MIN_TIME,
                MAX_TIME,
                DUMP_MATCH,
                FlagDef::new(
                    "format",
                    FlagKind::Enum(&["prom", "seriesjson"]),
                    "Output format of the dump (prom (default) or seriesjson).",
                )
                .default(&["prom"]),
            ],
            args: &[ArgDef::optional("db path", "Database path (default is data/).").default("data/")],
            hidden: false,
        },
        CommandDef {
            name: "tsdb dump-openmetrics",
            help: "[Experimental] Dump samples from a TSDB into OpenMetrics text format, excluding native histograms and \
                   staleness markers, which are not representable in OpenMetrics.",
            flags: &[SANDBOX, MIN_TIME, MAX_TIME, DUMP_MATCH],
            args: &[ArgDef::optional("db path", "Database path (default is data/).").default("data/")],
            hidden: false,
        },
        CommandDef {
            name: "tsdb bench write",
            help: "Run a write performance benchmark.",
            flags: &[
                FlagDef::new("out", FlagKind::Text, "Set the output path.").default(&["benchout"]),
                FlagDef::new("metrics", FlagKind::Int, "Number of metrics to read.").default(&["10000"]),
                FlagDef::new("scrapes", FlagKind::Int, "Number of scrapes to simulate.").default(&["3000"]),
            ],
            args: &[ArgDef::optional(
                "file",
                "Input file with samples data, default is (../../tsdb/testdata/20kseries.json).",
            )
            .default("../../tsdb/testdata/20kseries.json")],
            hidden: false,
        },
        CommandDef {
            name: "tsdb list",
            help: "List tsdb blocks.",
            flags: &[HUMAN_READABLE],
            args: &[ArgDef::optional("db path", "Database path (default is data/).").default("data/")],
            hidden: false,
        },
        CommandDef {
            name: "tsdb create-blocks-from openmetrics",
            help: "Import samples from OpenMetrics input and produce TSDB blocks. Please refer to the storage docs for \
                   more details.",
            flags: &[
                HUMAN_READABLE,
                MAX_BLOCK_DURATION,
                QUIET,
                FlagDef::new(
                    "label",
                    LABEL,
                    "Label to attach to metrics. Can be specified multiple times. Example --label=label_name=label_value",
                )
                .repeatable(),
            ],
            args: &[
                ArgDef::required("input file", "OpenMetrics file to read samples from."),
                ArgDef::optional("output directory", "Output directory for generated blocks.").default("data/"),
            ],
            hidden: false,
        },
        CommandDef {
            name: "tsdb create-blocks-from rules",
            help: "Create blocks of data for new recording rules.",
            flags: &[
                HUMAN_READABLE,
                MAX_BLOCK_DURATION,
                QUIET,
                HTTP_CONFIG,
                FlagDef::new(
                    "url",
                    FlagKind::Text,
                    "The URL for the Prometheus API with the data where the rule will be backfilled from.",
                )
                .default(&["http://localhost:9090"]),
                FlagDef::new(
                    "start",
                    FlagKind::Text,
                    "The time to start backfilling the new rule from. Must be a RFC3339 formatted date or Unix \
                     timestamp. Required.",
                )
                .required(),
                FlagDef::new(
                    "end",
                    FlagKind::Text,
                    "If an end time is provided, all recording rules in the rule files provided will be backfilled to \
                     the end time. Default will backfill up to 3 hours ago. Must be a RFC3339 formatted date or Unix \
                     timestamp.",
                ),
                FlagDef::new("output-dir", FlagKind::Text, "Output directory for generated blocks.").default(&["data/"]),
                FlagDef::new(
                    "eval-interval",
                    FlagKind::GoDuration,
                    "How frequently to evaluate rules when backfilling if a value is not set in the recording rule files.",
                )
                .default(&["60s"]),
            ],
            args: &[ArgDef::required(
                "rule-files",
                "A list of one or more files containing recording rules to be backfilled. All recording rules listed in \
                 the files will be backfilled. Alerting rules are not evaluated.",
            )
            .repeatable()],
            hidden: false,
        },
    ],
    errors: ErrorStyle::TryHelp,
};
