//! The production transport: HTTP/1.1 and HTTP/2 over one connection pool.
//!
//! It follows no redirects, retries nothing, and connects to public addresses only. Resolved addresses are checked inside the
//! connector at every connect, so that a DNS answer that changes after a check gains nothing.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use engine::{Code, Failure};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::client::transport::{Call, MAX_REPLY_BYTES, Method, Reply, Transport, TransportFailure};
use crate::wire::addresses::is_public;

/// The longest that connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Shorter than usual load balancers keep an idle connection, so that they do not close it under a request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// Sends calls over HTTP.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
    may_be_private: bool,
    call_timeout: Duration,
}

impl HttpTransport {
    /// A transport with its own connection pool.
    ///
    /// `may_be_private` allows loopback and private addresses, for a local stack only. `call_timeout` bounds every call,
    /// also where a partner's document says more: a function that is killed while it waits for a slow partner cannot record
    /// that the outcome is unknown.
    ///
    /// # Errors
    /// The TLS configuration cannot be built.
    pub fn new(may_be_private: bool, call_timeout: Duration) -> Result<Self, Failure> {
        // The process has one TLS provider; `cloud` may have installed the same one already.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            drop(rustls::crypto::ring::default_provider().install_default());
        }
        let client = reqwest::Client::builder()
            .user_agent("crossdock")
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT.min(call_timeout))
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_nodelay(true)
            .dns_resolver(Arc::new(GuardedResolver { may_be_private }))
            .build()
            .map_err(|error| {
                Failure::permanent(Code::PartnerUnknown, format!("no HTTP client: {}", innermost(&error)))
            })?;
        Ok(Self { client, may_be_private, call_timeout })
    }

    /// Checks a literal address in the URL: it is never resolved, so the resolver does not see it.
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
        let mut request = self.client.request(method, call.url).timeout(call.timeout.min(self.call_timeout));
        let is_json = !call.headers.iter().any(|(name, _)| *name == "content-type");
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        if !call.body.is_empty() {
            // JSON, unless the call says otherwise.
            let request_with_type = if is_json { request.header("content-type", "application/json") } else { request };
            request = request_with_type.body(call.body);
        }
        let mut response = request.send().await.map_err(|error| failure(&error))?;
        let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        let (status, headers) = (response.status().as_u16(), response.headers().iter().filter_map(header).collect());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
            if body.len() + chunk.len() > MAX_REPLY_BYTES {
                return Err(TransportFailure::Lost("the reply is longer than 1 MiB".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, headers, body })
    }
}

/// Whether a failed call may have arrived. Only a connector error, or an error in writing the request, proves that nothing
/// was sent.
fn failure(error: &reqwest::Error) -> TransportFailure {
    if is_forbidden(error) {
        TransportFailure::Forbidden(PRIVATE)
    } else if error.is_builder() {
        TransportFailure::Forbidden(
            "the request cannot be written: the address or the token has characters that a header cannot have",
        )
    } else if error.is_connect() {
        TransportFailure::NotSent(innermost(error))
    } else if error.is_timeout() {
        TransportFailure::TimedOut
    } else {
        TransportFailure::Lost(innermost(error))
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

/// The innermost error, redacted: the outer ones repeat the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut inner: &dyn Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    engine::redact::text(&inner.to_string())
}

const PRIVATE: &str = "the partner's address is not a public one, and this deployment is not a local one";

/// A name that resolves to private addresses only.
#[derive(Debug)]
struct Private;

impl fmt::Display for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PRIVATE)
    }
}

impl Error for Private {}

/// Resolves names and leaves out the addresses that may not be called.
struct GuardedResolver {
    may_be_private: bool,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let may_be_private = self.may_be_private;
        Box::pin(async move {
            let resolved = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = resolved.filter(|a| may_be_private || is_public(a.ip())).collect();
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

    /// Longer than every call timeout in these tests.
    const LONG: Duration = Duration::from_secs(60);

    fn call(url: &str) -> Call {
        Call {
            method: Method::Post,
            url: url.parse().unwrap(),
            headers: vec![("idempotency-key", "k".to_owned())],
            body: b"{}".to_vec(),
            timeout: Duration::from_millis(300),
        }
    }

    /// A server that accepts one connection, reads the request, sends `answer`, and closes after `hold`.
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
    async fn a_reply_is_returned_with_status_headers_and_body() {
        let url = server(b"HTTP/1.1 201 Created\r\nX-A: b\r\ncontent-length: 2\r\n\r\n{}", NONE).await;
        let reply = HttpTransport::new(true, LONG).unwrap().send(call(&url)).await.unwrap();
        assert_eq!((reply.status, reply.header("x-a"), reply.body.as_slice()), (201, Some("b"), b"{}".as_slice()));
    }

    #[tokio::test]
    async fn a_refused_connection_means_that_nothing_was_sent() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let answer = HttpTransport::new(true, LONG).unwrap().send(call(&format!("http://{closed}/"))).await;
        assert!(matches!(answer, Err(TransportFailure::NotSent(_))), "{answer:?}");
    }

    #[tokio::test]
    async fn b01_silence_after_the_request_was_sent_is_unknown_and_not_a_rejection() {
        let url = server(b"", Duration::from_secs(5)).await;
        assert_eq!(HttpTransport::new(true, LONG).unwrap().send(call(&url)).await, Err(TransportFailure::TimedOut));
        let url = server(b"", NONE).await;
        let answer = HttpTransport::new(true, LONG).unwrap().send(call(&url)).await;
        assert!(matches!(answer, Err(TransportFailure::Lost(_))), "{answer:?}");
        let url = server(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", NONE).await;
        let answer = HttpTransport::new(true, LONG).unwrap().send(call(&url)).await;
        assert!(matches!(answer, Err(TransportFailure::Lost(_))), "{answer:?}");
        let url = server(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", Duration::from_secs(5)).await;
        assert_eq!(HttpTransport::new(true, LONG).unwrap().send(call(&url)).await, Err(TransportFailure::TimedOut));
    }

    #[tokio::test]
    async fn a_redirect_is_returned_and_not_followed() {
        let url =
            server(b"HTTP/1.1 307 x\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n", NONE).await;
        assert_eq!(HttpTransport::new(true, LONG).unwrap().send(call(&url)).await.unwrap().status, 307);
    }

    #[tokio::test]
    async fn private_addresses_are_not_called_whether_literal_or_resolved() {
        let transport = HttpTransport::new(false, LONG).unwrap();
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
    async fn an_endless_reply_is_cut_off() {
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
        let call = Call { timeout: Duration::from_secs(10), ..call(&format!("http://{address}/")) };
        let answer = HttpTransport::new(true, LONG).unwrap().send(call).await;
        assert!(matches!(&answer, Err(TransportFailure::Lost(why)) if why.contains("1 MiB")), "{answer:?}");
    }
}
