//! Listening for notifications: one connection of a store's own, for all its subscriptions, made again whenever it is
//! lost. What it hears are [`Hints`] that it is worth looking; it never says what there is to see.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{AsyncMessage, Client, Config, Error, Socket};

use crate::names::quote;

/// The first pause before looking or connecting again.
const FIRST: Duration = Duration::from_millis(10);

/// The longest pause between attempts to connect.
const LONGEST: Duration = Duration::from_secs(5);

/// How long one who listens hears nothing before it looks nevertheless.
const NEVERTHELESS: Duration = Duration::from_secs(5);

type Messages = BoxStream<'static, Result<AsyncMessage, Error>>;

/// How a connection for listening is made.
pub(crate) trait Listen: Send + Sync {
    fn connect(&self) -> BoxFuture<'static, Result<(Client, Messages), Error>>;
}

/// As the user says.
pub(crate) struct ByConfig<T> {
    pub(crate) config: Config,
    pub(crate) tls: T,
}

impl<T> Listen for ByConfig<T>
where
    T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::Stream: Send,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    fn connect(&self) -> BoxFuture<'static, Result<(Client, Messages), Error>> {
        let (config, tls) = (self.config.clone(), self.tls.clone());
        Box::pin(async move {
            let (client, mut connection) = config.connect(tls).await?;
            let messages = stream::poll_fn(move |cx| connection.poll_message(cx));
            Ok((client, messages.boxed()))
        })
    }
}

/// What a store needs to listen, and the listener while there is one.
pub(crate) struct Listening {
    listen: Option<Arc<dyn Listen>>,
    channel: String,
    listener: Mutex<Weak<Listener>>,
}

impl Listening {
    pub(crate) fn new(listen: Option<Arc<dyn Listen>>, channel: String) -> Self {
        Self {
            listen,
            channel,
            listener: Mutex::new(Weak::new()),
        }
    }

    /// The listener, if somebody has started it.
    pub(crate) fn running(&self) -> Option<Arc<Listener>> {
        let listener = self.listener.lock();
        listener.unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    /// The listener, which is started where there is none. It ends when nobody has it any more.
    pub(crate) fn started(&self) -> Option<Arc<Listener>> {
        let listen = self.listen.as_ref()?;
        let listener = self.listener.lock();
        let mut listener = listener.unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = listener.upgrade() {
            return Some(running);
        }
        let (sender, heard) = watch::channel(Heard::default());
        let task = tokio::spawn(go_on(Arc::clone(listen), self.channel.clone(), sender));
        let started = Arc::new(Listener { heard, task });
        *listener = Arc::downgrade(&started);
        Some(started)
    }
}

/// A task that listens.
pub(crate) struct Listener {
    heard: watch::Receiver<Heard>,
    task: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What was heard last.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    /// Grows with each notification, and whenever one may have been missed.
    number: u64,
    is_listening: bool,
}

/// Listens, and connects again whenever the connection is lost.
async fn go_on(listen: Arc<dyn Listen>, channel: String, sender: watch::Sender<Heard>) {
    let sql = format!("LISTEN {}", quote(&channel));
    let hear = |is_listening| {
        sender.send_modify(|heard| {
            heard.number += 1;
            heard.is_listening = is_listening;
        });
    };
    let mut pause = FIRST;
    loop {
        if let Ok((client, mut messages)) = listen.connect().await {
            // It is answered while the messages are polled. Nothing is heard before.
            let mut asked = Some(client.batch_execute(&sql).boxed());
            loop {
                let message = poll_fn(|cx| {
                    if let Some(Poll::Ready(answer)) = asked.as_mut().map(|it| it.poll_unpin(cx)) {
                        asked = None;
                        match answer {
                            Ok(()) => {
                                pause = FIRST;
                                hear(true);
                            }
                            Err(_) => return Poll::Ready(None),
                        }
                    }
                    messages.poll_next_unpin(cx)
                })
                .await;
                match message {
                    Some(Ok(AsyncMessage::Notification(_))) => hear(true),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => break,
                }
            }
            hear(false);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

/// When to look again: as soon as something is heard, and after a pause that grows anyway.
pub(crate) struct Hints {
    heard: Option<watch::Receiver<Heard>>,
    /// So that it goes on.
    _listener: Option<Arc<Listener>>,
    pause: Duration,
    longest: Duration,
}

impl Hints {
    pub(crate) fn new(listener: Option<Arc<Listener>>, longest: Duration) -> Self {
        Self {
            heard: listener.as_ref().map(|listener| listener.heard.clone()),
            _listener: listener,
            pause: FIRST,
            longest,
        }
    }

    /// The same, with another first pause.
    pub(crate) fn beginning(mut self, first: Duration) -> Self {
        self.pause = first;
        self
    }

    /// Somebody looks now: what was heard so far is no news any more.
    pub(crate) fn mark(&mut self) {
        if let Some(heard) = &mut self.heard {
            heard.mark_unchanged();
        }
    }

    /// There was something to see: it will not be long until there is more.
    pub(crate) fn found(&mut self) {
        self.pause = FIRST;
    }

    /// Waits until it is worth looking, for so long at most.
    pub(crate) async fn wait(&mut self, most: Duration) {
        let grown = self.pause;
        self.pause = (self.pause * 2).min(self.longest);
        let Some(heard) = &mut self.heard else {
            tokio::time::sleep(grown.min(most)).await;
            return;
        };
        let is_listening = heard.borrow().is_listening;
        let pause = if is_listening { NEVERTHELESS } else { grown };
        let changed = tokio::time::timeout(pause.min(most), heard.changed()).await;
        if matches!(changed, Ok(Err(_))) {
            // The task is gone, with its runtime.
            self.heard = None;
        }
    }
}
