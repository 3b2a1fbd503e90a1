//! The graph: five tables in, four views out, and what the program itself keeps: how far it has loaded each file, and
//! what it has amended.
//!
//! Each view groups the flights first and joins the groups, not the flights: a carrier that is renamed touches its
//! 365 days rather than its 58,000 flights.
//!
//! Every view has history: so it can be verified as of any time, over the rows that were loaded by then.

use deltaview::prelude::*;
use deltaview::{BuildError, Retention, Row};

use super::tables::{Airline, Airport, Flight, Plane, Weather};

/// The flights of a carrier on a day.
///
/// A flight counts as departed if it has a departure delay at all, and as delayed if that is above zero; early
/// departures count as negative minutes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(name = "by_day", columns(carrier, month, day))]
pub(crate) struct CarrierDay {
    /// The carrier's name.
    pub(crate) carrier: String,
    pub(crate) month: u8,
    pub(crate) day: u8,
    pub(crate) flights: i64,
    pub(crate) departed: i64,
    pub(crate) delayed: i64,
    #[index(desc)]
    pub(crate) delay_minutes: i64,
    /// Exact but for the part of a second, which is cut off. `None` where no flight departed.
    pub(crate) mean_delay_seconds: Option<i64>,
}

/// The traffic between two airports, in one direction. Four destinations are not in `airports`: they have no name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(name = "by_pair", columns(origin, dest))]
pub(crate) struct Route {
    #[index]
    pub(crate) origin: String,
    #[index]
    pub(crate) dest: String,
    pub(crate) origin_name: Option<String>,
    pub(crate) dest_name: Option<String>,
    #[index(desc)]
    pub(crate) flights: i64,
    pub(crate) miles: i64,
}

/// The flights of one manufacturer's planes; of all planes that are not in `planes`, where it is `None`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct Manufacturer {
    #[index]
    pub(crate) manufacturer: Option<String>,
    #[index(desc)]
    pub(crate) flights: i64,
    pub(crate) miles: i64,
}

/// The flights due to leave in hours of one visibility, in whole miles; those of hours without weather are left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct Visibility {
    #[index]
    pub(crate) miles: i64,
    pub(crate) flights: i64,
    pub(crate) departed: i64,
    pub(crate) delayed: i64,
    pub(crate) mean_delay_seconds: Option<i64>,
}

/// How much of a file is loaded. It is written in the same change as the rows themselves, so it can't be wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct Loaded {
    #[index]
    pub(crate) table: String,
    pub(crate) rows: u64,
    /// The size of the file, by which another one is told.
    pub(crate) file_bytes: u64,
}

/// A day whose flights were all cancelled, and a carrier that was renamed, in one change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(name = "by_day", columns(month, day))]
pub(crate) struct Amendment {
    pub(crate) month: u8,
    pub(crate) day: u8,
    pub(crate) carrier: String,
    pub(crate) new_name: String,
}

/// What a change is made with.
#[derive(Clone, Copy)]
pub(crate) struct Inputs {
    pub(crate) airlines: TableHandle<Airline, String>,
    pub(crate) airports: TableHandle<Airport, String>,
    pub(crate) planes: TableHandle<Plane, String>,
    pub(crate) flights: InputHandle<Flight>,
    pub(crate) weather: InputHandle<Weather>,
    pub(crate) loaded: TableHandle<Loaded, String>,
    pub(crate) amendments: TableHandle<Amendment, (u8, u8)>,
}

/// What is read, by the indexes that it is read by.
#[derive(Clone, Copy)]
pub(crate) struct Views {
    pub(crate) carrier_days: ViewHandle<CarrierDay, (String, u8, u8)>,
    pub(crate) worst_days: ViewHandle<CarrierDay, Reverse<i64>>,
    pub(crate) routes: ViewHandle<Route, (String, String)>,
    pub(crate) busiest_routes: ViewHandle<Route, Reverse<i64>>,
    pub(crate) manufacturers: ViewHandle<Manufacturer, Option<String>>,
    pub(crate) busiest_manufacturers: ViewHandle<Manufacturer, Reverse<i64>>,
    pub(crate) visibility: ViewHandle<Visibility, i64>,
    pub(crate) loaded: ViewHandle<Loaded, String>,
    pub(crate) amendments: ViewHandle<Amendment, (u8, u8)>,
}

