//! The five tables of nycflights13, with all of their columns, as the files have them: distances in miles, delays in
//! minutes, times of day as `hmm`, temperatures in °F. What is `NA` in a file is `None` here.

use deltaview::prelude::*;

/// A carrier: `airlines`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct Airline {
    #[index]
    pub(crate) carrier: String,
    pub(crate) name: String,
}

/// An airport: `airports`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct Airport {
    #[index]
    pub(crate) faa: String,
    pub(crate) name: String,
    pub(crate) lat: OrderedFloat<f64>,
    pub(crate) lon: OrderedFloat<f64>,
    pub(crate) alt: i32,
    pub(crate) tz: i8,
    pub(crate) dst: char,
    pub(crate) tzone: Option<String>,
}

/// A plane: `planes`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct Plane {
    #[index]
    pub(crate) tailnum: String,
    pub(crate) year: Option<u16>,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) manufacturer: String,
    pub(crate) model: String,
    pub(crate) engines: u8,
    pub(crate) seats: u16,
    pub(crate) speed: Option<u16>,
    pub(crate) engine: String,
}

/// A flight that left New York in 2013, or should have: `flights`. A cancelled one has no `dep_time`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(name = "by_carrier_and_day", columns(carrier, month, day))]
#[index(name = "by_route", columns(origin, dest))]
pub(crate) struct Flight {
    pub(crate) year: u16,
    pub(crate) month: u8,
    pub(crate) day: u8,
    pub(crate) dep_time: Option<u16>,
    pub(crate) sched_dep_time: u16,
    pub(crate) dep_delay: Option<i32>,
    pub(crate) arr_time: Option<u16>,
    pub(crate) sched_arr_time: u16,
    pub(crate) arr_delay: Option<i32>,
    pub(crate) carrier: String,
    pub(crate) flight: u16,
    #[index]
    pub(crate) tailnum: Option<String>,
    pub(crate) origin: String,
    pub(crate) dest: String,
    pub(crate) air_time: Option<u16>,
    pub(crate) distance: u16,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) time_hour: String,
}

impl Flight {
    /// The same flight, as if it had not left.
    pub(crate) fn cancelled(self) -> Self {
        Self {
            dep_time: None,
            dep_delay: None,
            arr_time: None,
            arr_delay: None,
            air_time: None,
            ..self
        }
    }
}

/// The weather of an hour at an airport: `weather`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(name = "by_hour", columns(origin, time_hour))]
pub(crate) struct Weather {
    pub(crate) origin: String,
    pub(crate) year: u16,
    pub(crate) month: u8,
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) temp: Option<OrderedFloat<f64>>,
    pub(crate) dewp: Option<OrderedFloat<f64>>,
    pub(crate) humid: Option<OrderedFloat<f64>>,
    pub(crate) wind_dir: Option<u16>,
    pub(crate) wind_speed: Option<OrderedFloat<f64>>,
    pub(crate) wind_gust: Option<OrderedFloat<f64>>,
    pub(crate) precip: OrderedFloat<f64>,
    pub(crate) pressure: Option<OrderedFloat<f64>>,
    pub(crate) visib: OrderedFloat<f64>,
    pub(crate) time_hour: String,
}
