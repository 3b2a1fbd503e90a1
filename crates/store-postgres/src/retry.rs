//! When to try again: the pauses between attempts, and their end.

use std::time::Duration;

use deltaview_store::{Error, ErrorKind};

const FIRST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(1);

/// Pauses that double, until they have lasted long enough together.
#[derive(Clone, Debug)]
pub(crate) struct Pauses {
    next: Duration,
    left: Duration,
}

impl Pauses {
    pub(crate) fn lasting(time: Duration) -> Self {
        Self {
            next: FIRST,
            left: time,
        }
    }

    /// Waits for the next attempt; not if there is to be none.
    pub(crate) async fn wait(&mut self) -> bool {
        if self.left.is_zero() {
            return false;
        }
        let pause = self.next.min(self.left);
        self.left -= pause;
        self.next = (self.next * 2).min(LONGEST);
        tokio::time::sleep(pause).await;
        true
    }
    /// Waits for the next attempt at what only reads, where the connection was lost before anything was read.
    ///
    /// # Errors
    ///
    /// The error, where it is another one, or there is to be no next attempt.
    pub(crate) async fn after(&mut self, error: Error) -> Result<(), Error> {
        if error.kind() == ErrorKind::Disconnected && self.wait().await {
            Ok(())
        } else {
            Err(error)
        }
    }
}
