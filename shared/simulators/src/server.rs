//! The HTTP server: passes requests to the simulated partners, moves their time on, delivers their messages.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{Request as HttpRequest, State};
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;

use crate::control::{self, Endpoints};
use crate::exchange::{Method, Outcome, Reply, Request};
use crate::outbox::OutgoingAttempt;
use crate::partners::{Settings, SimulatedPartners};

/// The largest body that is read, in bytes.
const LARGEST_BODY: usize = 4 * 1024 * 1024;

/// How long we may take to answer a webhook; the value that ShipBob documents.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// The most concurrent webhooks.
const AT_ONCE: usize = 64;

/// How often the server looks for a gateway while it has none.
const WITHOUT_GATEWAY: Duration = Duration::from_millis(100);

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Running {
    /// Its URL, without a trailing slash.
    pub url: String,
    task: JoinHandle<io::Result<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts the simulators on a free port of the loopback interface.
///
/// # Errors
/// There is no free port.
pub async fn start(settings: &Settings, gateway: Option<&str>) -> io::Result<Running> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let partners = SimulatedPartners::new(settings);
    let gateway = gateway.map(str::to_owned);
    let task = tokio::spawn(serve(listener, partners, gateway));
    Ok(Running { url, task })
}

/// Serves the partners and delivers their messages until the future is dropped.
///
/// # Errors
/// The listener has no address, or the HTTP client cannot be built.
pub async fn serve(listener: TcpListener, partners: SimulatedPartners, gateway: Option<String>) -> io::Result<()> {
    install_crypto();
    let endpoints = Endpoints {
        gateway: gateway.map(|url| url.trim_end_matches('/').to_owned()),
        url: format!("http://{}", listener.local_addr()?),
    };
    let client = reqwest::Client::builder()
        .timeout(ANSWER_WITHIN)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(io::Error::other)?;
    let server = Arc::new(Server {
        inner: Mutex::new((partners, endpoints)),
        woken: Notify::new(),
        places: Semaphore::new(AT_ONCE),
        client,
    });
    // One future, so that deliveries end with the server.
    let router = Router::new().fallback(answer).with_state(Arc::clone(&server));
    let service = router.into_make_service_with_connect_info::<Connection>();
    tokio::select! {
        served = axum::serve(AbortableListener(listener), service) => served,
        () = deliver(server) => Ok(()),
    }
}

struct Server {
    inner: Mutex<(SimulatedPartners, Endpoints)>,
    woken: Notify,
    places: Semaphore,
    client: reqwest::Client,
}

impl Server {
    fn lock(&self) -> MutexGuard<'_, (SimulatedPartners, Endpoints)> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(
    State(server): State<Arc<Server>>,
    ConnectInfo(line): ConnectInfo<Connection>,
    request: HttpRequest,
) -> Response {
    let outcome = match read(request).await {
        Ok(request) => route(&server, request),
        Err(reply) => Outcome::Answer { reply, after_ms: 0 },
    };
    // The call may have made something due.
    server.woken.notify_one();
    match outcome {
        Outcome::Answer { reply, after_ms } => {
            wait(after_ms).await;
            written(reply)
        }
        Outcome::Silence { after_ms } => {
            wait(after_ms).await;
            line.close();
            Response::new(Body::empty())
        }
    }
}

