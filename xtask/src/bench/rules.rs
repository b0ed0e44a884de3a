//! Rules under load: 10,000 rules in 200 groups, ours beside a `prometheus`: CPU-seconds and missed iterations. With a
//! corpus, its ten slowest rules over its recorded pages, too.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use firesteel_testkit::{Page, PageServer, Server};
use serde_json::{Value, json};

use super::pages;
use super::process::Usage;
use crate::{peers, shell};

const TARGETS: usize = 20;
const SERIES_OF_A_TARGET: usize = 500;

struct Options {
    rules: usize,
    groups: usize,
    interval: u64,
    seconds: u64,
    alone: bool,
    save: bool,
}

fn parse(args: &[&str]) -> Result<Options> {
    let mut options = Options { rules: 10_000, groups: 200, interval: 15, seconds: 120, alone: false, save: false };
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut number = || -> Result<u64> {
            rest.next().with_context(|| format!("{arg} needs a number"))?.parse().context("not a number")
        };
        match *arg {
            "--rules" => options.rules = usize::try_from(number()?)?,
            "--groups" => options.groups = usize::try_from(number()?)?.max(1),
            "--interval" => options.interval = number()?.max(1),
            "--seconds" => options.seconds = number()?,
            "--alone" => options.alone = true,
            "--save" => options.save = true,
            other => bail!("bench rules: unknown option {other}"),
        }
    }
    Ok(options)
}

/// What a server counts, and what it used, at one moment.
#[derive(Clone, Copy, Debug)]
struct Counts {
    usage: Usage,
    evaluations: f64,
    failures: f64,
    missed: f64,
}

pub(crate) fn run(args: &[&str]) -> Result<()> {
    let options = parse(args)?;
    let home = shell::target_dir().join("bench-rules");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    let ours = match std::env::var_os("FIRESTEEL_PROGRAM") {
        Some(built) => built.into(),
        None => {
            shell::run(shell::command(&["cargo", "build", "--release", "-p", "firesteel"]))?;
            shell::target_dir().join("release/firesteel")
        }
    };
    let pages = pages::start(SERIES_OF_A_TARGET, false)?;
    let config = config(&pages.address(), options.interval);
    let mut servers = vec![("firesteel", start(&ours, &["prometheus"], &home.join("firesteel"), &config, &options)?)];
    if !options.alone {
        let peer = match std::env::var_os("FIRESTEEL_PEERS") {
            Some(folder) => Path::new(&folder).join("prometheus"),
            None => shell::which("prometheus")
                .map_or_else(|| Ok(peers::unpack()?.join("prometheus")), Ok::<_, anyhow::Error>)?,
        };
        servers.push(("prometheus", start(&peer, &[], &home.join("prometheus"), &config, &options)?));
    }
    // Ranges of a minute are full then, and every group was evaluated.
    std::thread::sleep(Duration::from_secs(60 + 2 * options.interval));
    let counts = || servers.iter().map(|(_, server)| counts(server)).collect::<Result<Vec<_>>>();
    let first = counts()?;
    std::thread::sleep(Duration::from_secs(options.seconds));
    let last = counts()?;
    println!(
        "\n{} rules in {} groups every {} s over {} series, for {} s\n",
        options.rules,
        options.groups,
        options.interval,
        TARGETS * SERIES_OF_A_TARGET,
        options.seconds
    );
    println!(
        "{:<12} {:>12} {:>10} {:>8} {:>10} {:>22} {:>10}",
        "server", "evaluations", "failures", "missed", "CPU s", "CPU us per evaluation", "RSS MB"
    );
    let mut rows = Vec::new();
    for (((name, _), a), b) in servers.iter().zip(&first).zip(&last) {
        let (evaluations, cpu) = (b.evaluations - a.evaluations, b.usage.cpu_seconds - a.usage.cpu_seconds);
        let per_evaluation = cpu * 1e6 / evaluations;
        println!(
            "{name:<12} {evaluations:>12} {:>10} {:>8} {cpu:>10.2} {per_evaluation:>22.1} {:>10.1}",
            b.failures,
            b.missed,
            b.usage.rss_bytes as f64 / 1e6
        );
        rows.push(json!({
            "server": name,
            "evaluations": evaluations,
            "failures": b.failures,
            "missed_iterations": b.missed,
            "cpu_seconds": cpu,
            "cpu_us_per_evaluation": per_evaluation,
            "rss_bytes": b.usage.rss_bytes,
        }));
    }
    if let [ours, theirs] = rows.as_slice() {
        // Who misses iterations does less for his CPU time.
        let ratio = |field: &str| theirs[field].as_f64().unwrap_or(0.0) / ours[field].as_f64().unwrap_or(1.0);
        println!(
            "\nratio ours/theirs: CPU 1/{:.1}, CPU per evaluation 1/{:.1}",
            ratio("cpu_seconds"),
            ratio("cpu_us_per_evaluation")
        );
    }
    drop(servers);
    let slowest = slowest_of_corpus(&ours, &home)?;
    if options.save {
        save(&options, &rows, &slowest)?;
    }
    Ok(())
}

