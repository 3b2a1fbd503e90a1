//! Connections that are watched on the wire: round trips are counted, and a `COMMIT` can be lost on its way.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use deltaview_store_postgres::deadpool_postgres::{
    Connect, Manager, ManagerConfig, Pool, RecyclingMethod,
};
use deltaview_store_postgres::tokio_postgres::config::Host;
use deltaview_store_postgres::tokio_postgres::{Client, Config, Error, NoTls};
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// What is sent to commit, and what the server says when that is done.
const COMMIT: &[u8] = b"COMMIT\0";

/// What it says instead where a statement before it has failed.
const ROLLBACK: &[u8] = b"ROLLBACK\0";

fn has(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

/// What is done to the next `COMMIT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It does not reach the server, which sees the connection end.
    Request,
    /// It does not reach the server, which goes on waiting for it.
    RequestInSilence,
    /// It is done, and nobody hears of it. The connection ends when the server has said so: one that ends while the server
    /// answers what was sent before ends the transaction with it.
    Answer,
}

/// What happens on the wires of a pool.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    round_trips: AtomicUsize,
    loss: Mutex<Option<Loss>>,
    /// Connections that are kept open though the client has none any more.
    silent: Mutex<Vec<TcpStream>>,
    connections: AtomicUsize,
    /// Whoever connects goes through it.
    gate: tokio::sync::Mutex<()>,
}

impl Wire {
    /// A pool whose connections are watched.
    pub(crate) fn pool(self: &Arc<Self>, config: Config, size: usize) -> Pool {
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_connect(config, Watched(Arc::clone(self)), recycling);
        Pool::builder(manager).max_size(size).build().unwrap()
    }

    /// How often the client has waited for the server since this was asked last.
    pub(crate) fn round_trips(&self) -> usize {
        self.round_trips.swap(0, Ordering::Relaxed)
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// No connection is made until what this returns is dropped.
    pub(crate) async fn close_gate(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.gate.lock().await
    }

    pub(crate) fn lose_next_commit(&self, loss: Loss) {
        *self.loss.lock().unwrap() = Some(loss);
    }

    pub(crate) fn has_lost(&self) -> bool {
        self.loss.lock().unwrap().is_none()
    }
}

struct Watched(Arc<Wire>);

impl Connect for Watched {
    fn connect(&self, config: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        let (config, wire) = (config.clone(), Arc::clone(&self.0));
        Box::pin(async move {
            let Host::Tcp(host) = &config.get_hosts()[0] else {
                panic!("the tests reach the server by TCP");
            };
            drop(wire.gate.lock().await);
            let port = config.get_ports().first().copied().unwrap_or(5432);
            let stream = TcpStream::connect((host.as_str(), port)).await.unwrap();
            stream.set_nodelay(true).unwrap();
            wire.connections.fetch_add(1, Ordering::Relaxed);
            let stream = Stream {
                stream: Some(stream),
                wire,
                has_read: true,
                unheard: None,
            };
            let (client, connection) = config.connect_raw(stream, NoTls).await?;
            let driven = tokio::spawn(async move {
                // A connection that is cut ends with an error.
                let _ = connection.await;
            });
            Ok((client, driven))
        })
    }
}

struct Stream {
    /// Nothing, once it is cut.
    stream: Option<TcpStream>,
    wire: Arc<Wire>,
    /// Whether something was read since something was written.
    has_read: bool,
    /// The end of what was read and is lost, once a `COMMIT` was sent whose answer is.
    unheard: Option<Vec<u8>>,
}

impl Stream {
    fn cut() -> io::Error {
        io::Error::from(io::ErrorKind::ConnectionReset)
    }

    /// What becomes of bytes that are to be written: an error, if they are lost.
    fn lose(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !has(bytes, COMMIT) {
            return Ok(());
        }
        match self.wire.loss.lock().unwrap().take() {
            None => Ok(()),
            Some(Loss::Answer) => {
                self.unheard = Some(Vec::new());
                Ok(())
            }
            Some(Loss::Request) => {
                self.stream = None;
                Err(Self::cut())
            }
            Some(Loss::RequestInSilence) => {
                self.wire.silent.lock().unwrap().extend(self.stream.take());
                Err(Self::cut())
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let before = buf.filled().len();
            let Some(stream) = &mut self.stream else {
                return Poll::Ready(Err(Self::cut()));
            };
            let read = Pin::new(stream).poll_read(cx, buf);
            let has_read = buf.filled().len() > before;
            self.has_read |= has_read;
            let Some(unheard) = &mut self.unheard else {
                return read;
            };
            if has_read {
                unheard.extend_from_slice(&buf.filled()[before..]);
                buf.set_filled(before);
                if !has(unheard, COMMIT) && !has(unheard, ROLLBACK) {
                    let answered = unheard.len().saturating_sub(ROLLBACK.len());
                    unheard.drain(..answered);
                    continue;
                }
            } else if !matches!(read, Poll::Ready(Ok(()))) {
                return read;
            }
            self.stream = None;
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.lose(buf)?;
        if std::mem::replace(&mut self.has_read, false) {
            self.wire.round_trips.fetch_add(1, Ordering::Relaxed);
        }
        match &mut self.stream {
            Some(stream) => Pin::new(stream).poll_write(cx, buf),
            None => Poll::Ready(Err(Self::cut())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Some(stream) => Pin::new(stream).poll_flush(cx),
            None => Poll::Ready(Err(Self::cut())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Some(stream) => Pin::new(stream).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}
