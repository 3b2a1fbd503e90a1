//! Sends several requests at once, in order, and waits for all the answers: one round trip.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use deadpool_postgres::StatementCache;
use deltaview_store::Error;
use futures::TryStreamExt;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, RowStream, Statement};

use crate::commit_points::{Moment, is_watched, reached};
use crate::error::is_aftermath;

/// A request that waits to be sent. The driver sends a request when it is first polled, and not before.
pub(crate) type Request<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// Why a request failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// Only because one before it did.
    is_aftermath: bool,
}

impl Failure {
    /// An error of the driver, told by `tell`.
    pub(crate) fn of(
        error: tokio_postgres::Error,
        tell: impl FnOnce(tokio_postgres::Error) -> Error,
    ) -> Self {
        let is_aftermath = is_aftermath(&error);
        Self {
            error: tell(error),
            is_aftermath,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            error,
            is_aftermath: false,
        }
    }
}

/// Sends all the requests in their order, and waits for all of them.
///
/// # Errors
///
/// Of those that fail, the first that did not fail because of another one.
pub(crate) async fn in_order<T>(requests: Vec<Request<'_, T>>) -> Result<Vec<T>, Error> {
    let mut sending = Sending::of(requests);
    if is_watched() {
        sending.send_and_tell().await;
    }
    let mut is_sent = false;
    poll_fn(|cx| {
        let is_waiting = if std::mem::replace(&mut is_sent, true) {
            sending.poll_in_order(cx)
        } else {
            sending.poll_all(cx)
        };
        if is_waiting {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    reached(Moment::Answered).await;
    let mut found = Vec::with_capacity(sending.answers.len());
    let mut failed: Option<Failure> = None;
    for answer in sending.answers.into_iter().flatten() {
        match answer {
            Ok(value) => found.push(value),
            Err(failure) => {
                let is_cause = failed
                    .as_ref()
                    .is_none_or(|first| first.is_aftermath && !failure.is_aftermath);
                if is_cause {
                    failed = Some(failure);
                }
            }
        }
    }
    match failed {
        Some(failure) => Err(failure.error),
        None => Ok(found),
    }
}

/// Requests that are sent, with the answers that have come.
struct Sending<'a, T> {
    requests: Vec<Request<'a, T>>,
    answers: Vec<Option<Result<T, Failure>>>,
    /// So many have been polled.
    polled: usize,
}

impl<'a, T> Sending<'a, T> {
    fn of(requests: Vec<Request<'a, T>>) -> Self {
        Self {
            answers: requests.iter().map(|_| None).collect(),
            requests,
            polled: 0,
        }
    }

    /// Returns whether one is waited for.
    fn poll_all(&mut self, cx: &mut Context<'_>) -> bool {
        self.poll_first(self.requests.len(), cx)
    }

    /// Once all are sent: the answers come in the order of the requests, so that none is looked at before its turn.
    fn poll_in_order(&mut self, cx: &mut Context<'_>) -> bool {
        for (request, answer) in self.requests.iter_mut().zip(&mut self.answers) {
            if answer.is_none() {
                match request.as_mut().poll(cx) {
                    Poll::Ready(result) => *answer = Some(result),
                    Poll::Pending => return true,
                }
            }
        }
        false
    }

    /// Of the first so many: not one that came to its end is polled again, and each of the others is polled, first to last.
    /// Returns whether one is waited for.
    fn poll_first(&mut self, end: usize, cx: &mut Context<'_>) -> bool {
        let mut waiting = false;
        let mut place = 0;
        while place < end.min(self.requests.len()) {
            if self.answers[place].is_none() {
                match self.requests[place].as_mut().poll(cx) {
                    Poll::Ready(result) => {
                        let is_first = place >= self.polled;
                        // It may not have been sent. So what follows is not sent either: it may be a `COMMIT`.
                        if is_first && result.is_err() {
                            self.requests.truncate(place + 1);
                        }
                        self.answers[place] = Some(result);
                    }
                    Poll::Pending => waiting = true,
                }
            }
            place += 1;
        }
        self.polled = self.polled.max(end);
        waiting
    }

    /// Sends them, and tells a test how far that has come.
    async fn send_and_tell(&mut self) {
        reached(Moment::Before).await;
        let all = self.requests.len();
        for (end, moment) in [(all / 2, Moment::Half), (all, Moment::Sent)] {
            poll_fn(|cx| {
                self.poll_first(end, cx);
                Poll::Ready(())
            })
            .await;
            reached(moment).await;
        }
    }
}

/// Sends one statement whose rows are of no interest. Nothing is prepared on the server before or after it, so that it
/// is one round trip, on whatever connection.
pub(crate) async fn execute(
    client: &Client,
    sql: &str,
    values: &[(&(dyn ToSql + Sync), Type)],
) -> Result<(), tokio_postgres::Error> {
    client.execute_typed(sql, values).await.map(|_| ())
}

/// A connection, and the statements that are prepared on it, where any may be.
#[derive(Clone, Copy)]
pub(crate) struct Link<'a> {
    pub(crate) client: &'a Client,
    pub(crate) prepared: Option<&'a StatementCache>,
}

/// Values with their types, to be bound.
pub(crate) type Bound<'a> = (&'a (dyn ToSql + Sync), Type);

