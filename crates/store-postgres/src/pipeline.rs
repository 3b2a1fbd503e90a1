//! Sends several requests at once, in order, and waits for all the answers: one round trip.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use deltaview_store::Error;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

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
pub(crate) async fn in_order<T>(mut requests: Vec<Request<'_, T>>) -> Result<Vec<T>, Error> {
    let mut answers: Vec<Answer<T>> = requests.iter().map(|_| None).collect();
    if is_watched() {
        send_and_tell(&mut requests, &mut answers).await;
    }
    poll_fn(|cx| {
        if poll_each(&mut requests, &mut answers, cx) {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    reached(Moment::Answered).await;
    let mut found = Vec::with_capacity(answers.len());
    let mut failed: Option<Failure> = None;
    for answer in answers.into_iter().flatten() {
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

type Answer<T> = Option<Result<T, Failure>>;

/// Not one that came to its end is polled again, and each of the others is polled, first to last. Returns whether one is
/// waited for.
fn poll_each<T>(
    requests: &mut [Request<'_, T>],
    answers: &mut [Answer<T>],
    cx: &mut Context<'_>,
) -> bool {
    let mut waiting = false;
    for (request, answer) in requests.iter_mut().zip(answers) {
        if answer.is_none() {
            match request.as_mut().poll(cx) {
                Poll::Ready(result) => *answer = Some(result),
                Poll::Pending => waiting = true,
            }
        }
    }
    waiting
}

/// Sends them, and tells a test how far that has come.
async fn send_and_tell<T>(requests: &mut [Request<'_, T>], answers: &mut [Answer<T>]) {
    reached(Moment::Before).await;
    let half = requests.len() / 2;
    for (part, moment) in [
        (0..half, Moment::Half),
        (half..requests.len(), Moment::Sent),
    ] {
        let (requests, answers) = (&mut requests[part.clone()], &mut answers[part]);
        poll_fn(|cx| {
            poll_each(requests, answers, cx);
            Poll::Ready(())
        })
        .await;
        reached(moment).await;
    }
}

/// Sends one request, as [`in_order`] does several.
pub(crate) async fn alone<T>(request: impl Future<Output = T>) -> T {
    if !is_watched() {
        return request.await;
    }
    let mut request = pin!(request);
    reached(Moment::Before).await;
    let polled = poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx))).await;
    reached(Moment::Sent).await;
    let answer = match polled {
        Poll::Ready(answer) => answer,
        Poll::Pending => request.await,
    };
    reached(Moment::Answered).await;
    answer
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
