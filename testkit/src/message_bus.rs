//! A message bus with systemd and logind on it, as much of them as exporters ask for.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// Units: name, load state, active state, properties.
type Unit = (&'static str, &'static str, &'static str, &'static [(&'static str, Value)]);

#[derive(Clone, Copy)]
enum Value {
    Text(&'static str),
    U32(u32),
    U64(u64),
    Bool(bool),
}

const UNITS: &[Unit] = &[
    (
        "web.service",
        "loaded",
        "active",
        &[
            ("Type", Value::Text("notify")),
            ("NRestarts", Value::U32(3)),
            ("TasksCurrent", Value::U64(17)),
            ("TasksMax", Value::U64(u64::MAX)),
            ("ActiveEnterTimestamp", Value::U64(1_700_000_000_250_000)),
        ],
    ),
    (
        "broken.service",
        "loaded",
        "failed",
        &[
            ("Type", Value::Text("simple")),
            ("NRestarts", Value::U32(0)),
            ("TasksCurrent", Value::U64(u64::MAX)),
            ("TasksMax", Value::U64(4915)),
        ],
    ),
    ("gone.service", "not-found", "inactive", &[]),
    ("strange.service", "loaded", "reloading", &[]),
    (
        "web.socket",
        "loaded",
        "active",
        &[
            ("NAccepted", Value::U32(12)),
            ("NConnections", Value::U32(2)),
            ("NRefused", Value::U32(1)),
            ("ActiveEnterTimestamp", Value::U64(5)),
        ],
    ),
    ("old.socket", "loaded", "inactive", &[("NAccepted", Value::U32(4)), ("NConnections", Value::U32(0))]),
    ("daily.timer", "loaded", "active", &[("LastTriggerUSec", Value::U64(1_699_999_999_000_000))]),
    ("home.mount", "loaded", "active", &[("Type", Value::Text("ext4"))]),
    ("user.slice", "loaded", "active", &[]),
];

const MANAGER: &[(&str, Value)] = &[
    ("Version", Value::Text("252.39-1~deb12u1")),
    ("Virtualization", Value::Text("kvm")),
    ("SystemState", Value::Text("running")),
];

/// Sessions: number, seat, properties.
type Session = (&'static str, &'static str, &'static [(&'static str, Value)]);

const SESSIONS: &[Session] = &[
    ("1", "seat0", &[("Remote", Value::Bool(false)), ("Type", Value::Text("tty")), ("Class", Value::Text("user"))]),
    ("2", "", &[("Remote", Value::Bool(true)), ("Type", Value::Text("tty")), ("Class", Value::Text("user"))]),
    ("3", "", &[("Remote", Value::Bool(true)), ("Type", Value::Text("hologram")), ("Class", Value::Text("ghost"))]),
    ("4", "seat0", &[]),
];

/// Listens at a path until the test is over. One of the units, `broken.service`, has failed.
pub fn serve_message_bus(path: &Path) {
    let listener = UnixListener::bind(path).expect("the path is free");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Who asks may leave in the middle of a message.
            std::thread::spawn(move || serve(stream));
        }
    });
}

fn serve(stream: UnixStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    reader.read_exact(&mut [0])?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        match line.trim_end() {
            "BEGIN" => break,
            "AUTH" => writer.write_all(b"REJECTED EXTERNAL\r\n")?,
            // Who one is may come at once or when asked for.
            "AUTH EXTERNAL" => writer.write_all(b"DATA\r\n")?,
            line if line.starts_with("AUTH EXTERNAL ") || line.starts_with("DATA") => {
                writer.write_all(b"OK 0123456789abcdef0123456789abcdef\r\n")?;
            }
            _ => writer.write_all(b"ERROR\r\n")?,
        }
    }
    loop {
        let mut fixed = [0; 16];
        reader.read_exact(&mut fixed)?;
        let number = |at: usize| u32::from_le_bytes(fixed[at..at + 4].try_into().expect("four bytes"));
        let (body, serial, fields) = (number(4) as usize, number(8), number(12) as usize);
        let mut rest = vec![0; fields.next_multiple_of(8) + body];
        reader.read_exact(&mut rest)?;
        let (head, body) = rest.split_at(fields.next_multiple_of(8));
        let (path, member) = (field(head, 1), field(head, 3));
        // A signal in between, as a bus sends when it gives a name.
        writer.write_all(&message(4, 0, "", &[]))?;
        let answer = answer(&path, &member, &texts(body));
        writer.write_all(&match answer {
            Some((signature, body)) => message(2, serial, signature, &body),
            None => {
                let mut body = Vec::new();
                push_text(&mut body, "no such thing here");
                message(3, serial, "s", &body)
            }
        })?;
    }
}

