//! Sessions of users, from logind over D-Bus.

use std::collections::HashMap;

use crate::dbus::{Bus, BusError, Call, Reader, Value};
use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Logind;

const LOGIN: &str = "org.freedesktop.login1";
const MANAGER: Call<'static> = Call {
    destination: LOGIN,
    path: "/org/freedesktop/login1",
    interface: "org.freedesktop.login1.Manager",
    member: "",
};

const REMOTE: [&str; 2] = ["true", "false"];
const TYPES: [&str; 7] = ["other", "unspecified", "tty", "x11", "wayland", "mir", "web"];
const CLASSES: [&str; 5] = ["other", "user", "greeter", "lock-screen", "background"];

impl Collector for Logind {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let mut bus = Bus::system(&host.system_bus)?;
        let list = |item: fn(&mut Reader<'_>) -> Option<(String, String)>| {
            move |reader: &mut Reader<'_>| reader.structures(item)
        };
        // Name and path.
        let seats =
            bus.call(Call { member: "ListSeats", ..MANAGER }, &[], list(|seat| Some((seat.text()?, seat.text()?))))?;
        // Name, user's number and name, seat, path.
        let sessions = bus.call(
            Call { member: "ListSessions", ..MANAGER },
            &[],
            list(|session| {
                let (_, _, _) = (session.text()?, session.u32()?, session.text()?);
                Some((session.text()?, session.text()?))
            }),
        )?;
        let mut counts: HashMap<(String, &str, &str, &str), f64> = HashMap::new();
        for (seat, path) in sessions {
            // A session may end between the list and its properties.
            if let Ok((remote, kind, class)) = properties(&mut bus, &path) {
                *counts.entry((seat, remote, kind, class)).or_insert(0.0) += 1.0;
            }
        }
        // Sessions from afar have no seat.
        let seats: Vec<String> = seats.into_iter().map(|(name, _)| name).chain([String::new()]).collect();
        for seat in &seats {
            for remote in REMOTE {
                for kind in TYPES {
                    for class in CLASSES {
                        let count = counts.get(&(seat.clone(), remote, kind, class)).copied().unwrap_or(0.0);
                        let labels = [("class", class), ("remote", remote), ("seat", seat), ("type", kind)];
                        out.gauge("logind_sessions", "Number of sessions registered in logind.", &labels, count);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Returns whether a session is from afar, its type and its class, as the metric's labels show them.
fn properties(bus: &mut Bus, path: &str) -> Result<(&'static str, &'static str, &'static str), BusError> {
    let mut get = |name| bus.property(LOGIN, path, "org.freedesktop.login1.Session", name);
    let known = |value, list: &[&'static str]| match value {
        Value::Text(text) => Ok(list.iter().find(|known| **known == text).copied().unwrap_or("other")),
        _ => Err(BusError::Malformed),
    };
    let remote = match get("Remote")? {
        Value::Bool(remote) => {
            if remote {
                "true"
            } else {
                "false"
            }
        }
        _ => return Err(BusError::Malformed),
    };
    Ok((remote, known(get("Type")?, &TYPES)?, known(get("Class")?, &CLASSES)?))
}
