//! A well-behaved target: pages made by a closure, over keep-alive HTTP/1.1, one thread a connection.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the closure answers with.
#[derive(Clone, Debug)]
pub struct Page {
    pub status: u16,
    pub content_type: &'static str,
    /// `Content-Encoding`, when the body is packed.
    pub encoding: Option<&'static str>,
    pub body: Vec<u8>,
}

impl Page {
    /// Returns a page in the text format 0.0.4.
    pub fn metrics(body: impl Into<Vec<u8>>) -> Self {
        let content_type = "text/plain; version=0.0.4; charset=utf-8";
        Self { status: 200, content_type, encoding: None, body: body.into() }
    }

    /// Says that the body is packed by gzip.
    #[must_use]
    pub fn gzipped(self) -> Self {
        Self { encoding: Some("gzip"), ..self }
    }
}

/// Serves on a free loopback port until dropped.
pub struct PageServer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

type MakePage = dyn Fn(&str) -> Page + Send + Sync;

impl PageServer {
    /// Starts to serve; `page` gets the path with its query.
    pub fn start(page: impl Fn(&str) -> Page + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, page): (_, Arc<MakePage>) = (Arc::clone(&stop), Arc::new(page));
        std::thread::Builder::new().name("pages".into()).spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                let page = Arc::clone(&page);
                std::thread::spawn(move || {
                    // A scraper that hangs up ends its thread; nothing is lost with it.
                    let _hung_up = serve(&stream, &*page);
                });
            }
        })?;
        Ok(Self { address, stop })
    }

    /// Returns `host:port`, as a configuration names a target.
    pub fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for PageServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Wakes the accept loop; a refusal means that it has ended already.
        let _woken = TcpStream::connect(self.address);
    }
}

impl fmt::Debug for PageServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageServer").field("address", &self.address).finish()
    }
}

fn serve(stream: &TcpStream, page: &MakePage) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    let (mut request, mut header, mut response) = (String::new(), String::new(), Vec::new());
    loop {
        request.clear();
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        loop {
            header.clear();
            if reader.read_line(&mut header)? <= 2 {
                break;
            }
        }
        let made = page(request.split(' ').nth(1).unwrap_or("/"));
        response.clear();
        write!(
            response,
            "HTTP/1.1 {} OK\r\nContent-Type: {}\r\n{}Content-Length: {}\r\n\r\n",
            made.status,
            made.content_type,
            made.encoding.map(|e| format!("Content-Encoding: {e}\r\n")).unwrap_or_default(),
            made.body.len()
        )?;
        response.extend_from_slice(&made.body);
        writer.write_all(&response)?;
    }
}
