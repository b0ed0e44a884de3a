//! A server from its options to its end.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use firesteel_api::{Api, ApiOptions, FederationMetrics, Notice, Notifications, Readiness, Ready, router};
use firesteel_base::SystemClock;
use firesteel_cli::version;
use firesteel_client::Registry;
use firesteel_config::{Config, Diagnostic};
use firesteel_go_compat::Instant;
use firesteel_net::Accepted;
use firesteel_net::server::{HttpMetrics, Listener, ServeOptions, WebConfigFile, serve};
use firesteel_notifier::Notifier;
use firesteel_promql::Engine;
use firesteel_remote::{ReadHandler, WriteReceiver};
use firesteel_rules::RuleSettings;
use firesteel_tsdb::DbOptions;
use firesteel_ui::UiOptions;
use rustix::process::Resource;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::auto_reload::AutoReload;
use crate::config_source::ConfigError;
use crate::external_url::{ExternalUrl, route_prefix};
use crate::metrics::ServerMetrics;
use crate::notifying::Notifying;
use crate::queries_active::ActiveQueries;
use crate::query_log::QueryLog;
use crate::reload::{Refused, Reloader};
use crate::ruling::{self, Ruling};
use crate::scraping::Scraping;
use crate::shutdown::Ending;
use crate::storing::{LateDb, db_options, retention, shown_flags, store_source, tell_retention};
use crate::wire::{Admin, Lifecycle, Queries, ReloadRequest, Status};
use crate::{Options, host};

/// A server could not begin: what to print on stderr (already logged things aside) and how to exit.
#[derive(Debug)]
pub struct StartError {
    pub text: String,
    pub code: u8,
}

/// A server whose configuration is checked and whose sockets are bound.
pub struct App {
    options: Options,
    config: Config,
    auto_reload: AutoReload,
    listeners: Vec<Listener>,
    external: ExternalUrl,
    web: Option<Arc<WebConfigFile>>,
    registry: Registry,
    metrics: ServerMetrics,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("options", &self.options).finish_non_exhaustive()
    }
}

impl App {
    /// Reads and checks the configuration, refuses what does not act, binds the listeners.
    pub fn new(mut options: Options) -> Result<Self, StartError> {
        for name in &options.unknown_features {
            warn!(option = name, "Unknown option for --enable-feature");
        }
        let quiet = |code| StartError { text: String::new(), code };
        let first_port = options.listen.first().and_then(|a| a.rsplit_once(':')).and_then(|(_, p)| p.parse().ok());
        let bad_url = |e| StartError { text: format!("parse external URL {:?}: {e}\n", options.external_url), code: 2 };
        let mut external =
            ExternalUrl::new(&options.external_url, &host::hostname(), first_port.unwrap_or(0)).map_err(bad_url)?;
        let (config, idle) = options.config.load(&options.defaults).map_err(|e: ConfigError| {
            options.config.log(&e);
            StartError { text: e.faults, code: 2 }
        })?;
        refuse_unsupported(&options, &idle)?;
        let auto_reload = AutoReload::new(options.auto_reload, &options.config, &config);
        check_percentage(&options, &config)?;
        ruling::check(&config, options.parser).map_err(|e| {
            let file = options.config.name();
            error!(file, err = %e, "Error loading rule file patterns from config (--config.file={file:?})");
            let faults: Vec<String> = e.faults().iter().map(Diagnostic::render).collect();
            StartError { text: faults.join("\n"), code: 2 }
        })?;
        let web = options.web_config.as_deref().map(WebConfigFile::open).transpose().map_err(|e| {
            let e = e.to_string();
            error!(err = e, "Unable to validate web configuration file");
            StartError { text: format!("{}\n", e.trim_start()), code: 1 }
        })?;
        let registry = Registry::new();
        let metrics = ServerMetrics::new(&registry);
        // The configuration is valid: an alert on these two must not fire while a long replay runs.
        metrics.config_ok.set(1.0);
        metrics.config_at.set_to_current_time();
        let v = version();
        info!(mode = "server", version = v.info(), firesteel = v.firesteel, "Starting Prometheus Server");
        host::raise_open_files();
        info!(
            build_context = v.build_context(),
            host_details = host::details(),
            fd_limits = host::limit(Resource::Nofile),
            vm_limits = host::limit(Resource::As),
            "operational information"
        );
        let mut listeners = std::mem::take(&mut options.listeners);
        if listeners.is_empty() {
            for address in &options.listen {
                info!(component = "web", address, "Start listening for connections");
                listeners.push(Listener::bind(address).map_err(|e| {
                    error!(err = %e, "Unable to start web listeners");
                    quiet(1)
                })?);
            }
        }
        if options.external_url.is_empty()
            && let Some(first) = listeners.first()
        {
            external.host = format!("{}:{}", host::hostname(), first.address().port());
        }
        Ok(Self { options, config, auto_reload, listeners, external, web: web.map(Arc::new), registry, metrics })
    }

