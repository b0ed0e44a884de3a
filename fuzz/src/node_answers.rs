//! What other processes answer to the collectors of a node: the message bus, a supervisord, a time server, a runit supervisor.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, UdpSocket};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};

use firesteel_client::Collect;
use firesteel_collectors::{HostRoots, NodeCollector, NodeOptions, Settings};

/// A collector, and who answers it. The first byte of an input says which; new ones come last.
pub const ANSWERERS: &[(&str, Answerer)] = &[
    ("systemd", Answerer::Bus),
    ("logind", Answerer::Bus),
    ("supervisord", Answerer::Socket),
    ("runit", Answerer::File),
    ("ntp", Answerer::Datagram),
];

/// By which way the bytes come.
#[derive(Clone, Copy, Debug)]
pub enum Answerer {
    /// Behind the greeting of a bus.
    Bus,
    /// To whatever is asked over a socket.
    Socket,
    /// In a file.
    File,
    /// In a datagram.
    Datagram,
}

struct Asked {
    dir: PathBuf,
    node: NodeCollector,
    answers: Option<Sender<Vec<u8>>>,
}

thread_local! {
    static ASKED: RefCell<HashMap<usize, Asked>> = RefCell::new(HashMap::new());
}

/// The bytes are an answer, behind one that says to whom.
pub fn node_answers(data: &[u8]) {
    let Some((which, content)) = data.split_first() else { return };
    let at = usize::from(*which) % ANSWERERS.len();
    let (name, answerer) = ANSWERERS[at];
    ASKED.with_borrow_mut(|all| {
        let asked = all.entry(at).or_insert_with(|| {
            let dir = std::env::temp_dir().join(format!("firesteel-fuzz-{}/answers-{name}", std::process::id()));
            start(dir, name, answerer)
        });
        match &asked.answers {
            Some(answers) => answers.send(content.to_vec()).expect("whoever answers is there"),
            None => fs::write(asked.dir.join("service/a/supervise/status"), content).expect("a file"),
        }
        let mut families = Vec::new();
        asked.node.collect(&mut families);
        let samples: usize = families.iter().map(|family| family.metrics.len()).sum();
        assert!(samples <= 64 + 64 * content.len(), "{name}: {samples} samples of {} bytes", content.len());
    });
}

fn start(dir: PathBuf, name: &str, answerer: Answerer) -> Asked {
    fs::create_dir_all(dir.join("service/a/supervise")).expect("a directory");
    let socket = dir.join("socket");
    // Of a process that had this number before.
    let _before = fs::remove_file(&socket);
    let mut settings = Settings::default()
        .with("collector.supervisord.url", &format!("unix://{}", socket.display()))
        .with("collector.runit.servicedir", &dir.join("service").to_string_lossy());
    let answers = match answerer {
        Answerer::Bus => Some(listen(&socket, true)),
        Answerer::Socket => Some(listen(&socket, false)),
        Answerer::File => None,
        Answerer::Datagram => {
            let (answers, port) = time_server();
            settings = settings.with("collector.ntp.server-port", &port);
            Some(answers)
        }
    };
    let mut host = HostRoots::new(dir.join("proc"), dir.join("sys"), dir.join("root"), dir.join("udev"));
    host.system_bus = format!("unix:path={}", socket.display());
    let node =
        NodeCollector::new(&NodeOptions { host, enabled: vec![name.to_owned()], settings }).expect("good settings");
    Asked { dir, node, answers }
}

/// Answers each connection with the next bytes, and hangs up.
fn listen(path: &Path, is_bus: bool) -> Sender<Vec<u8>> {
    let listener = UnixListener::bind(path).expect("a socket");
    let (send, answers) = channel::<Vec<u8>>();
    std::thread::spawn(move || {
        for mut answer in answers {
            let Ok((mut stream, _)) = listener.accept() else { return };
            if is_bus {
                answer.splice(..0, *b"OK 0123456789abcdef0123456789abcdef\r\n");
            }
            // Who asks may leave in the middle of it.
            let _left = stream.write_all(&answer).and_then(|()| stream.shutdown(Shutdown::Write));
            let _read = stream.read_to_end(&mut Vec::new());
        }
    });
    send
}

/// Answers each question with the next bytes; the number that an answer has to carry is put where it belongs.
fn time_server() -> (Sender<Vec<u8>>, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let port = socket.local_addr().expect("bound").port().to_string();
    let (send, answers) = channel::<Vec<u8>>();
    std::thread::spawn(move || {
        for mut answer in answers {
            let mut question = [0; 64];
            let Ok((read, from)) = socket.recv_from(&mut question) else { return };
            if let (Some(place), Some(number)) = (answer.get_mut(24..32), question[..read].get(40..48)) {
                place.copy_from_slice(number);
            }
            answer.truncate(60_000);
            let _left = socket.send_to(&answer, from);
        }
    });
    (send, port)
}