impl<'a> Link<'a> {
    /// On which nothing is prepared.
    pub(crate) fn unprepared(client: &'a Client) -> Self {
        Self {
            client,
            prepared: None,
        }
    }

    /// The same where rows are few. Of many the planner may make something else than of few, so that nothing is prepared.
    pub(crate) fn for_few(self, are_few: bool) -> Self {
        if are_few {
            self
        } else {
            Self::unprepared(self.client)
        }
    }

    /// Sends a statement that will be sent again: where it is not prepared yet, it is so behind it, in the same breath. So
    /// the first time costs no round trip either.
    pub(crate) async fn query(
        self,
        sql: &str,
        values: &[Bound<'_>],
    ) -> Result<RowStream, tokio_postgres::Error> {
        let unprepared = || {
            let values = values.iter();
            let values: Vec<Bound<'_>> = values
                .map(|(value, value_type)| (*value, value_type.clone()))
                .collect();
            self.client.query_typed_raw(sql, values)
        };
        let Some(prepared) = self.prepared else {
            return unprepared().await;
        };
        let types: Vec<Type> = values
            .iter()
            .map(|(_, value_type)| value_type.clone())
            .collect();
        let mut preparing = pin!(prepared.prepare_typed(self.client, sql, &types));
        // What is there is found at once, and what is not there has been sent for by this.
        match futures::poll!(preparing.as_mut()) {
            Poll::Ready(statement) => self.run(&statement?, values).await,
            Poll::Pending => {
                let (statement, rows) = futures::join!(preparing, unprepared());
                statement?;
                rows
            }
        }
    }

    async fn run(
        self,
        statement: &Statement,
        values: &[Bound<'_>],
    ) -> Result<RowStream, tokio_postgres::Error> {
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|(value, _)| *value).collect();
        self.client.query_raw(statement, values).await
    }

    /// [`Self::query`], where the rows are of no interest.
    pub(crate) async fn execute(
        self,
        sql: &str,
        values: &[Bound<'_>],
    ) -> Result<(), tokio_postgres::Error> {
        let mut rows = pin!(self.query(sql, values).await?);
        while rows.try_next().await?.is_some() {}
        Ok(())
    }

    /// [`Self::query`], and the row, where there is one.
    pub(crate) async fn query_opt(
        self,
        sql: &str,
        values: &[Bound<'_>],
    ) -> Result<Option<tokio_postgres::Row>, tokio_postgres::Error> {
        let mut rows = pin!(self.query(sql, values).await?);
        let mut first = None;
        while let Some(row) = rows.try_next().await? {
            first.get_or_insert(row);
        }
        Ok(first)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use deltaview_store::ErrorKind;

    use super::*;

    fn failure(is_aftermath: bool, text: &str) -> Failure {
        Failure {
            error: Error::new(ErrorKind::Database, text.to_string()),
            is_aftermath,
        }
    }

    #[tokio::test]
    async fn what_is_not_sent_keeps_what_follows_from_being_sent() {
        let sent = AtomicUsize::new(0);
        let send = |result: Result<(), Failure>| -> Request<'_, ()> {
            let sent = &sent;
            Box::pin(async move {
                sent.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                result
            })
        };
        let unsent = || -> Request<'_, ()> { Box::pin(async { Err(failure(false, "not sent")) }) };
        let all = vec![send(Ok(())), unsent(), send(Ok(())), send(Ok(()))];
        let error = in_order(all).await.unwrap_err();
        assert!(error.to_string().contains("not sent"), "{error}");
        assert_eq!(sent.swap(0, Ordering::Relaxed), 1);

        // What the server refuses was sent, and so is what follows it. The cause is told, and not what came of it.
        let refused = send(Err(failure(true, "aftermath")));
        let all = vec![send(Ok(())), send(Err(failure(false, "cause"))), refused];
        let error = in_order(all).await.unwrap_err();
        assert!(error.to_string().contains("cause"), "{error}");
        assert_eq!(sent.load(Ordering::Relaxed), 3);
    }
}
