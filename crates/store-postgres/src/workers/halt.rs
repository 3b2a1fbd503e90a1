//! What has halted: taken up again, or taken back.

use std::collections::BTreeSet;
use std::sync::Arc;

use deltaview_store::protocol::{Evidence, Refusal, Ticket};
use deltaview_store::{Error, ErrorKind};
use tokio_postgres::Client;

use super::way::Way;
use crate::commit_points::{self, Work};
use crate::follow::passes;
use crate::pipeline::{Link, Request, in_order};
use crate::retry::Pauses;
use crate::scope::Connection;
use crate::write::Expected;

impl Way<'_> {
    /// Takes the first time that has halted.
    pub(super) async fn take_halted(&mut self) -> Result<i64, Error> {
        let mut pauses = self.inner.pauses();
        loop {
            match self.take_halted_once().await {
                Err(error) => self.again(error, &mut pauses).await?,
                taken => return taken,
            }
        }
    }

    async fn take_halted_once(&mut self) -> Result<i64, Error> {
        commit_points::at(Work::Resume);
        let scope = self.scope()?;
        let mut looked = self.look(&scope, false).await?;
        // It was taken before, and the answer lost.
        let held = self.course.held().next().map(Ticket::time);
        if let Some(time) = held {
            return Ok(time);
        }
        let time = self.course.resume(&mut looked.ledger, looked.now)?;
        self.commit(scope, &looked, Vec::new()).await?;
        Ok(time)
    }

    /// Takes a time back, and with it what later ones have computed from it.
    pub(super) async fn abandon(&mut self, time: i64) -> Result<(), Error> {
        let mut pauses = self.inner.pauses();
        let mut is_again = false;
        loop {
            let error = match self.abandon_once(time).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            // It was done before, and the answer lost.
            if is_again && matches!(error.refusal(), Some(Refusal::NotInFlight { .. })) {
                return Ok(());
            }
            self.again(error, &mut pauses).await?;
            is_again = true;
        }
    }

    async fn abandon_once(&mut self, time: i64) -> Result<(), Error> {
        commit_points::at(Work::Abandon);
        let engine = &self.inner.engine;
        let scope = self.scope()?;
        // Whose lock is free is dead.
        self.suspect(time);
        let mut looked = self.look(&scope, false).await?;
        let evidence = if self.session.has_locked(time) {
            Evidence::Database
        } else {
            Evidence::Ledger
        };
        let rewinding = looked.ledger.abandon(time, evidence, looked.now)?;
        let connection = Arc::clone(scope.connection());
        let client: &Client = connection.client();
        let mut stages = BTreeSet::new();
        for (time, stage) in rewinding.steps {
            let entries = engine.journal(client, time, Some(stage)).await?;
            let undo = engine.graph.undo(&entries)?;
            let encoded = engine.encoded(&undo, Expected::Anything)?;
            let requests: Vec<Request<'_, ()>> = encoded
                .iter()
                .map(|(table, batch)| batch.write(Link::unprepared(client), table))
                .collect();
            in_order(requests).await?;
            engine.forget_stage(client, time, stage).await?;
            stages.insert(stage);
        }
        let frontiers: Vec<(u32, i64)> = stages
            .into_iter()
            .map(|stage| (stage, looked.ledger.frontier_of(stage)))
            .collect();
        let time_of = |stage| {
            let found = frontiers.iter().find(|(of, _)| *of == stage);
            found.map(|(_, frontier)| *frontier)
        };
        let written = engine.note_written(client, time_of);
        self.commit(scope, &looked, vec![written]).await
    }

    /// Makes ready for another attempt, where the error is one that passes.
    async fn again(&mut self, error: Error, pauses: &mut Pauses) -> Result<(), Error> {
        let error = self.as_timeout(error).await;
        if !passes(&error) || !pauses.wait().await {
            return Err(error);
        }
        if error.kind() == ErrorKind::Disconnected {
            self.renew(pauses).await?;
        }
        Ok(())
    }
}
