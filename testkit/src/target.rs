//! A target that may misbehave: a closure gets each request and writes the answer's bytes itself.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What was asked.
#[derive(Clone, Debug, Default)]
pub struct TargetRequest {
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As long as `Content-Length` says.
    pub body: Vec<u8>,
}

impl TargetRequest {
    /// Returns the value of a header, or the empty string.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }
}

/// Serves on a free loopback port until dropped. A connection is closed when the closure fails.
pub struct FakeTarget {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

type Answer = dyn Fn(&TargetRequest, &mut TcpStream) -> io::Result<()> + Send + Sync;

impl FakeTarget {
    /// Starts to serve.
    pub fn start(
        answer: impl Fn(&TargetRequest, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, answer): (_, Arc<Answer>) = (Arc::clone(&stop), Arc::new(answer));
        std::thread::Builder::new().name("fake-target".into()).spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                let answer = Arc::clone(&answer);
                std::thread::spawn(move || {
                    // Hanging up, on either side, ends the connection.
                    let _hung_up = serve(stream, &*answer);
                });
            }
        })?;
        Ok(Self { address, stop })
    }

    /// Returns `host:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for FakeTarget {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Wakes the accept loop; a refusal means that it has ended already.
        let _woken = TcpStream::connect(self.address);
    }
}

impl fmt::Debug for FakeTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeTarget").field("address", &self.address).finish()
    }
}

/// Writes a whole answer with its length.
pub fn write_answer(out: &mut TcpStream, status: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    out.write_all(&[head.as_bytes(), body].concat())
}

fn serve(mut stream: TcpStream, answer: &Answer) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut words = line.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_else(|| "/".to_owned()));
        let mut request = TargetRequest { method, path, ..TargetRequest::default() };
        loop {
            line.clear();
            if reader.read_line(&mut line)? <= 2 {
                break;
            }
            if let Some((name, value)) = line.trim_end().split_once(": ") {
                request.headers.push((name.to_lowercase(), value.to_owned()));
            }
        }
        request.body.resize(request.header("content-length").parse().unwrap_or(0), 0);
        reader.read_exact(&mut request.body)?;
        answer(&request, &mut stream)?;
    }
}
