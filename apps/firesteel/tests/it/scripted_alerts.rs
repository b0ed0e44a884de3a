//! Notifications of scripted minutes: targets fail, flap, restart and go, the configuration is reloaded twice. A server
//! of ours tells its Alertmanager what Debian's prometheus tells another one of the same targets, and so does a server of
//! ours that is killed again and again.
//!
//! The script takes 75 seconds, with 4 kills. `FIRESTEEL_SCRIPT_SECONDS=600` stretches it to ten minutes with 20.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use firesteel_go_compat::Instant as GoInstant;
use firesteel_testkit::{FakeTarget, Random, Server, peer, write_answer};
use serde_json::Value;

/// Beyond this a server was held up for so long that alerts may be missing or be too many.
const DISTURBED_SECS: f64 = 2.5;
const LIMIT: Duration = Duration::from_secs(60);
/// The evaluations of two servers lie up to this far apart: where in each second is chosen by a hash of the file's path.
const SLOTS_APART_SECS: f64 = 1.0;

/// How far the script is, for targets and for the test.
#[derive(Debug)]
struct Script {
    /// `None` until all servers are there.
    began: Mutex<Option<Instant>>,
    length_secs: f64,
}

impl Script {
    fn secs(&self) -> f64 {
        self.began.lock().unwrap().map_or(0.0, |began| began.elapsed().as_secs_f64())
    }

    /// Returns the share of the script that is over.
    fn share(&self) -> f64 {
        self.secs() / self.length_secs
    }

    /// Returns a target's page; `None`: it fails.
    fn page(&self, target: &str) -> Option<String> {
        let (share, secs) = (self.share(), self.secs());
        let within = |from: f64, to: f64| (from..to).contains(&share);
        match target {
            "failing" => (!within(0.18, 0.45) && !within(0.58, 0.85)).then(|| "here 1\n".to_owned()),
            "flapping" => (!within(0.15, 0.75) || secs % 20.0 < 10.0).then(|| "here 1\n".to_owned()),
            "gone" => (share < 0.08).then(|| "here 1\n".to_owned()),
            _ => {
                let level = match share {
                    0.0 => -1,
                    s if (0.15..0.3).contains(&s) || (0.65..0.8).contains(&s) => 20,
                    s if (0.3..0.5).contains(&s) => 7,
                    _ => 0,
                };
                let starts = u8::from(share >= 0.35) + u8::from(share >= 0.7);
                Some(format!("level {level}\nstart_time {starts}\n"))
            }
        }
    }
}