fn route(server: &Server, mut request: Request) -> Outcome {
    let now = Timestamp::now();
    let mut guard = server.lock();
    let (partners, endpoints) = &mut *guard;
    let path = request.path.clone();
    let (prefix, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
    if prefix == "control" {
        request.path = format!("/{rest}");
        return immediately(control::handle(partners, endpoints, &request, now));
    }
    if let Some(below) = rest.strip_prefix("control/") {
        request.path = format!("/{prefix}/{below}");
        return immediately(control::handle(partners, endpoints, &request, now));
    }
    if path == "/healthz" {
        return immediately(Reply::json(200, &serde_json::json!({"status": "ok"})));
    }
    match partners.partner_mut(prefix) {
        Some(partner) => {
            request.path = format!("/{rest}");
            partner.call(&request, now)
        }
        None => immediately(Reply::refused(404, "NOT_FOUND", "see GET /control")),
    }
}

const fn immediately(reply: Reply) -> Outcome {
    Outcome::Answer { reply, after_ms: 0 }
}

async fn wait(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

async fn read(request: HttpRequest) -> Result<Request, Reply> {
    let (parts, body) = request.into_parts();
    let method = Method::parse(parts.method.as_str())
        .ok_or_else(|| Reply::refused(405, "METHOD", "no partner knows this method"))?;
    let body = to_bytes(body, LARGEST_BODY)
        .await
        .map_err(|_| Reply::refused(413, "TOO_LARGE", "the body is too large or was cut off"))?;
    let path: Vec<String> = parts.uri.path().split('/').map(decoded).collect();
    let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let headers: BTreeMap<String, String> = parts
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    Ok(Request { method, path: path.join("/"), query, headers, body: body.to_vec() })
}

/// Percent-decodes a segment, except an encoded slash, which would change the number of segments.
fn decoded(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if first == b'%' && byte != b'/' => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            Some(_) | None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn written(reply: Reply) -> Response {
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    response
        .body(Body::from(reply.body))
        .unwrap_or_else(|_| Response::new(Body::from("the scripted header is no HTTP header")))
}

/// Sends what is due, until the future is dropped.
async fn deliver(server: Arc<Server>) {
    loop {
        let (gateway, outgoing, next) = {
            let mut guard = server.lock();
            let (partners, endpoints) = &mut *guard;
            match endpoints.gateway.clone() {
                // Without a gateway no message uses up its attempts.
                None => (None, Vec::new(), None),
                Some(gateway) => {
                    let outgoing = partners.tick(Timestamp::now());
                    (Some(gateway), outgoing, partners.next_due())
                }
            }
        };
        if let Some(gateway) = &gateway {
            for (partner, attempt) in outgoing {
                tokio::spawn(send(Arc::clone(&server), gateway.clone(), partner, attempt));
            }
        }
        let pause = match next {
            Some(due) => until(due),
            None if gateway.is_none() => WITHOUT_GATEWAY,
            None => Duration::from_secs(60),
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = server.woken.notified() => {}
        }
    }
}

fn until(due: Timestamp) -> Duration {
    let ms = due.duration_since(Timestamp::now()).as_millis();
    // One more millisecond: a timer that fires a fraction early would spin.
    Duration::from_millis(u64::try_from(ms).map_or(1, |ms| ms + 1))
}

async fn send(server: Arc<Server>, gateway: String, partner: &'static str, attempt: OutgoingAttempt) {
    let permit = server.places.acquire().await;
    let mut request = server.client.post(format!("{gateway}/v1/webhooks/{partner}"));
    for (name, value) in &attempt.headers {
        request = request.header(name, value);
    }
    let answer = match request.body(attempt.body).send().await {
        Ok(response) => Ok(response.status().as_u16()),
        Err(error) => Err(error.without_url().to_string()),
    };
    drop(permit);
    if let Some(partner) = server.lock().0.partner_mut(partner) {
        partner.outbox.answered(attempt.message, attempt.attempt, answer, Timestamp::now());
    }
    server.woken.notify_one();
}

/// Installs the TLS provider for reqwest, which is built without one. The first one installed in a process stays.
pub fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none()
        && rustls::crypto::ring::default_provider().install_default().is_err()
    {
        // Another thread installed one in between, which works as well.
    }
}

/// A listener whose connections can be closed without an answer, for which HTTP libraries have no call.
struct AbortableListener(TcpListener);

impl Listener for AbortableListener {
    type Io = AbortableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (AbortableStream, SocketAddr) {
        let (stream, address) = <TcpListener as Listener>::accept(&mut self.0).await;
        let wire = AbortableStream { stream, line: Connection::default() };
        (wire, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// Closes a handler's connection.
#[derive(Debug, Clone, Default)]
struct Connection(Arc<AtomicBool>);

impl Connection {
    fn close(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Acquire) {
            return Err(io::Error::from(io::ErrorKind::ConnectionAborted));
        }
        Ok(())
    }
}

impl Connected<IncomingStream<'_, AbortableListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, AbortableListener>) -> Self {
        stream.io().line.clone()
    }
}

/// A connection that fails every write once it is closed.
struct AbortableStream {
    stream: TcpStream,
    line: Connection,
}

impl AsyncRead for AbortableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for AbortableStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Err(error) = self.line.check() {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
