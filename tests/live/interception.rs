//! A proxy between an operator's command line and AWS, which breaks one kind of call. It uses threads: the command line is
//! another process, and a test waits for it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use drive::live::Live;

/// What happens to the calls that are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// They never arrive, and are never answered.
    Hold,
    /// They are refused, as without a right.
    Refuse,
}

/// Which calls are meant, and what happens to them.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    /// The operation, as the header `x-amz-target` ends.
    pub(crate) operation: &'static str,
    /// A text in the body.
    pub(crate) text: &'static str,
    pub(crate) fault: Fault,
}

/// The proxy. It ends with the test's process.
pub(crate) struct Proxy {
    /// Its address, in place of that of AWS.
    pub(crate) endpoint: String,
    met: Arc<AtomicUsize>,
}

impl Proxy {
    pub(crate) fn start(live: &Live, rule: Rule) -> Self {
        let upstream = live.endpoint.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let met = Arc::new(AtomicUsize::new(0));
        let counted = met.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, upstream, met) = (client.unwrap(), upstream.clone(), counted.clone());
                // A connection ends when one of its sides closes it, or the command line is killed.
                thread::spawn(move || match pass_on(client, &upstream, rule, &met) {
                    Ok(()) | Err(_) => {}
                });
            }
        });
        Self { endpoint, met }
    }

    /// How many calls were broken.
    pub(crate) fn met(&self) -> usize {
        self.met.load(Ordering::SeqCst)
    }
}

fn pass_on(mut client: TcpStream, upstream: &str, rule: Rule, met: &AtomicUsize) -> std::io::Result<()> {
    let mut server = TcpStream::connect(upstream)?;
    let (mut answers, mut asker) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || std::io::copy(&mut answers, &mut asker));
    while let Some(request) = request(&mut client)? {
        let text = String::from_utf8_lossy(&request);
        let is_meant = text.contains(&format!(".{}\r\n", rule.operation)) && text.contains(rule.text);
        if !is_meant {
            server.write_all(&request)?;
            continue;
        }
        met.fetch_add(1, Ordering::SeqCst);
        if rule.fault == Fault::Refuse {
            let body = r#"{"__type":"com.amazonaws#AccessDeniedException","message":"refused by the test"}"#;
            let head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: ";
            client.write_all(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes())?;
        }
    }
    Ok(())
}

/// The bytes of the next request; `None` at the connection's end.
fn request(client: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let (mut read, mut chunk) = (Vec::new(), [0; 65_536]);
    loop {
        if let Some(head) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&read[..head]).to_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if read.len() >= head + 4 + length.unwrap_or(0usize) {
                return Ok(Some(read));
            }
        }
        match client.read(&mut chunk)? {
            0 => return Ok(None),
            count => read.extend_from_slice(&chunk[..count]),
        }
    }
}
