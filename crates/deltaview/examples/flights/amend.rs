//! An amendment: a day's flights are cancelled and a carrier gets a new name, in one change.

use std::path::Path;
use std::time::{Duration, Instant};

use deltaview::Committed;
use deltaview::prelude::*;

use super::data::Table;
use super::tables::{Airline, Flight};
use super::views::{Amendment, Inputs};

/// The day of the blizzard, when half of the flights were cancelled as it is; and the carrier with the most flights.
pub(crate) fn amendment() -> Amendment {
    Amendment {
        month: 2,
        day: 8,
        carrier: "UA".into(),
        new_name: "United Airlines".into(),
    }
}

/// Commits an amendment, and says how long the commit took. The graph's input does not remember the flights, so they
/// are read from the file again first.
pub(crate) fn amend<S: Store>(
    store: &mut S,
    data: &Path,
    inputs: Inputs,
    amendment: &Amendment,
) -> anyhow::Result<(Committed, Duration)> {
    let on_the_day =
        |flight: &Flight| (flight.month, flight.day) == (amendment.month, amendment.day);
    let flights = Table::find(data, "flights")?
        .rows::<Flight>(0)?
        .filter(|flight| flight.as_ref().map_or(true, on_the_day))
        .collect::<Result<Vec<_>, _>>()?;
    let new_name = amendment.new_name.clone();

    let begun = Instant::now();
    let committed = store
        .change()
        .remove(inputs.flights, flights.iter().cloned())
        .insert(inputs.flights, flights.into_iter().map(Flight::cancelled))
        .update(
            inputs.airlines,
            amendment.carrier.clone(),
            move |airline: &mut Airline| {
                airline.name.clone_from(&new_name);
            },
        )
        .insert(inputs.amendments, [amendment.clone()])
        .commit()?;
    Ok((committed, begun.elapsed()))
}
