//! `per_group`: a sub-query inside each group of a stream.

use std::panic::Location;
use std::sync::Arc;

use deltaview_schema::{Index, IndexKey, Row};
use deltaview_zset::Keyed;

use super::scope::{In, Scope};
use super::{Stream, Work};
use crate::operators::MapStage;

impl<'g, T: Row, S: Scope> Stream<'g, T, S> {
    /// Runs a sub-query on the rows of each group, with any operators, also another `per_group`. SQL:
    /// `CROSS JOIN LATERAL (…)` over the groups.
    ///
    /// State and cost: those of the sub-query with the group's key before each of its own keys. Nothing is kept or done
    /// for a group that the change does not touch (DBSP §8: a query lifted to nested Z-sets, flattened).
    /// ```
    /// # use deltaview::prelude::*;
    /// // In each city, the streets of which there are two houses or more.
    /// let (graph, (houses, long)) = Graph::build("towns", |g| {
    ///     let houses = g.input::<(String, String)>("houses"); // city, street
    ///     let by_city = Index::new("city", |house: &(String, String)| house.0.clone());
    ///     let long = houses.per_group(by_city, |houses| {
    ///         houses
    ///             .group_by(Index::new("street", |house: &(String, String)| house.1.clone()))
    ///             .count()
    ///             .filter(|street| street.value >= 2)
    ///             .map(|street| street.key)
    ///     });
    ///     (houses.handle(), long.view("long"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let house = |city: &str, street: &str| (city.to_string(), street.to_string());
    /// store.change().insert(houses, [house("Ulm", "Main"), house("Ulm", "Main"), house("Bonn", "Main")]).commit()?;
    /// let found = store.view(long).iter()?.into_zset()?;
    /// assert_eq!(found.weight(&Keyed::new("Ulm".to_string(), "Main".to_string())), 1);
    /// assert_eq!(found.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn per_group<K: IndexKey + Row, U: Row>(
        self,
        index: Index<T, K>,
        query: impl FnOnce(Stream<'g, T, In<K, S>>) -> Stream<'g, U, In<K, S>>,
    ) -> Stream<'g, Keyed<K, U>, S> {
        let at = Location::caller();
        let kind = format!("per_{}", index.name());
        let key = move |row: S::Row<T>| {
            S::map(row, |row: T| {
                let key = index.key(&row);
                Keyed::new(key, row)
            })
        };
        let stage = MapStage { map: Arc::new(key) };
        let keyed: Stream<'g, Keyed<K, T>, S> = self.then(&kind, Work::Stage(Arc::new(stage)), at);
        query(keyed.grouped()).flat()
    }
}

impl<'g, K: IndexKey + Row, T: Row, S: Scope> Stream<'g, Keyed<K, T>, S> {
    /// Rows with their group's key as the rows inside of the groups: into a [`per_group`](Stream::per_group), of what
    /// is made outside. No work: it is the same stream.
    pub fn grouped(self) -> Stream<'g, T, In<K, S>> {
        Stream {
            builder: self.builder,
            id: self.id,
            row: std::marker::PhantomData,
        }
    }
}

impl<'g, K: IndexKey + Row, T: Row, S: Scope> Stream<'g, T, In<K, S>> {
    /// The rows inside of the groups as rows with their group's key: out of a [`per_group`](Stream::per_group), to be
    /// joined with a stream from outside. No work: it is the same stream.
    pub fn flat(self) -> Stream<'g, Keyed<K, T>, S> {
        Stream {
            builder: self.builder,
            id: self.id,
            row: std::marker::PhantomData,
        }
    }
}