fn start(program: &Path, args: &[&str], dir: &Path, config: &str, options: &Options) -> Result<Server> {
    fs::create_dir_all(dir)?;
    fs::write(dir.join("rules.yml"), rules(options))?;
    Ok(Server::start(program, args, dir, config)?)
}

fn config(address: &str, interval: u64) -> String {
    let mut config = format!(
        "global: {{scrape_interval: {interval}s, evaluation_interval: {interval}s}}\nrule_files: [rules.yml]\n\
         scrape_configs:\n- job_name: app\n  static_configs:\n"
    );
    for t in 0..TARGETS {
        let _ok = writeln!(
            config,
            "  - {{targets: ['{address}'], labels: {{__metrics_path__: /t/{t}, instance: '{}'}}}}",
            instance(t)
        );
    }
    config
}

fn instance(n: usize) -> String {
    format!("host-{:02}:9100", n % TARGETS)
}

/// Half recorded, half alerts; each looks at one target.
fn rules(options: &Options) -> String {
    let mut text = "groups:\n".to_owned();
    for g in 0..options.groups {
        let _ok = write!(text, "- name: group-{g}\n  rules:\n");
        for r in 0..options.rules / options.groups {
            let i = instance(g);
            let rule = match r % 10 {
                0 => format!("sum by (method) (rate(http_request_duration_seconds_count{{instance=\"{i}\"}}[1m]))"),
                1 => format!(
                    "histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{{instance=\"{i}\",method=\"GET\"}}[1m])))"
                ),
                2 => format!("avg by (zone) (rate(app_operations_total{{instance=\"{i}\"}}[1m]))"),
                3 => format!(
                    "max_over_time(app_pool_usage_ratio{{instance=\"{i}\",pool=~\"connection-pool-000.*\"}}[5m])"
                ),
                4 => format!("count(app_operations_total{{instance=\"{i}\"}} > 100)"),
                5 => format!("app_pool_usage_ratio{{instance=\"{i}\",pool=\"connection-pool-{r:04}\"}} > 0.9"),
                6 => format!("up{{instance=\"{i}\"}} == 0"),
                7 => format!("rate(app_operations_total{{instance=\"{i}\",operation=\"operation-{r:04}\"}}[1m]) > 15"),
                8 => format!("absent(app_operations_total{{instance=\"{i}\",operation=\"operation-{r:04}\"}})"),
                _ => format!(
                    "sum(rate(app_operations_total{{instance=\"{i}\"}}[1m])) / count(app_operations_total{{instance=\"{i}\"}}) > 1000"
                ),
            };
            let _ok = if r % 10 < 5 {
                writeln!(text, "  - {{record: 'recorded:{r}', labels: {{group: '{g}'}}, expr: '{rule}'}}")
            } else {
                writeln!(
                    text,
                    "  - {{alert: 'Alert{r}', for: 1m, labels: {{severity: page}}, expr: '{rule}', annotations: {{summary: '{{{{ $labels.instance }}}}: {{{{ $value | humanize }}}}'}}}}"
                )
            };
        }
    }
    text
}

fn counts(server: &Server) -> Result<Counts> {
    let (_, page) = server.get("/metrics")?;
    let sum = |name: &str| {
        let lines = page.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>()
    };
    Ok(Counts {
        usage: Usage::of(server.pid())?,
        evaluations: sum("prometheus_rule_evaluations_total"),
        failures: sum("prometheus_rule_evaluation_failures_total"),
        missed: sum("prometheus_rule_group_iterations_missed_total"),
    })
}

/// How often rules of the corpus are evaluated, in seconds, whatever their groups say: who waits for them must not wait
/// for groups of five minutes and more.
const CORPUS_INTERVAL: u64 = 5;
/// The least time of so many evaluations counts: whatever else a machine does is in the others.
const CORPUS_LOOKS: usize = 4;