/// Windows let a single scrape fail that a busy machine held up.
fn rules(length_secs: f64, phase: usize) -> String {
    let long = (length_secs * 0.13).round();
    let mut text = format!(
        "groups:
- name: script
  interval: 1s
  rules:
  - {{record: 'level:max', expr: 'max(last_over_time(level[4s]))'}}
  - alert: Down
    expr: max_over_time(up[3s]) == 0
    for: 2s
    labels: {{severity: page}}
    annotations: {{summary: '{{{{ $labels.n }}}} of {{{{ $labels.job }}}} is down'}}
  - {{alert: DownLong, expr: \"max_over_time(up[3s]) == 0\", for: {long}s}}
  - {{alert: DownKept, expr: \"max_over_time(up[3s]) == 0\", keep_firing_for: 16s}}
  - alert: Level
    expr: last_over_time(level[4s]) > 5
    labels: {{severity: '{{{{ if gt $value 10.0 }}}}critical{{{{ else }}}}warning{{{{ end }}}}'}}
    annotations: {{summary: 'level {{{{ $value }}}} of {{{{ $externalLabels.dc }}}}'}}
  - {{alert: Chain, expr: 'level:max > 15', for: 2s}}
  - {{alert: Restarted, expr: 'changes(start_time[8s]) > 0'}}
- name: other
  interval: 1s
  rules:
  - {{alert: Always, expr: 'level:max >= 0'}}
"
    );
    if phase > 0 {
        text += "  - {alert: Late, expr: 'level:max > 15', for: 3s, annotations: {value: '{{ $value }}'}}\n";
    }
    if phase > 1 {
        // A group that changes goes on with its alerts.
        text = text.replace("is down", "is down again");
    }
    text
}

fn config(targets: &str, alertmanager: &str, who: &str, with_gone: bool) -> String {
    let mut text = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s, external_labels: {{dc: x}}}}
rule_files: [rules.yml]
alerting:
  alert_relabel_configs: [{{regex: dc, action: labeldrop}}]
  alertmanagers: [{{static_configs: [{{targets: ['{alertmanager}']}}]}}]
scrape_configs:
"
    );
    for (job, names) in [("t", &["failing", "flapping", "level"][..]), ("g", &["gone"])] {
        if job == "g" && !with_gone {
            continue;
        }
        text += &format!("- job_name: {job}\n  params: {{who: [{who}]}}\n  static_configs:\n");
        for n in names {
            text +=
                &format!("  - {{targets: ['{targets}'], labels: {{n: {n}, instance: {n}, __metrics_path__: /{n}}}}}\n");
        }
    }
    text
}

/// From when to when an alert fired, and what was said of it first.
#[derive(Clone, Debug)]
struct Episode {
    began: f64,
    ended: Option<f64>,
    annotations: String,
}

/// By labels.
type Told = BTreeMap<String, Vec<Episode>>;

/// Notes what it is told.
struct Alertmanager {
    server: FakeTarget,
    told: Arc<Mutex<Told>>,
}

impl Alertmanager {
    fn start() -> Self {
        let told = Arc::new(Mutex::new(Told::new()));
        let own = told.clone();
        let server = FakeTarget::start(move |request, out| {
            let alerts: Vec<Value> = serde_json::from_slice(&request.body).unwrap();
            let mut told = own.lock().unwrap();
            for alert in &alerts {
                note(&mut told, alert);
            }
            drop(told);
            write_answer(out, "200 OK", &[], b"")
        });
        Self { server: server.unwrap(), told }
    }
}

fn unix_secs(value: &Value) -> f64 {
    let at = GoInstant::parse_rfc3339(value.as_str().unwrap()).unwrap();
    at.unix_ms() as f64 / 1e3
}

fn note(told: &mut Told, alert: &Value) {
    let (began, ends) = (unix_secs(&alert["startsAt"]), unix_secs(&alert["endsAt"]));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    // Alerts that fire are valid for twenty seconds.
    let ended = (ends <= now).then_some(ends);
    let episodes = told.entry(alert["labels"].to_string()).or_default();
    match episodes.iter_mut().find(|one| one.began == began) {
        Some(one) => one.ended = one.ended.or(ended),
        None => episodes.push(Episode { began, ended, annotations: alert["annotations"].to_string() }),
    }
}

/// When each server asked the targets.
type Scrapes = Arc<Mutex<BTreeMap<String, Vec<f64>>>>;

fn targets(script: &Arc<Script>, scrapes: &Scrapes) -> FakeTarget {
    let (script, scrapes) = (script.clone(), scrapes.clone());
    let target = FakeTarget::start(move |request, out| {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        scrapes.lock().unwrap().entry(format!("{path} {query}")).or_default().push(script.secs());
        let text = [("Content-Type", "text/plain; version=0.0.4")];
        match script.page(path.trim_start_matches('/')) {
            Some(page) => write_answer(out, "200 OK", &text, page.as_bytes()),
            None => write_answer(out, "500 Internal Server Error", &text, b""),
        }
    });
    target.unwrap()
}

/// One server under the script.
struct Actor {
    who: &'static str,
    dir: tempfile::TempDir,
    program: std::path::PathBuf,
    alertmanager: Alertmanager,
    server: Option<Server>,
    /// When it was away, by the wall clock.
    outages: Vec<(f64, f64)>,
    /// By slow reloads and missed evaluations.
    held_up_secs: f64,
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor").field("who", &self.who).finish_non_exhaustive()
    }
}

impl Actor {
    fn new(who: &'static str, program: &std::path::Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let alertmanager = Alertmanager::start();
        Self {
            who,
            dir,
            program: program.to_owned(),
            alertmanager,
            server: None,
            outages: Vec::new(),
            held_up_secs: 0.0,
        }
    }

