//! The flights that left New York in 2013: the query of the example of that name, over the five tables of nycflights13, with
//! the example's own files. Its views have history.

use std::path::Path;

use anyhow::Context;
use deltaview::prelude::*;

use crate::workloads::{Asked, BATCH, CHANGES, Workload, batches};
use data::Table;
use tables::{Airline, Airport, Flight, Plane, Weather};

#[path = "../../crates/deltaview/examples/flights/data.rs"]
#[expect(dead_code, reason = "the example also counts and verifies")]
mod data;
#[path = "../../crates/deltaview/examples/flights/tables.rs"]
#[expect(dead_code, reason = "the example also amends")]
mod tables;
#[path = "../../crates/deltaview/examples/flights/views.rs"]
#[expect(dead_code, reason = "the example also loads and amends")]
mod views;

/// The sample that the repository has.
pub const SAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../crates/deltaview/examples/flights/data"
);

/// All five tables, but for the last flights: then one of those comes, and one that is there goes.
pub(crate) fn flights(asked: Asked<'_>) -> Workload {
    made(asked.flights).unwrap_or_else(|error| panic!("{error:#}"))
}

fn rows<T: serde::de::DeserializeOwned>(folder: &Path, table: &str) -> anyhow::Result<Vec<T>> {
    Table::find(folder, table)?.rows(0)?.collect()
}

fn made(folder: &Path) -> anyhow::Result<Workload> {
    let (graph, inputs, _) = views::graph().context("the example's graph")?;
    let airlines: Vec<Airline> = rows(folder, "airlines")?;
    let airports: Vec<Airport> = rows(folder, "airports")?;
    let planes: Vec<Plane> = rows(folder, "planes")?;
    let weather: Vec<Weather> = rows(folder, "weather")?;
    let mut flights: Vec<Flight> = rows(folder, "flights")?;
    let coming = usize::try_from(CHANGES / 2)?.min(flights.len() / 2);
    let coming = flights.split_off(flights.len() - coming);
    let changes = coming.into_iter().zip(&flights).flat_map(|(comes, goes)| {
        [
            graph.change().insert(inputs.flights, [comes]),
            graph.change().remove(inputs.flights, [goes.clone()]),
        ]
    });
    let changes = changes.collect();
    let count = |rows: usize| rows as u64;
    let others = [airlines.len(), airports.len(), planes.len(), weather.len()];
    let rows = count(flights.len()) + others.into_iter().map(count).sum::<u64>();
    let first = graph
        .change()
        .insert(inputs.airlines, airlines)
        .insert(inputs.airports, airports)
        .insert(inputs.planes, planes);
    let (all_weather, all_flights) = (count(weather.len()), count(flights.len()));
    let weather = weather.into_iter();
    let weather = batches(&graph, inputs.weather, weather, all_weather, BATCH);
    let flights = flights.into_iter();
    let flights = batches(&graph, inputs.flights, flights, all_flights, BATCH);
    Ok(Workload {
        graph,
        load: Box::new(std::iter::once(first).chain(weather).chain(flights)),
        rows,
        changes,
    })
}