/// Evaluates the rules of the corpus over its pages; returns the ten that took longest, with their milliseconds.
fn slowest_of_corpus(ours: &Path, home: &Path) -> Result<Vec<Value>> {
    let Some(corpus) = std::env::var_os("FIRESTEEL_CORPUS").map(std::path::PathBuf::from) else {
        println!("no FIRESTEEL_CORPUS: no slowest rules of it");
        return Ok(Vec::new());
    };
    let text = corpus.join("exposition/text");
    let mut files: Vec<_> =
        fs::read_dir(&text)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    files.sort();
    let served = text.clone();
    let pages = PageServer::start(move |path| {
        let name = path.trim_start_matches('/').split('?').next().unwrap_or_default();
        fs::read(served.join(name)).map_or_else(|_| Page { status: 404, ..Page::metrics("") }, Page::metrics)
    })?;
    let dir = home.join("corpus");
    fs::create_dir_all(dir.join("rules"))?;
    let mut config = format!(
        "global: {{scrape_interval: {CORPUS_INTERVAL}s, evaluation_interval: {CORPUS_INTERVAL}s}}\nrule_files:\n"
    );
    let table = fs::read_to_string(corpus.join("rules/verdicts.tsv"))?;
    for (at, row) in table.lines().skip(1).enumerate() {
        let Some((file, "good")) = row.split_once('\t').map(|(f, r)| (f, r.split('\t').next().unwrap_or_default()))
        else {
            continue;
        };
        let file = corpus.join("rules").join(file);
        let check = std::process::Command::new(ours).args(["promtool", "check", "rules"]).arg(&file).output()?;
        // Some are good in another dialect only.
        if check.status.success() {
            let copy = dir.join(format!("rules/{at}.yml"));
            fs::write(&copy, at_one_interval(&fs::read_to_string(&file)?))?;
            let _ok = writeln!(config, "- '{}'", copy.display());
        }
    }
    config += "scrape_configs:\n- job_name: corpus\n  static_configs:\n";
    for file in files {
        let _ok = writeln!(
            config,
            "  - {{targets: ['{}'], labels: {{__metrics_path__: '/{file}', instance: '{file}'}}}}",
            pages.address()
        );
    }
    let server = Server::start(ours, &["prometheus"], &dir, &config)?;
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut rules: Vec<Value> = Vec::new();
    let ms = |rule: &Value| rule["evaluationTime"].as_f64().unwrap_or(0.0) * 1e3;
    let mut looks = 0;
    while looks < CORPUS_LOOKS {
        std::thread::sleep(Duration::from_secs(CORPUS_INTERVAL));
        let answer = server.json("/api/v1/rules", &[("exclude_alerts", "true")])?;
        let groups = answer["data"]["groups"].as_array().cloned().unwrap_or_default();
        let now: Vec<Value> = groups.iter().filter_map(|group| group["rules"].as_array()).flatten().cloned().collect();
        if now.is_empty() || now.iter().any(|rule| rule["health"] == "unknown") {
            if Instant::now() > deadline {
                bail!("the rules of the corpus were not all evaluated: {}", server.log());
            }
            continue;
        }
        looks += 1;
        if rules.is_empty() {
            rules = now;
            continue;
        }
        for (least, now) in rules.iter_mut().zip(now) {
            if ms(&now) < ms(least) {
                *least = now;
            }
        }
    }
    rules.sort_by(|a, b| ms(b).total_cmp(&ms(a)));
    println!("\n{} rules of the corpus; the slowest:", rules.len());
    let ten = rules.iter().take(10);
    Ok(ten
        .map(|rule| {
            let query: String =
                rule["query"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
            println!("{:>9.3} ms  {}  {query}", ms(rule), rule["name"].as_str().unwrap_or_default());
            json!({"ms": ms(rule), "rule": rule["name"]})
        })
        .collect())
}

/// Returns a rule file whose groups are all evaluated as often.
fn at_one_interval(text: &str) -> String {
    let is_interval = |line: &&str| line.trim_start().trim_start_matches("- ").trim_start().starts_with("interval:");
    let lines = text.lines().map(|line| match line.find("interval:").filter(|_| is_interval(&line)) {
        Some(at) => format!("{}interval: {CORPUS_INTERVAL}s\n", &line[..at]),
        None => format!("{line}\n"),
    });
    lines.collect()
}

fn save(options: &Options, rows: &[Value], slowest: &[Value]) -> Result<()> {
    let commit = shell::output(shell::command(&["git", "rev-parse", "HEAD"]))?;
    let figure = json!({
        "command": format!(
            "cargo xtask bench rules --rules {} --groups {} --interval {} --seconds {} --save",
            options.rules, options.groups, options.interval, options.seconds
        ),
        "commit": commit.trim(),
        "peer": "Debian prometheus 2.42",
        "servers": rows,
        "slowest_of_corpus": slowest,
    });
    let path = shell::root().join("docs/figures/rules.json");
    fs::write(&path, serde_json::to_string_pretty(&figure)? + "\n")?;
    println!("\nkept in {}", path.display());
    Ok(())
}
