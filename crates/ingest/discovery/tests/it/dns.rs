//! `dns_sd_configs` against a name server of ours.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use firesteel_config::{SdConfigs, sd::DnsSd};
use firesteel_discovery::LabelMap;
use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, NS, SRV};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use parking_lot::Mutex;

use crate::follow::{Follow, addresses};

/// Records by name; a name that is not there does not exist.
type Zone = Arc<Mutex<BTreeMap<String, Records>>>;

#[derive(Clone)]
enum Records {
    Some(Vec<RData>),
    Refused,
    Silence,
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).expect("a name")
}

/// Returns the answer; over UDP, what is longer than 512 bytes is cut off.
fn answer(zone: &Zone, question: &[u8], is_udp: bool) -> Option<Vec<u8>> {
    let question = Message::from_vec(question).expect("a question");
    let query = question.queries.first().expect("one question").clone();
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    assert_eq!(question.metadata.message_type, MessageType::Query);
    assert_eq!(question.edns.is_some(), is_udp, "EDNS over UDP alone");
    answer.add_query(query.clone());
    match zone.lock().get(&query.name().to_ascii()) {
        None => answer.metadata.response_code = ResponseCode::NXDomain,
        Some(Records::Refused) => answer.metadata.response_code = ResponseCode::Refused,
        Some(Records::Silence) => return None,
        Some(Records::Some(records)) => {
            let fits = |r: &&RData| r.record_type() == query.query_type() || r.record_type() == RecordType::CNAME;
            answer.add_answers(
                records.iter().filter(fits).map(|r| Record::from_rdata(query.name().clone(), 1, r.clone())),
            );
        }
    }
    let whole = answer.to_vec().expect("an answer");
    if is_udp && whole.len() > 512 {
        answer.answers.clear();
        answer.metadata.truncation = true;
        return Some(answer.to_vec().expect("an answer"));
    }
    Some(whole)
}

/// Serves a zone on a port of its own, over UDP and TCP, as long as the process lives.
fn serve(zone: &Zone) -> u16 {
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let address = udp.local_addr().expect("bound");
        if let Ok(tcp) = TcpListener::bind(address) {
            break (udp, tcp);
        }
    };
    let port = udp.local_addr().expect("bound").port();
    let of_udp = Arc::clone(zone);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((len, from)) = udp.recv_from(&mut buffer) {
            let Some(bytes) = answer(&of_udp, &buffer[..len], true) else { continue };
            // Somebody else's answer first: it must be passed over.
            let mut other = bytes.clone();
            other[0] ^= 0x55;
            udp.send_to(&other, from).expect("send");
            udp.send_to(&bytes, from).expect("send");
        }
    });
    let of_tcp = Arc::clone(zone);
    std::thread::spawn(move || {
        for mut stream in tcp.incoming().flatten() {
            let mut len = [0; 2];
            stream.read_exact(&mut len).expect("a length");
            let mut question = vec![0; usize::from(u16::from_be_bytes(len))];
            stream.read_exact(&mut question).expect("a question");
            let bytes = answer(&of_tcp, &question, false).expect("an answer");
            let len = u16::try_from(bytes.len()).expect("short");
            stream.write_all(&[&len.to_be_bytes()[..], &bytes].concat()).expect("write");
        }
    });
    port
}

struct Run {
    zone: Zone,
    dir: tempfile::TempDir,
}

impl Run {
    /// `before` are servers to ask first.
    fn new(before: &[u16]) -> Self {
        let zone = Zone::default();
        let dir = tempfile::tempdir().expect("a directory");
        let servers = before.iter().copied().chain([serve(&zone)]);
        let lines: String = servers.map(|port| format!("nameserver [127.0.0.1]:{port}\n")).collect();
        std::fs::write(dir.path().join("resolv.conf"), format!("{lines}search example.org\n")).expect("write");
        Self { zone, dir }
    }

    fn set(&self, name: &str, records: &[RData]) {
        self.zone.lock().insert(name.to_owned(), Records::Some(records.to_vec()));
    }

    fn follow(&self, record_type: &str, names: &[&str]) -> Follow {
        let dns = DnsSd {
            names: names.iter().map(|n| (*n).to_owned()).collect(),
            refresh_interval: Duration::from_millis(50),
            record_type: record_type.to_owned(),
            port: 9100,
        };
        let configs = SdConfigs { dns_sd_configs: vec![dns], ..SdConfigs::default() };
        Follow::start_with(&configs, self.dir.path().join("resolv.conf"))
    }
}

