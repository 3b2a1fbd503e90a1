//! What becomes of errors: which are tried again, and what the client is told of the others.

use std::error::Error;
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use deltaview::ErrorKind;
use deltaview::postgres::deadpool_postgres::PoolError;
use deltaview::postgres::tokio_postgres;
use deltaview::postgres::tokio_postgres::error::SqlState;

/// Why a request was not done. It is then not done at all: its transaction was rolled back.
#[derive(Debug)]
pub enum Failure {
    /// The shop says no, and why.
    Refused(StatusCode, String),
    /// The store of the views.
    Store(deltaview::Error),
    /// A statement of our own.
    Database(tokio_postgres::Error),
    /// The pool has no connection.
    Pool(PoolError),
}

impl Failure {
    /// What is asked for can't be done, whenever it is asked for.
    pub fn unprocessable(why: impl Into<String>) -> Self {
        Self::Refused(StatusCode::UNPROCESSABLE_ENTITY, why.into())
    }

    /// Whether another attempt at the whole transaction may succeed.
    fn is_retryable(&self) -> bool {
        match self {
            Self::Refused(..) => false,
            Self::Store(error) => error.is_retryable(),
            Self::Database(error) | Self::Pool(PoolError::Backend(error)) => {
                let passing = [
                    SqlState::T_R_SERIALIZATION_FAILURE,
                    SqlState::T_R_DEADLOCK_DETECTED,
                    SqlState::ADMIN_SHUTDOWN,
                    SqlState::CANNOT_CONNECT_NOW,
                ];
                let by_io = error
                    .source()
                    .is_some_and(|cause| cause.is::<std::io::Error>());
                error.is_closed()
                    || by_io
                    || error.code().is_some_and(|code| passing.contains(code))
            }
            Self::Pool(error) => matches!(error, PoolError::Timeout(_)),
        }
    }

    /// Whether it is the text of the request that the database can't hold: Postgres has no NUL.
    fn is_unholdable(&self) -> bool {
        match self {
            Self::Store(error) => error.kind() == ErrorKind::UnsupportedKey,
            Self::Database(error) => error.code() == Some(&SqlState::CHARACTER_NOT_IN_REPERTOIRE),
            _ => false,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if self.is_retryable() {
            let retry_after = [(header::RETRY_AFTER, "1")];
            return (
                StatusCode::SERVICE_UNAVAILABLE,
                retry_after,
                "try again in a moment",
            )
                .into_response();
        }
        if self.is_unholdable() {
            return (
                StatusCode::UNPROCESSABLE_ENTITY,
                "a name can't have a NUL, nor be very long",
            )
                .into_response();
        }
        match self {
            Self::Refused(status, why) => (status, why).into_response(),
            // What went wrong is for our log; it is nothing that a client should read.
            Self::Store(_) | Self::Database(_) | Self::Pool(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "something went wrong").into_response()
            }
        }
    }
}

impl From<deltaview::Error> for Failure {
    fn from(error: deltaview::Error) -> Self {
        Self::Store(error)
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

/// Makes a few attempts, with pauses that grow, as long as what they fail for may pass.
///
/// # Errors
///
/// Those of the last attempt.
pub async fn retried<T, F>(attempt: impl Fn() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    for pause in [10, 50, 250] {
        match attempt().await {
            Err(failure) if failure.is_retryable() => {
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            done => return done,
        }
    }
    attempt().await
}
