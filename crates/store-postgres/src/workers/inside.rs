//! Why a change can't be committed inside of the caller's transaction: it can't wait there, and can't be several
//! transactions.

use deltaview_store::protocol::{AtOnce, Refusal, Request, WorkerId};
use deltaview_store::{ChangeId, CommitOptions, Committed, Error, ErrorKind, Time};
use tokio_postgres::Client;

use crate::store::Inner;

impl Inner {
    /// What refuses a change that could not be committed at once; or when it was committed before.
    pub(crate) async fn why_not_at_once(
        &self,
        client: &Client,
        options: &CommitOptions,
    ) -> Result<Committed, Error> {
        let stored = self.engine.stored(client, options.id()).await;
        let mut stored = stored.map_err(|failure| failure.error)?;
        let nobody = WorkerId::new("inside");
        let unnamed = ChangeId::new("inside").expect("a short name");
        let request = Request {
            time: options.time(),
            change_id: options.id().unwrap_or(&unnamed),
            committed: stored.committed,
            worker: &nobody,
            lease: None,
            now: stored.now,
        };
        let why = match stored.ledger.commit_at_once(&request)? {
            AtOnce::Committed { time } => return Ok(Committed::known_by_name(time)),
            AtOnce::NotYet { frontier, last } => format!(
                "the change is to see everything up to time {frontier}, and the last time that was given is {last}"
            ),
            AtOnce::Busy | AtOnce::Time(_) => match stored.ledger.in_flight().next() {
                Some(first) => format!(
                    "time {} is in flight, held by `{}`",
                    first.time, first.holder
                ),
                None => "another change was in flight, and has come to its end".to_string(),
            },
        };
        let message = format!(
            "graph `{}`: {why}, and a change inside of your transaction can't wait: roll it back, and begin it again",
            self.engine.graph.name()
        );
        Err(Error::new(ErrorKind::Busy, message))
    }

    /// A change that goes stage by stage is several transactions.
    pub(crate) fn refuse_stages_inside(&self, time: &Time) -> Error {
        let message = format!(
            "graph `{}`: a change with `Flush::EachTable` is several transactions, and can't be made inside of yours: \
             commit it with `Flush::AtEnd`, or outside of the transaction",
            self.engine.graph.name()
        );
        let refusal = Refusal::OutOfTurn {
            time: time.input_time.unwrap_or(0),
            asked: "to commit stage by stage inside of a transaction".into(),
            next: "to end the transaction".into(),
        };
        Error::new(refusal.kind(), message).caused_by(refusal)
    }
}