    fn config(&self, targets: &str, phase: usize) -> String {
        config(targets, &self.alertmanager.server.address(), self.who, phase == 0)
    }

    fn start(&mut self, targets: &str, phase: usize, length_secs: f64) {
        self.write_rules(phase, length_secs);
        let mut args = vec!["--rules.alert.resend-delay=5s", "--web.enable-lifecycle"];
        if self.who != "theirs" {
            args.insert(0, "prometheus");
        }
        let config = self.config(targets, phase);
        self.server = Some(Server::start(&self.program, &args, self.dir.path(), &config).unwrap());
    }

    fn write_rules(&self, phase: usize, length_secs: f64) {
        std::fs::write(self.dir.path().join("rules.yml"), rules(length_secs, phase)).unwrap();
    }

    /// Gives the server the configuration and rules of a phase of the script.
    fn reload(&mut self, targets: &str, phase: usize, length_secs: f64) {
        self.write_rules(phase, length_secs);
        let server = self.server.as_ref().unwrap();
        server.write_config(&self.config(targets, phase)).unwrap();
        let began = Instant::now();
        assert_eq!(server.post("/-/reload", &[], b"").unwrap().0, 200, "{}: {}", self.who, server.log());
        self.held_up_secs += (began.elapsed().as_secs_f64() - 0.5).max(0.0);
    }

    fn kill(&mut self, targets: &str, phase: usize, length_secs: f64) {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        self.note_missed();
        let from = now();
        self.server.take().unwrap().kill_9().unwrap();
        self.start(targets, phase, length_secs);
        self.outages.push((from, now()));
    }

    /// Adds up the iterations that the process missed.
    fn note_missed(&mut self) {
        let (_, page) = self.server.as_ref().unwrap().get("/metrics").unwrap();
        let of_group = page.lines().filter(|line| line.starts_with("prometheus_rule_group_iterations_missed_total{"));
        self.held_up_secs += of_group.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>();
    }

    fn told(&self) -> Told {
        self.alertmanager.told.lock().unwrap().clone()
    }

