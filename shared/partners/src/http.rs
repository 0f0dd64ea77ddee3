//! The transport in production: HTTP/1.1 and 2 over one pool of connections.
//!
//! It follows no redirect, repeats nothing, and connects to public addresses only: resolved ones are checked inside the
//! connector, on every connect, so that a name that changes its mind after a check gains nothing.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use engine::{Code, Failure};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::addresses::is_public;
use crate::transport::{Call, MOST_BYTES, Method, Reply, Transport, TransportFailure};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(3);
/// How long an idle connection is kept: shorter than the usual load balancer keeps its end.
const IDLE: Duration = Duration::from_secs(15);

/// Calls partners over HTTP.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
    may_be_private: bool,
    patience: Duration,
}

impl HttpTransport {
    /// A transport with a pool of its own. `may_be_private` allows addresses of this machine and of private networks: for a
    /// local stack only. No call takes longer than `patience`, whatever a partner's document says: a function that is killed
    /// over a slow partner cannot write down that it does not know the outcome.
    ///
    /// # Errors
    /// The TLS configuration cannot be made.
    pub fn new(may_be_private: bool, patience: Duration) -> Result<Self, Failure> {
        // One provider for the process; another part of it may have installed the same one before.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            drop(rustls::crypto::ring::default_provider().install_default());
        }
        let client = reqwest::Client::builder()
            .user_agent("crossdock")
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .connect_timeout(CONNECT.min(patience))
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true)
            .dns_resolver(Arc::new(GuardedResolver { may_be_private }))
            .build()
            .map_err(|error| Failure::permanent(Code::PartnerUnknown, format!("no HTTP client: {}", said(&error))))?;
        Ok(Self { client, may_be_private, patience })
    }

    /// A literal address in a URL is never resolved, so that the resolver cannot guard it.
    fn may_call(&self, url: &Url) -> bool {
        self.may_be_private
            || match url.host() {
                Some(Host::Ipv4(ip)) => is_public(IpAddr::V4(ip)),
                Some(Host::Ipv6(ip)) => is_public(IpAddr::V6(ip)),
                Some(Host::Domain(_)) => true,
                None => false,
            }
    }
}

impl Transport for HttpTransport {
    async fn send(&self, call: Call) -> Result<Reply, TransportFailure> {
        if !self.may_call(&call.url) {
            return Err(TransportFailure::Forbidden(PRIVATE));
        }
        let method = match call.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
        };
        let mut request = self.client.request(method, call.url).timeout(call.timeout.min(self.patience));
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        if !call.body.is_empty() {
            request = request.header("content-type", "application/json").body(call.body);
        }
        let mut answer = request.send().await.map_err(|error| failure(&error))?;
        let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        let (status, headers) = (answer.status().as_u16(), answer.headers().iter().filter_map(header).collect());
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| failure(&error))? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(TransportFailure::Lost("the answer is longer than 1 MiB".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, headers, body })
    }
}

/// What is known of a call that failed. Only an error of the connector, or of the request before it was sent,
/// proves that nothing left.
fn failure(error: &reqwest::Error) -> TransportFailure {
    if is_forbidden(error) {
        TransportFailure::Forbidden(PRIVATE)
    } else if error.is_builder() {
        TransportFailure::Forbidden("the request cannot be written: the address or the token is no text for a header")
    } else if error.is_connect() {
        TransportFailure::NotSent(said(error))
    } else if error.is_timeout() {
        TransportFailure::TimedOut
    } else {
        TransportFailure::Lost(said(error))
    }
}

fn is_forbidden(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<Private>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The innermost reason: the outer ones repeat the URL.
fn said(error: &reqwest::Error) -> String {
    let mut inner: &dyn Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    engine::redact::text(&inner.to_string())
}

const PRIVATE: &str = "the partner's address is not a public one, and this deployment is not a local one";

/// A name whose addresses are all private.
#[derive(Debug)]
struct Private;

impl fmt::Display for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PRIVATE)
    }
}

impl Error for Private {}

