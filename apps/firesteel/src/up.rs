//! `firesteel up`: server and page on this machine without any configuration.
//!
//! One process on loopback: server, pushes and host metrics. All of it is scraped
//! at once and then every 5 s. Pages elsewhere cannot
//! read it: no cross-origin headers, and only requests that name this machine as their host are answered.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use firesteel_cli::log::LOG_FLAGS;
use firesteel_cli::{ErrorStyle, FlagDef, FlagKind, Halt, ProgramDef, version};
use firesteel_net::server::{Cors, Listener};
use firesteel_prometheus::{App, ConfigSource, Options};

use crate::beside::{Beside, GATEWAY};
use crate::host_metrics;
use crate::machine::{check_data_dir, default_data_dir, summary};
use crate::neighbour::NodeExporter;
use crate::port_holder::holder_of;

const DEFAULT_PORT: u16 = 9090;
/// How many ports after the wanted one are tried.
const MORE_PORTS: u16 = 20;

static UP: ProgramDef = ProgramDef {
    name: "firesteel up",
    release: None,
    help: "Watches this machine: the server, its page and host metrics in one process, without any configuration.",
    flags: &[
        FlagDef::new(
            "listen",
            FlagKind::Text,
            "Address to listen on; only addresses of this machine itself (127.0.0.1, ::1) are allowed. With a + behind the port, the next free port will do.",
        )
        .default(&["127.0.0.1:9090+"]),
        FlagDef::new("pushgateway.listen", FlagKind::Text, "Where pushes are taken as well, if it is free; empty: nowhere.")
            .default(&["127.0.0.1:9091"]),
        FlagDef::new("node.listen", FlagKind::Text, "Where host metrics are shown as well, if it is free; a node_exporter that is there already is scraped instead of our own collectors. Empty: nowhere.")
            .default(&["127.0.0.1:9100"]),
        FlagDef::new("data", FlagKind::Text, "Directory that keeps the data between runs.").placeholder("DIR"),
        LOG_FLAGS[0].default(&["warn"]),
        LOG_FLAGS[1],
    ],
    commands: &[],
    errors: ErrorStyle::Usage,
};

pub(crate) fn main(words: Vec<String>) -> ExitCode {
    match up(words) {
        Ok(code) => code,
        Err(halt) => halt.emit(),
    }
}

fn up(words: Vec<String>) -> Result<ExitCode, Halt> {
    let began = Instant::now();
    let m = UP.parse(words)?;
    firesteel_cli::log::init(m.text("log.level"), m.text("log.format"));
    let data = m.text_opt("data").map_or_else(default_data_dir, PathBuf::from);
    check_data_dir(&data).map_err(|why| Halt::error(why.0, 2))?;
    let (listener, taken) = listen(m.text("listen"))?;
    let address = listener.address();
    for name in ["pushgateway.listen", "node.listen"] {
        if !m.text(name).is_empty() && !is_local(m.text(name)) {
            return Err(not_local(m.text(name)));
        }
    }
    let hosts: Arc<[String]> = Arc::new(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
    let failed = |e: String| Halt::error(format!("error: {e}\n"), 1);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| failed(format!("cannot start threads: {e}")))?;
    let beside = Beside::open(&data, m.text("pushgateway.listen"), m.text("node.listen"), hosts.clone());
    let mut beside = runtime.block_on(beside).map_err(failed)?;
    let neighbour = beside.neighbour.take();
    let mut options = options(&data, listener, address, hosts)?;
    let text = config(address, neighbour.as_ref());
    options.config = ConfigSource::Text { name: "firesteel-up.yml".to_owned(), text };
    let own = host_metrics::routes(neighbour.as_ref()).map_err(|e| failed(e.to_string()))?;
    options.extra = Some(own.merge(beside.routes()));
    let told = Told { address, data: data.clone(), taken, neighbour, beside: std::mem::take(&mut beside.said) };
    let app = App::new(options).map_err(|e| Halt::error(e.text, e.code))?;
    let running = app.run(|| announce(&told, began));
    runtime.block_on(beside.serve_while(running)).map_err(failed)
}

/// About a gigabyte of memory: what somebody tries out must not take the machine along.
const HEAD_SERIES_LIMIT: u64 = 1_000_000;