fn a(last: u8) -> RData {
    RData::A(A(Ipv4Addr::new(192, 0, 2, last)))
}

fn map(pairs: &[(&str, &str)]) -> LabelMap {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

#[tokio::test]
async fn records_of_each_type_are_targets() {
    let run = Run::new(&[]);
    run.set(
        "x.example.org.",
        &[
            RData::CNAME(CNAME(name("y.example.org."))),
            a(1),
            RData::AAAA(AAAA(Ipv6Addr::LOCALHOST)),
            RData::SRV(SRV::new(1, 2, 8080, name("h.example.org."))),
            RData::MX(MX::new(10, name("mx.example.org."))),
            RData::NS(NS(name("ns.example.org."))),
        ],
    );
    let label = |kind: &str, value: &str| (format!("__meta_dns_{kind}"), value.to_owned());
    for (record_type, address, more) in [
        ("A", "192.0.2.1:9100", vec![]),
        ("aaaa", "[::1]:9100", vec![]),
        (
            "SRV",
            "h.example.org:8080",
            vec![label("srv_record_target", "h.example.org."), label("srv_record_port", "8080")],
        ),
        ("MX", "mx.example.org:9100", vec![label("mx_record_target", "mx.example.org.")]),
        ("NS", "ns.example.org:9100", vec![label("ns_record_target", "ns.example.org.")]),
    ] {
        let mut follow = run.follow(record_type, &["x.example.org"]);
        let found = follow.until(record_type, |found| !found.is_empty()).await;
        let mut want = map(&[("__address__", address), ("__meta_dns_name", "x.example.org")]);
        want.extend(more);
        assert_eq!(found, [want]);
        follow.manager.stop().await;
    }
}

#[tokio::test]
async fn names_are_searched_and_long_answers_come_over_tcp() {
    let run = Run::new(&[]);
    run.set("many.example.org.", &(0..200).map(a).collect::<Vec<_>>());
    let mut follow = run.follow("A", &["many"]);
    let found = follow.until("200 targets", |found| found.len() == 200).await;
    assert_eq!(found[0]["__meta_dns_name"], "many");
    // Without its suffix it is there as well, but the search list comes first.
    run.set("many.", &[a(250)]);
    run.set("many.example.org.", &[a(7)]);
    follow.until_addresses(&["192.0.2.7:9100"]).await;
    run.zone.lock().remove("many.example.org.");
    follow.until_addresses(&["192.0.2.250:9100"]).await;
    // Nobody knows the name: certainly none.
    run.zone.lock().clear();
    follow.until_addresses(&[]).await;
    follow.manager.stop().await;
}

#[tokio::test]
async fn a_name_that_fails_keeps_its_targets() {
    let (refusing, dead) = (Zone::default(), UdpSocket::bind("127.0.0.1:0").expect("a free port"));
    let refused = || ("b.example.org.".to_owned(), Records::Refused);
    refusing.lock().extend([refused(), ("a.example.org.".to_owned(), Records::Refused)]);
    // A closed port answers with an error at once.
    let closed = dead.local_addr().expect("bound").port();
    drop(dead);
    let run = Run::new(&[closed, serve(&refusing)]);
    run.set("a.example.org.", &[a(1)]);
    run.set("b.example.org.", &[a(2)]);
    let mut follow = run.follow("A", &["a.example.org.", "b.example.org."]);
    follow.until_addresses(&["192.0.2.1:9100", "192.0.2.2:9100"]).await;
    run.set("a.example.org.", &[a(3)]);
    run.zone.lock().extend([refused()]);
    let found = follow.until("the other one's change", |found| addresses(found).contains(&"192.0.2.3:9100")).await;
    assert_eq!(addresses(&found), ["192.0.2.2:9100", "192.0.2.3:9100"]);
    follow.until_metric("prometheus_sd_dns_lookup_failures_total", 2.0).await;
    // Silence is a failure as well, and ends.
    run.zone.lock().insert("b.example.org.".to_owned(), Records::Silence);
    run.set("a.example.org.", &[a(4)]);
    follow.until_addresses(&["192.0.2.2:9100", "192.0.2.4:9100"]).await;
    follow.manager.stop().await;
}