    /// Returns the addresses that are listened on.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(Listener::address).collect()
    }

    /// Returns the registry of the server's own metrics.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Serves until a signal or `/-/quit`; `when_ready` is called once, when everything answers.
    ///
    /// Must run inside a tokio runtime with I/O and time.
    pub async fn run(self, when_ready: impl FnOnce()) -> ExitCode {
        let (Ok(mut signals), Ok(mut hangup)) = (Signals::new(), signal(SignalKind::hangup())) else {
            error!(err = "cannot listen for signals", "Fatal error");
            return ExitCode::FAILURE;
        };
        let readiness = Readiness::default();
        let notifications = Notifications::new(self.options.max_notification_subscribers, &self.registry);
        notifications.add(Notice::StartingUp);
        let db = Arc::new(LateDb::default());
        let scraping = Arc::new(Scraping::default());
        let notifying = Arc::new(Notifying(Notifier::new(self.options.notifier.clone(), &self.registry)));
        let rules = Arc::new(Ruling::new(&self.options.embedded_rules));
        let config = Arc::new(ArcSwap::from_pointee(Config::default()));
        let (reloads, mut reload_requests) = mpsc::channel::<ReloadRequest>(1);
        let quit = CancellationToken::new();
        let queries = match Engine::new(self.options.engine.clone(), &self.registry) {
            Ok(engine) => {
                let log = QueryLog::new(&self.registry);
                Arc::new(Queries { engine, db: db.clone(), active: OnceLock::new(), log })
            }
            Err(e) => {
                error!(err = %e, "Fatal error");
                return ExitCode::FAILURE;
            }
        };
        let prefix = route_prefix(&self.options.route_prefix, &self.external);
        let refused = Refused::default();
        let api = Arc::new(Api {
            readiness: readiness.clone(),
            queries: queries.clone(),
            store: db.clone(),
            federation: FederationMetrics::new(&self.registry),
            notifications: notifications.clone(),
            exemplars: db.clone(),
            targets: scraping.clone(),
            alertmanagers: notifying.clone(),
            rules: rules.clone(),
            status: Arc::new(Status {
                config: config.clone(),
                flags: shown_flags(&self.options, &self.config),
                registry: self.registry.clone(),
                metrics: self.metrics.clone(),
                db: db.clone(),
                started: Instant::from_unix_ms(firesteel_base::Clock::now(&SystemClock).0),
                refused: refused.clone(),
            }),
            control: Arc::new(Lifecycle { reloads, quit: quit.clone(), quitting: AtomicBool::new(false) }),
            admin: Arc::new(Admin { db: db.clone() }),
            clock: Arc::new(SystemClock),
            running: Arc::default(),
            gate: Api::gate_of(self.options.max_concurrency),
            options: self.api_options(),
        });
        let page = firesteel_ui::routes(&UiOptions {
            external_prefix: if self.external.path.is_empty() { "/".to_owned() } else { self.external.path.clone() },
            title: self.options.page_title.clone(),
        });
        let page = match self.options.extra.clone() {
            Some(extra) => page.merge(extra),
            None => page,
        };
        let writes = WriteReceiver::new(store_source(db.clone()), self.options.receiver.clone(), &self.registry);
        let labels_of = config.clone();
        let external = Arc::new(move || labels_of.load().global.external_labels.to_labels());
        let reads = ReadHandler::new(db.clone(), self.options.remote_read, external, &self.registry);
        let remote = firesteel_remote::routes(Arc::new(writes), Arc::new(reads));
        let routes = router(api, &prefix, Some(page), remote, HttpMetrics::new(&self.registry, &prefix));
        let stop_web = CancellationToken::new();
        let limits = ServeOptions {
            max_connections: self.options.max_connections,
            read_timeout: self.options.read_timeout,
            web: self.web.clone(),
            accepted: Some(Accepted::new(&self.registry)),
        };
        for listener in &self.listeners {
            info!(component = "web", address = %listener.address(), "Listening on");
            log_tls(self.web.as_deref(), listener.address());
        }
        let web = tokio::spawn(serve(self.listeners, routes, limits, stop_web.clone()));
        let reloader = Arc::new(Reloader {
            source: self.options.config.clone(),
            defaults: self.options.defaults.clone(),
            allow_unsupported: self.options.allow_unsupported,
            exemplars: self.options.scrape.exemplars,
            config,
            scraping: scraping.clone(),
            notifying: notifying.clone(),
            notifications: notifications.clone(),
            rules: rules.clone(),
            external_url: self.external.to_string(),
            parser: self.options.parser,
            db: db.clone(),
            queries: queries.clone(),
            metrics: self.metrics.clone(),
            refused,
        });
        let ending = |opened| Ending {
            readiness: readiness.clone(),
            scraping: scraping.clone(),
            notifying: notifying.clone(),
            notifications: notifications.clone(),
            rules: rules.clone(),
            db: opened,
            stop_web,
            web,
        };

        info!("Starting TSDB ...");
        let opened =
            open_storage(&db, &queries, db_options(&self.options, &self.config), self.options.max_concurrency).await;
        let opened = match opened {
            Ok(opened) => opened,
            Err(e) => {
                error!(err = e, "Fatal error");
                ending(None).run().await;
                return ExitCode::FAILURE;
            }
        };
        opened.register(&self.registry);
        info!("TSDB started");
        tell_retention(&opened.retention());
        if let Err(e) = scraping.start(self.options.scrape.clone(), opened.clone(), &self.registry) {
            error!(err = e, "Fatal error");
            ending(Some(opened)).run().await;
            return ExitCode::FAILURE;
        }
        let settings = RuleSettings {
            external_url: self.external.to_string(),
            parser: self.options.parser,
            ..self.options.rules.clone()
        };
        if let Err(e) = rules.start(settings, queries.clone(), opened.clone(), notifying.clone(), &self.registry) {
            error!(err = e, "Fatal error");
            ending(Some(opened)).run().await;
            return ExitCode::FAILURE;
        }
        info!(filename = reloader.source.name(), "Loading configuration file");
        if let Err(e) = reloader.apply(self.config).await {
            error!(err = e, "Fatal error");
            ending(Some(opened)).run().await;
            return ExitCode::FAILURE;
        }
        readiness.set(Ready::Yes);
        notifications.remove(Notice::StartingUp);
        self.metrics.ready.set(1.0);
        info!("Server is ready to receive web requests.");
        when_ready();

        let config_now = || reloader.config.load_full();
        let mut auto = self.auto_reload;
        loop {
            tokio::select! {
                name = signals.end() => {
                    warn!(signal = name, "Received an OS signal, exiting gracefully...");
                    break;
                }
                () = quit.cancelled() => {
                    warn!("Received termination request via web service, exiting gracefully...");
                    break;
                }
                _ = hangup.recv() => {
                    let found = auto.now(&config_now());
                    // What went wrong is in the log; nobody else waits for it.
                    if reloader.reload().await.is_ok() {
                        auto.applied(found);
                    }
                }
                Some(done) = reload_requests.recv() => {
                    let found = auto.now(&config_now());
                    let outcome = reloader.reload().await;
                    if outcome.is_ok() {
                        auto.applied(found);
                    }
                    // Whoever asked may be gone; the reload counts all the same.
                    let _ = done.send(outcome);
                }
                found = auto.changed(config_now) => {
                    if reloader.reload().await.is_ok() {
                        auto.applied(found);
                    }
                }
            }
        }
        self.metrics.ready.set(0.0);
        let well = ending(Some(opened)).run().await;
        info!("See you next time!");
        if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn api_options(&self) -> ApiOptions {
        ApiOptions {
            app_name: "Prometheus Server",
            lifecycle: self.options.lifecycle,
            admin: self.options.admin,
            query_timeout: self.options.engine.timeout,
            lookback: self.options.engine.lookback,
            parser: self.options.parser,
            cors: self.options.cors.clone(),
            external_scheme: self.external.scheme.clone(),
            external_host: self.external.host.clone(),
            external_url: self.external.to_string(),
            console_templates: self.options.console_templates.clone(),
            console_libraries: self.options.console_libraries.clone(),
            own_port: self.listeners.first().map_or(0, |l| l.address().port()),
            allowed_hosts: self.options.allowed_hosts.clone(),
        }
    }
}