    /// Returns by how many seconds somebody was held up: gaps between scrapes, evaluations that were missed.
    fn held_up(&self, scrapes: &Scrapes) -> f64 {
        let scrapes = scrapes.lock().unwrap();
        let own = scrapes.iter().filter(|(key, _)| key.contains(&format!("who={}", self.who)));
        let gaps = own.flat_map(|(_, times)| times.windows(2).map(|pair| pair[1] - pair[0] - 1.0));
        let away = self.outages.iter().map(|(from, to)| to - from + 2.0).fold(0.0, f64::max);
        // A killed server scrapes nothing meanwhile, which is no disturbance.
        (gaps.fold(0.0, f64::max) - away).max(0.0) + self.held_up_secs
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Act {
    Reload(usize),
    Kill,
}

/// What each act's share of the script is. Debian's sends nothing for some seconds after a reload, and an alert that ended
/// again after the resend delay: no alert begins anew meanwhile.
fn acts(kills: usize) -> Vec<(f64, Act)> {
    let mut acts = vec![(0.5, Act::Reload(1)), (0.93, Act::Reload(2))];
    let mut random = Random::new(7);
    for kill in 0..kills {
        // One in each stretch, so that no two fall together.
        let stretch = 0.8 / kills as f64;
        let at = 0.06 + stretch * (kill as f64 + random.below(600) as f64 / 1000.0);
        acts.push((if (0.47..0.53).contains(&at) { at + 0.06 } else { at }, Act::Kill));
    }
    acts.sort_by(|a, b| a.0.total_cmp(&b.0));
    acts
}

/// Says how two servers' notifications differ, if they do; times may be apart by `tolerance`, and by an outage.
fn compare(want: &Told, got: &Told, tolerance: f64, outages: &[(f64, f64)]) -> Result<(), String> {
    let near = |a: f64, b: f64| {
        let within = |(from, to): &(f64, f64)| [a, b].iter().all(|t| (from - tolerance..=to + tolerance).contains(t));
        (a - b).abs() <= tolerance || outages.iter().any(within)
    };
    let names = |told: &Told| told.keys().cloned().collect::<Vec<_>>();
    if names(want) != names(got) {
        return Err(format!("other alerts:\n{:#?}\n{:#?}", names(want), names(got)));
    }
    for (labels, want) in want {
        let got = &got[labels];
        let same = want.len() == got.len()
            && want.iter().zip(got).all(|(a, b)| {
                let ends =
                    a.ended.is_some() == b.ended.is_some() && a.ended.zip(b.ended).is_none_or(|(a, b)| near(a, b));
                near(a.began, b.began) && ends && a.annotations == b.annotations
            });
        if !same {
            return Err(format!("{labels}, tolerance {tolerance} s, outages {outages:?}\n{want:#?}\n{got:#?}"));
        }
    }
    Ok(())
}

#[test]
fn notifications_are_the_references_and_outlive_kills() {
    let Some(theirs) = peer("prometheus") else { return };
    let length_secs =
        std::env::var("FIRESTEEL_SCRIPT_SECONDS").map_or(75.0, |text| text.parse::<f64>().expect("a number"));
    let kills = if length_secs >= 600.0 { 20 } else { 4 };
    let mut actors = [
        Actor::new("ours", crate::firesteel()),
        Actor::new("theirs", &theirs),
        Actor::new("killed", crate::firesteel()),
    ];
    let scrapes = Scrapes::default();
    // Servers take their time to start: the script begins when all scrape.
    let script = Arc::new(Script { began: Mutex::default(), length_secs });
    let target = targets(&script, &scrapes);
    let address = target.address();
    for actor in &mut actors {
        actor.start(&address, 0, length_secs);
    }
    let deadline = Instant::now() + LIMIT;
    // Three servers, four targets.
    while scrapes.lock().unwrap().len() < 12 {
        assert!(Instant::now() < deadline, "not all is scraped: {:?}", scrapes.lock().unwrap());
        std::thread::sleep(Duration::from_millis(20));
    }
    scrapes.lock().unwrap().clear();
    *script.began.lock().unwrap() = Some(Instant::now());
    let mut phase = 0;
    for (share, act) in acts(kills) {
        while script.share() < share {
            std::thread::sleep(Duration::from_millis(20));
        }
        match act {
            Act::Kill => actors[2].kill(&address, phase, length_secs),
            Act::Reload(next) => {
                phase = next;
                std::thread::scope(|scope| {
                    for actor in &mut actors {
                        scope.spawn(|| actor.reload(&address, phase, length_secs));
                    }
                });
            }
        }
    }
    while script.share() < 1.0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    // What ended is told of at once; a busy machine may take longer.
    let ended = |told: &Told| {
        told.iter().all(|(labels, all)| labels.contains("Always") || all.iter().all(|one| one.ended.is_some()))
    };
    let deadline = Instant::now() + LIMIT;
    while !actors.iter().all(|actor| ended(&actor.told())) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(100));
    }
    for actor in &mut actors {
        actor.note_missed();
    }
    let held_up = actors.each_ref().map(|actor| actor.held_up(&scrapes));
    let [ours, theirs, killed] = actors.each_ref().map(Actor::told);
    if std::env::var_os("FIRESTEEL_FIGURES").is_some() {
        println!("held up: {held_up:?} s; outages: {:?}\n{ours:#?}", actors[2].outages);
    }
    let worst = held_up.into_iter().fold(0.0, f64::max);
    if worst > DISTURBED_SECS {
        // Nobody can say then what the reference would have told; what lasted long was told by all.
        for (told, who) in [(&ours, "ours"), (&theirs, "theirs"), (&killed, "killed")] {
            for name in ["Always", "Level", "DownKept"] {
                assert!(told.keys().any(|labels| labels.contains(name)), "{who}: {name} is missing in {told:#?}");
            }
        }
        return;
    }
    let fault = |what: &str, why: String| panic!("{what}, held up {held_up:?}: {why}");
    // Two evaluations of a second, and one.
    let apart = SLOTS_APART_SECS + worst;
    compare(&theirs, &ours, 2.0 + apart, &[]).unwrap_or_else(|why| fault("theirs and ours", why));
    compare(&ours, &killed, 1.0 + apart, &actors[2].outages).unwrap_or_else(|why| fault("ours and killed", why));
}