/// The whole query.
pub(crate) fn graph() -> Result<(Graph, Inputs, Views), BuildError> {
    let (graph, (inputs, views)) = Graph::build("flights", |g| {
        let airlines = g.table("airlines", Airline::by_carrier());
        let airports = g.table("airports", Airport::by_faa());
        let planes = g.table("planes", Plane::by_tailnum());
        let flights = g.input::<Flight>("flights");
        let weather = g.input::<Weather>("weather");
        let loaded = g.table("loaded", Loaded::by_table());
        let amendments = g.table("amendments", Amendment::by_day());

        let carrier_days =
            carrier_days(flights, airlines.into()).view_by("carrier_days", CarrierDay::by_day());
        let routes = routes(flights, airports.into()).view_by("routes", Route::by_pair());
        let manufacturers = manufacturers(flights, planes.into())
            .view_by("manufacturers", Manufacturer::by_manufacturer());
        let visibility = visibility(flights, weather).view_by("visibility", Visibility::by_miles());
        let loaded_files = loaded.view_by("files_loaded", Loaded::by_table());
        let amended = amendments.view_by("days_amended", Amendment::by_day());
        let kept = Retention::Forever;
        g.with_history(carrier_days, kept);
        g.with_history(routes, kept);
        g.with_history(manufacturers, kept);
        let views = Views {
            carrier_days,
            worst_days: g.also_by(carrier_days, CarrierDay::by_delay_minutes()),
            routes,
            busiest_routes: g.also_by(routes, Route::by_flights()),
            manufacturers,
            busiest_manufacturers: g.also_by(manufacturers, Manufacturer::by_flights()),
            visibility: g.with_history(visibility, kept),
            loaded: g.with_history(loaded_files, kept),
            amendments: g.with_history(amended, kept),
        };
        let inputs = Inputs {
            airlines: airlines.handle(),
            airports: airports.handle(),
            planes: planes.handle(),
            flights: flights.handle(),
            weather: weather.handle(),
            loaded: loaded.handle(),
            amendments: amendments.handle(),
        };
        (inputs, views)
    })?;
    Ok((graph, inputs, views))
}

/// Of some flights: how many, how many departed, how many of those were delayed, and their minutes of delay in all.
type Delays = (i64, i64, i64, i64);

fn delays(flight: &Flight) -> Delays {
    let delay = flight.dep_delay.map(i64::from);
    let delayed = delay.is_some_and(|minutes| minutes > 0);
    (
        1,
        i64::from(delay.is_some()),
        i64::from(delayed),
        delay.unwrap_or(0),
    )
}

/// The mean, from the sum and the count: an aggregate that is kept up to date keeps these two.
fn mean_seconds(minutes: i64, departed: i64) -> Option<i64> {
    (minutes * 60).checked_div(departed)
}

type DaysOfCode = Keyed<(String, u8, u8), Delays>;

fn carrier_days<'g>(
    flights: Stream<'g, Flight>,
    airlines: Stream<'g, Airline>,
) -> Stream<'g, CarrierDay> {
    let by_code = Index::new("carrier", |days: &DaysOfCode| days.key.0.clone());
    flights
        .group_by(Flight::by_carrier_and_day())
        .sum(delays)
        .join_map(
            airlines,
            by_code,
            Airline::by_carrier(),
            |_, days, airline| {
                let (_, month, day) = days.key;
                Keyed::new((airline.name.clone(), month, day), days.value)
            },
        )
        // Two carriers may have one name.
        .group_by(Keyed::default_index())
        .sum(|named| named.value)
        .map(|named| {
            let (carrier, month, day) = named.key;
            let (flights, departed, delayed, delay_minutes) = named.value;
            let mean_delay_seconds = mean_seconds(delay_minutes, departed);
            CarrierDay {
                carrier,
                month,
                day,
                flights,
                departed,
                delayed,
                delay_minutes,
                mean_delay_seconds,
            }
        })
}