fn answer(path: &str, member: &str, arguments: &[String]) -> Option<(&'static str, Vec<u8>)> {
    let mut body = Vec::new();
    match member {
        "Hello" => {
            push_text(&mut body, ":1.1");
            Some(("s", body))
        }
        "ListUnits" => {
            push_array(&mut body, UNITS, |body, (name, load, active, _)| {
                for text in [name, "A description.", load, active, "sub", ""] {
                    push_text(body, text);
                }
                push_text(body, &format!("/org/freedesktop/systemd1/unit/{}", escaped(name)));
                pad(body, 4);
                body.extend_from_slice(&0_u32.to_le_bytes());
                push_text(body, "");
                push_text(body, "/");
            });
            Some(("a(ssssssouso)", body))
        }
        "ListSeats" => {
            push_array(&mut body, &["seat0"], |body, seat| {
                push_text(body, seat);
                push_text(body, "/org/freedesktop/login1/seat/seat0");
            });
            Some(("a(so)", body))
        }
        "ListSessions" => {
            push_array(&mut body, SESSIONS, |body, (number, seat, _)| {
                push_text(body, number);
                pad(body, 4);
                body.extend_from_slice(&1000_u32.to_le_bytes());
                push_text(body, "somebody");
                push_text(body, seat);
                push_text(body, &format!("/org/freedesktop/login1/session/_3{number}"));
            });
            Some(("a(susso)", body))
        }
        "Get" => {
            let [interface, property] = arguments else { return None };
            let table = match path.rsplit('/').next()? {
                "systemd1" => MANAGER,
                last if path.contains("/session/") => SESSIONS.iter().find(|s| format!("_3{}", s.0) == last)?.2,
                last => UNITS.iter().find(|unit| escaped(unit.0) == last)?.3,
            };
            // Of which kind a unit is decides which interfaces it has.
            let kind = interface.rsplit('.').next()?.to_lowercase();
            if path.contains("/unit/") && kind != "unit" && !path.ends_with(&kind) {
                return None;
            }
            match table.iter().find(|(name, _)| name == property)?.1 {
                Value::Text(text) => {
                    body.extend_from_slice(b"\x01s\0");
                    push_text(&mut body, text);
                }
                Value::U32(number) => {
                    body.extend_from_slice(b"\x01u\0\0");
                    body.extend_from_slice(&number.to_le_bytes());
                }
                Value::U64(number) => {
                    body.extend_from_slice(b"\x01t\0\0\0\0\0\0");
                    body.extend_from_slice(&number.to_le_bytes());
                }
                Value::Bool(yes) => {
                    body.extend_from_slice(b"\x01b\0\0");
                    body.extend_from_slice(&u32::from(yes).to_le_bytes());
                }
            }
            Some(("v", body))
        }
        _ => None,
    }
}

/// Writes a name as part of a path: what is no letter or digit by its number.
fn escaped(name: &str) -> String {
    let parts =
        name.bytes().map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("_{b:02x}") });
    parts.collect()
}

fn pad(bytes: &mut Vec<u8>, to: usize) {
    bytes.resize(bytes.len().next_multiple_of(to), 0);
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    pad(bytes, 4);
    bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(0);
}

fn push_array<T>(bytes: &mut Vec<u8>, items: &[T], push: impl Fn(&mut Vec<u8>, &T)) {
    // The length, and then padding to the first structure that does not count.
    bytes.extend_from_slice(&[0; 8]);
    for item in items {
        pad(bytes, 8);
        push(bytes, item);
    }
    let length = (bytes.len() - 8) as u32;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
}

fn message(kind: u8, reply_to: u32, signature: &str, body: &[u8]) -> Vec<u8> {
    let mut fields = Vec::new();
    if kind == 4 {
        for (code, kind, text) in
            [(1, b'o', "/org/freedesktop/DBus"), (2, b's', "org.freedesktop.DBus"), (3, b's', "NameAcquired")]
        {
            pad(&mut fields, 8);
            fields.extend_from_slice(&[code, 1, kind, 0]);
            push_text(&mut fields, text);
        }
    } else {
        fields.extend_from_slice(&[5, 1, b'u', 0]);
        fields.extend_from_slice(&reply_to.to_le_bytes());
    }
    if kind == 3 {
        fields.extend_from_slice(&[4, 1, b's', 0]);
        push_text(&mut fields, "org.freedesktop.DBus.Error.UnknownProperty");
    }
    if !signature.is_empty() {
        pad(&mut fields, 8);
        fields.extend_from_slice(&[8, 1, b'g', 0, signature.len() as u8]);
        fields.extend_from_slice(signature.as_bytes());
        fields.push(0);
    }
    let mut bytes = vec![b'l', kind, 1, 1];
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&1_u32.to_le_bytes());
    bytes.extend_from_slice(&(fields.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&fields);
    pad(&mut bytes, 8);
    bytes.extend_from_slice(body);
    bytes
}

/// Finds a header field that is a text.
fn field(head: &[u8], wanted: u8) -> String {
    let mut at = 0;
    while at + 4 < head.len() {
        let (code, kind) = (head[at], head[at + 2]);
        at += 4;
        let length = if kind == b'g' {
            usize::from(head[at])
        } else {
            u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes")) as usize
        };
        let start = if kind == b'g' { at + 1 } else { at + 4 };
        let is_text = matches!(kind, b's' | b'o' | b'g');
        if code == wanted && is_text {
            return String::from_utf8_lossy(&head[start..start + length]).into_owned();
        }
        at = if is_text { start + length + 1 } else { start };
        at = at.next_multiple_of(8);
    }
    String::new()
}

/// Reads a body of texts only.
fn texts(body: &[u8]) -> Vec<String> {
    let (mut texts, mut at) = (Vec::new(), 0_usize);
    while at + 4 < body.len() {
        let length = u32::from_le_bytes(body[at..at + 4].try_into().expect("four bytes")) as usize;
        texts.push(String::from_utf8_lossy(&body[at + 4..at + 4 + length]).into_owned());
        at = (at + 4 + length + 1).next_multiple_of(4);
    }
    texts
}