fn log_tls(web: Option<&WebConfigFile>, address: SocketAddr) {
    match web {
        Some(web) if web.is_tls() => info!(component = "web", http2 = web.http2(), %address, "TLS is enabled."),
        _ => info!(component = "web", http2 = false, %address, "TLS is disabled."),
    }
}

/// Refuses a retention by percentage of a file system that does not tell its size.
fn check_percentage(options: &Options, config: &Config) -> Result<(), StartError> {
    let percentage = retention(config).percentage;
    if percentage > 0.0 && host::capacity_bytes(&options.data_dir) == 0 {
        let dir = options.data_dir.display();
        let text = format!(
            "unable to detect total capacity of metric storage at {dir}, please disable retention percentage ({percentage}%)\n"
        );
        return Err(StartError { text, code: 2 });
    }
    Ok(())
}

/// Refuses flags and sections that do not act, all of them at once, unless told to go on.
fn refuse_unsupported(options: &Options, sections: &[Diagnostic]) -> Result<(), StartError> {
    if options.allow_unsupported {
        for what in &options.unsupported {
            warn!("{what} (going on: --allow-unsupported)");
        }
        for d in sections {
            warn!(place = %crate::config_source::place(d), "{} (going on: --allow-unsupported)", d.message);
        }
        return Ok(());
    }
    if options.unsupported.is_empty() && sections.is_empty() {
        return Ok(());
    }
    let mut text = String::new();
    for what in &options.unsupported {
        text += &format!("error[FS0310]: {what}\n");
    }
    for d in sections {
        text += &d.render();
        text.push('\n');
    }
    text += "Nothing was started. --allow-unsupported starts without what is named above.\n";
    error!(err = "the configuration or a flag asks for something that does not act yet", "Error loading config");
    Err(StartError { text, code: 2 })
}

/// Opens the database and then `queries.active`, which lies in its directory.
async fn open_storage(
    db: &Arc<LateDb>,
    queries: &Arc<Queries>,
    settings: DbOptions,
    max_concurrency: i64,
) -> Result<Arc<firesteel_tsdb::Db>, String> {
    let (db, queries) = (db.clone(), queries.clone());
    let slots = u32::try_from(max_concurrency).unwrap_or(0).clamp(1, 10_000);
    let opening = tokio::task::spawn_blocking(move || {
        let dir = settings.dir.clone();
        std::fs::create_dir_all(&dir).map_err(|e| format!("create data directory {}: {e}", dir.display()))?;
        let opened = db.open(settings).map_err(|e| format!("opening storage failed: {e}"))?;
        match ActiveQueries::open(&dir, slots) {
            Ok(active) => {
                let _ = queries.active.set(active);
            }
            Err(e) => error!(component = "activeQueryTracker", err = %e, "Error opening query log file"),
        }
        Ok(opened)
    });
    opening.await.map_err(|e| format!("opening storage failed: {e}"))?
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn end(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "interrupt",
            _ = self.terminate.recv() => "terminated",
        }
    }
}