/// Binds the wanted address, or the next free port when there is a `+` behind it; returns what to say about it.
fn listen(wanted: &str) -> Result<(Listener, Option<String>), Halt> {
    let (wanted, next_will_do) = wanted.strip_suffix('+').map_or((wanted, false), |bare| (bare, true));
    if !is_local(wanted) {
        return Err(not_local(wanted));
    }
    let error = match Listener::bind(wanted) {
        Ok(listener) => return Ok((listener, None)),
        Err(e) => e,
    };
    let (host, port) = wanted.rsplit_once(':').unwrap_or((wanted, ""));
    let port: u16 = port.parse().unwrap_or(DEFAULT_PORT);
    let holder = holder_of(port).unwrap_or_else(|| "another process".to_owned());
    if error.is_taken() && next_will_do {
        let next = (1..=MORE_PORTS).find_map(|n| Listener::bind(&format!("{host}:{}", port.checked_add(n)?)).ok());
        if let Some(listener) = next {
            let said = format!("port {port} is held by {holder}; using {} instead", listener.address().port());
            return Ok((listener, Some(said)));
        }
    }
    let text = if error.is_taken() {
        format!("error[FS0302]: port {port} is held by {holder}\n  = fix: stop it, or choose another with --listen\n")
    } else {
        format!("error[FS0302]: {error}\n")
    };
    Err(Halt::error(text, 2))
}

fn is_local(address: &str) -> bool {
    address.rsplit_once(':').is_some_and(|(host, _)| matches!(host, "127.0.0.1" | "localhost" | "[::1]"))
}

fn not_local(wanted: &str) -> Halt {
    let text = format!(
        "error[FS0303]: `up` has no passwords yet and listens on this machine itself only, not on {wanted}\n  \
         = fix: firesteel up --listen=127.0.0.1:9090, and reach it through an SSH tunnel\n"
    );
    Halt::error(text, 2)
}

fn options(data: &Path, listener: Listener, address: SocketAddr, hosts: Arc<[String]>) -> Result<Options, Halt> {
    let flags = [format!("--storage.tsdb.path={}", data.display()), format!("--web.listen-address={address}")];
    let (mut options, _) = Options::parse(flags)?;
    options.listeners = vec![listener];
    options.allowed_hosts = Some(hosts);
    options.cors = Cors::Off;
    options.external_url = format!("http://{address}/");
    "Firesteel".clone_into(&mut options.page_title);
    options.scrape.scrape_at_once = true;
    options.head_series_limit = HEAD_SERIES_LIMIT;
    options.embedded_rules = vec![("firesteel-up.rules.yml".to_owned(), RULES.to_owned())];
    Ok(options)
}

/// What `up` watches for.
const RULES: &str = include_str!("up.rules.yml");

/// What `up` would have in its `prometheus.yml`.
fn config(address: SocketAddr, neighbour: Option<&NodeExporter>) -> String {
    // The host's name rather than an address: dashboards show it.
    let host = rustix::system::uname().nodename().to_string_lossy().replace('\'', "");
    let mut text = "global:\n  scrape_interval: 5s\n  scrape_timeout: 5s\nscrape_configs:\n".to_owned();
    let mut job = |name: &str, more: &str, target: &str| {
        let labels = format!("labels: {{instance: '{host}'}}");
        text += &format!("- job_name: {name}\n{more}  static_configs:\n  - targets: ['{target}']\n    {labels}\n");
    };
    let own = address.to_string();
    job("firesteel", "", &own);
    let path = format!("  metrics_path: {}\n", host_metrics::PATH);
    match neighbour {
        None => job("node", &path, &own),
        Some(neighbour) => {
            job("node", "", &neighbour.address);
            // What that one does not show.
            job("processes", &path, &own);
        }
    }
    job("pushgateway", &format!("  honor_labels: true\n  metrics_path: {GATEWAY}/metrics\n"), &own);
    text
}

/// What there is to tell the person who started it.
struct Told {
    address: SocketAddr,
    data: PathBuf,
    /// That the wanted port was taken.
    taken: Option<String>,
    neighbour: Option<NodeExporter>,
    beside: Vec<String>,
}

#[expect(clippy::print_stdout, reason = "what `up` tells the person who started it")]
fn announce(told: &Told, began: Instant) {
    let address = told.address;
    println!("Firesteel {}  ({})\n", version().firesteel, summary());
    if let Some(taken) = &told.taken {
        println!("  ! {taken}\n");
    }
    println!("  Open        http://{address}/            (only this machine)");
    println!("  Data        {}          (kept between runs; 15 d)", told.data.display());
    println!("  Config      none: defaults in use\n");
    match &told.neighbour {
        None => println!("  ✓ this machine        every 5 s   (job \"node\": the names of node_exporter)"),
        Some(neighbour) => {
            println!("  ✓ this machine        every 5 s   (job \"node\": the node_exporter at {})", neighbour.address);
            println!("  ✓ programs            every 5 s   (job \"processes\": programs, containers)");
        }
    }
    println!("  ✓ firesteel itself    every 5 s   (job \"firesteel\")");
    println!("  ✓ pushes              http://{address}{GATEWAY}/   (job \"pushgateway\")");
    for line in &told.beside {
        println!("  {line}");
    }
    let rules = RULES.matches("- alert:").count();
    println!("  ✓ {rules} alert rules on    (Watchdog always fires: it shows that they work)");
    println!("\nReady in {:.2} s.  Ctrl-C stops; data stays.", began.elapsed().as_secs_f64());
}