/// Resolves names, and leaves out the addresses that may not be called.
struct GuardedResolver {
    may_be_private: bool,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let may_be_private = self.may_be_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|a| may_be_private || is_public(a.ip())).collect();
            if allowed.is_empty() {
                return Err(Box::new(Private) as Box<dyn Error + Send + Sync>);
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Longer than any call here asks for.
    const AMPLE: Duration = Duration::from_secs(60);

    fn call(url: &str) -> Call {
        Call {
            method: Method::Post,
            url: url.parse().unwrap(),
            headers: vec![("idempotency-key", "k".to_owned())],
            body: b"{}".to_vec(),
            timeout: Duration::from_millis(300),
        }
    }

    /// A server that takes one connection, reads the request, says `answer`, and hangs up after `hold`.
    async fn server(answer: &'static [u8], hold: Duration) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let read = socket.read(&mut buffer).await.unwrap();
            assert!(read > 0);
            socket.write_all(answer).await.unwrap();
            tokio::time::sleep(hold).await;
        });
        format!("http://{address}/x")
    }

    const NONE: Duration = Duration::ZERO;

    #[tokio::test]
    async fn an_answer_comes_back_whole() {
        let url = server(b"HTTP/1.1 201 Created\r\nX-A: b\r\ncontent-length: 2\r\n\r\n{}", NONE).await;
        let reply = HttpTransport::new(true, AMPLE).unwrap().send(call(&url)).await.unwrap();
        assert_eq!((reply.status, reply.header("x-a"), reply.body.as_slice()), (201, Some("b"), b"{}".as_slice()));
    }

    #[tokio::test]
    async fn a_refused_connection_never_left() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let answer = HttpTransport::new(true, AMPLE).unwrap().send(call(&format!("http://{closed}/"))).await;
        assert!(matches!(answer, Err(TransportFailure::NotSent(_))), "{answer:?}");
    }

    #[tokio::test]
    async fn b01_silence_after_the_request_left_is_not_a_no() {
        let url = server(b"", Duration::from_secs(5)).await;
        assert_eq!(HttpTransport::new(true, AMPLE).unwrap().send(call(&url)).await, Err(TransportFailure::TimedOut));
        let url = server(b"", NONE).await;
        let answer = HttpTransport::new(true, AMPLE).unwrap().send(call(&url)).await;
        assert!(matches!(answer, Err(TransportFailure::Lost(_))), "{answer:?}");
        let url = server(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", NONE).await;
        let answer = HttpTransport::new(true, AMPLE).unwrap().send(call(&url)).await;
        assert!(matches!(answer, Err(TransportFailure::Lost(_))), "{answer:?}");
        let url = server(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", Duration::from_secs(5)).await;
        assert_eq!(HttpTransport::new(true, AMPLE).unwrap().send(call(&url)).await, Err(TransportFailure::TimedOut));
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let url =
            server(b"HTTP/1.1 307 x\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n", NONE).await;
        assert_eq!(HttpTransport::new(true, AMPLE).unwrap().send(call(&url)).await.unwrap().status, 307);
    }

    #[tokio::test]
    async fn private_addresses_are_not_called_whether_written_or_resolved() {
        let transport = HttpTransport::new(false, AMPLE).unwrap();
        for url in [
            "http://127.0.0.1:9/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]/",
            "http://[::ffff:169.254.169.254]/",
            "http://localhost:9/",
        ] {
            assert_eq!(transport.send(call(url)).await, Err(TransportFailure::Forbidden(PRIVATE)), "{url}");
        }
    }

    #[tokio::test]
    async fn an_endless_answer_is_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let read = socket.read(&mut buffer).await.unwrap();
            assert!(read > 0);
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            socket.write_all(head).await.unwrap();
            let mut chunk = format!("{:x}\r\n", 1 << 16).into_bytes();
            chunk.resize(chunk.len() + (1 << 16), b' ');
            chunk.extend_from_slice(b"\r\n");
            while socket.write_all(&chunk).await.is_ok() {}
        });
        let wanted = Call { timeout: Duration::from_secs(10), ..call(&format!("http://{address}/")) };
        let answer = HttpTransport::new(true, AMPLE).unwrap().send(wanted).await;
        assert!(matches!(&answer, Err(TransportFailure::Lost(why)) if why.contains("1 MiB")), "{answer:?}");
    }
}