fn routes<'g>(flights: Stream<'g, Flight>, airports: Stream<'g, Airport>) -> Stream<'g, Route> {
    let nameless = flights
        .group_by(Flight::by_route())
        .sum(|flight| (1, i64::from(flight.distance)))
        .map(|route| {
            let (origin, dest) = route.key;
            let (flights, miles) = route.value;
            Route {
                origin,
                dest,
                origin_name: None,
                dest_name: None,
                flights,
                miles,
            }
        });
    let half_named = left_join(
        nameless,
        airports,
        Route::by_origin(),
        Airport::by_faa(),
        |route, airport| Route {
            origin_name: Some(airport.name.clone()),
            ..route.clone()
        },
        |route| Route {
            origin_name: None,
            ..route
        },
    );
    left_join(
        half_named,
        airports,
        Route::by_dest(),
        Airport::by_faa(),
        |route, airport| Route {
            dest_name: Some(airport.name.clone()),
            ..route.clone()
        },
        |route| Route {
            dest_name: None,
            ..route
        },
    )
}

/// The flights of one plane. The tail number, too, may be missing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
struct PlaneFlights {
    #[index]
    tailnum: Option<String>,
    #[index]
    manufacturer: Option<String>,
    flights: i64,
    miles: i64,
}

fn manufacturers<'g>(
    flights: Stream<'g, Flight>,
    planes: Stream<'g, Plane>,
) -> Stream<'g, Manufacturer> {
    let by_plane = flights
        .group_by(Flight::by_tailnum())
        .sum(|flight| (1, i64::from(flight.distance)))
        .map(|plane| {
            let (flights, miles) = plane.value;
            PlaneFlights {
                tailnum: plane.key,
                manufacturer: None,
                flights,
                miles,
            }
        });
    left_join(
        by_plane,
        planes,
        PlaneFlights::by_tailnum(),
        Index::new("some_tailnum", |plane: &Plane| Some(plane.tailnum.clone())),
        |flown, plane| PlaneFlights {
            manufacturer: Some(plane.manufacturer.clone()),
            ..flown.clone()
        },
        |flown| PlaneFlights {
            manufacturer: None,
            ..flown
        },
    )
    .group_by(PlaneFlights::by_manufacturer())
    .sum(|flown| (flown.flights, flown.miles))
    .map(|made| {
        let (flights, miles) = made.value;
        Manufacturer {
            manufacturer: made.key,
            flights,
            miles,
        }
    })
}

fn visibility<'g>(
    flights: Stream<'g, Flight>,
    weather: Stream<'g, Weather>,
) -> Stream<'g, Visibility> {
    let by_hour = Index::new("hour", |flight: &Flight| {
        (flight.origin.clone(), flight.time_hour.clone())
    });
    flights
        .group_by(by_hour)
        .sum(delays)
        .join_map(
            weather,
            Keyed::default_index(),
            Weather::by_hour(),
            |_, flown, weather| Keyed::new(weather.visib.0 as i64, flown.value),
        )
        .group_by(Keyed::default_index())
        .sum(|flown| flown.value)
        .map(|seen| {
            let (flights, departed, delayed, minutes) = seen.value;
            let mean_delay_seconds = mean_seconds(minutes, departed);
            Visibility {
                miles: seen.key,
                flights,
                departed,
                delayed,
                mean_delay_seconds,
            }
        })
}

/// SQL's LEFT JOIN with a table that has at most one row a key: rows that find one are filled in, others stay as they
/// are.
///
/// It is the inner join, and with it all rows of the left side less those that the join has found: `clear` makes of
/// a filled row the one that it came from.
fn left_join<'g, L: Row, R: Row, K: IndexKey>(
    left: Stream<'g, L>,
    right: Stream<'g, R>,
    left_index: Index<L, K>,
    right_index: Index<R, K>,
    fill: impl Fn(&L, &R) -> L + Send + Sync + 'static,
    clear: impl Fn(L) -> L + Send + Sync + 'static,
) -> Stream<'g, L> {
    let found = left.join_map(right, left_index, right_index, move |_, left, right| {
        fill(left, right)
    });
    let not_found = left.plus(found.map(clear).negate());
    found.plus(not_found)
}
