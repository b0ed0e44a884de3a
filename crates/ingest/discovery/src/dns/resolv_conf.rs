//! `resolv.conf`, as far as Go's DNS library reads it (miekg/dns, `clientconfig.go`).

use std::net::{IpAddr, SocketAddr};

/// Whom to ask, and under which names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ResolvConf {
    pub(super) servers: Vec<SocketAddr>,
    search: Vec<String>,
    dots_min: usize,
}

impl ResolvConf {
    /// Reads the text of the file. What is not understood is passed over.
    pub(super) fn parse(text: &str) -> Self {
        let mut conf = Self { servers: Vec::new(), search: Vec::new(), dots_min: 1 };
        for line in text.lines().filter(|line| !line.starts_with(['#', ';'])) {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => conf.servers.extend(words.next().and_then(server)),
                Some("domain") => conf.search = words.take(1).map(str::to_owned).collect(),
                Some("search") => conf.search = words.map(str::to_owned).collect(),
                Some("options") => {
                    for number in words.filter_map(|word| word.strip_prefix("ndots:")?.parse::<usize>().ok()) {
                        conf.dots_min = number.min(15);
                    }
                }
                _ => {}
            }
        }
        conf
    }

    /// Returns the full names to try for a name, in order.
    pub(super) fn names(&self, name: &str) -> Vec<String> {
        if name.ends_with('.') {
            return vec![name.to_owned()];
        }
        let labels = name.split('.').filter(|label| !label.is_empty()).count();
        let own = format!("{name}.");
        let mut names: Vec<String> =
            self.search.iter().map(|suffix| format!("{own}{}.", suffix.trim_matches('.'))).collect();
        names.insert(if labels > self.dots_min { 0 } else { names.len() }, own);
        names
    }
}

/// An address; a port other than 53 may follow it, as OpenBSD has it: `[127.0.0.1]:5353`.
fn server(word: &str) -> Option<SocketAddr> {
    if let Ok(address) = word.split('%').next().unwrap_or(word).parse::<IpAddr>() {
        return Some(SocketAddr::new(address, 53));
    }
    let (address, port) = word.strip_prefix('[')?.split_once("]:")?;
    Some(SocketAddr::new(address.parse().ok()?, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_as_go_reads_it() {
        let conf = ResolvConf::parse(
            "# comment\nnameserver 10.0.0.1\nnameserver ::1\nnameserver [127.0.0.1]:5353\nnameserver x\n\
             domain d\nsearch a.b c.d.\noptions ndots:2 timeout:1\n",
        );
        let servers = ["10.0.0.1:53", "[::1]:53", "127.0.0.1:5353"].map(|s| s.parse().expect("an address"));
        assert_eq!(conf.servers, servers);
        assert_eq!(conf.names("x."), ["x."]);
        assert_eq!(conf.names("x.y"), ["x.y.a.b.", "x.y.c.d.", "x.y."]);
        assert_eq!(conf.names("x.y.z"), ["x.y.z.", "x.y.z.a.b.", "x.y.z.c.d."]);
    }
}
