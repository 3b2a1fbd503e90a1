//! A shop's receipts: a view that keeps itself up to date, in a file.
//!
//! ```text
//! cargo run --release --example receipts
//! ```
//!
//! Products and line items are joined by the product's name, summed up by basket, and written out as receipts. Then
//! the price of one product changes, and only the receipts that it is on are computed again. The view as of before the
//! price changed can still be read.
//!
//! Read `query.rs` first: it has the rows and the query.

mod query;
#[path = "../support/mod.rs"]
mod support;

use std::io::{self, Write};

use anyhow::Context;
use clap::Parser;
use deltaview::prelude::*;

use self::query::{LineItem, Product, Shop, graph};
use self::support::{Kept, Place};

/// A shop's receipts: a view that keeps itself up to date.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
}

fn main() -> anyhow::Result<()> {
    run(&Options::parse(), &mut io::stdout().lock())
}

pub(crate) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<()> {
    let (graph, shop) = graph()?;
    match options.place.kept("receipts")? {
        Kept::Memory => {
            let mut store = MemoryStore::new(&graph);
            sell(&mut store, shop, out)?;
            writeln!(
                out,
                "\nThe view again, read from the same store (memory ends with the process):"
            )?;
            show(&store, shop, out)?;
            show_past(&store, shop, out)
        }
        Kept::Sqlite(file) => {
            writeln!(out, "The view is kept in {}", file.display())?;
            keep(|| Ok(SqliteStore::open(&file, &graph)?), shop, out)
        }
        #[cfg(feature = "postgres")]
        Kept::Postgres(database) => {
            writeln!(out, "The view is kept in {database}")?;
            keep(|| database.connect(&graph), shop, out)
        }
    }
}

/// In a database: what is there from an earlier run is shown; otherwise the shop sells, and its view is read again.
fn keep<S: Store>(
    open: impl Fn() -> anyhow::Result<S>,
    shop: Shop,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut store = open()?;
    if store.view(shop.receipts).iter()?.next().is_some() {
        writeln!(
            out,
            "\nIt has receipts from an earlier run (delete it to begin again):"
        )?;
        show(&store, shop, out)?;
        return show_past(&store, shop, out);
    }
    sell(&mut store, shop, out)?;
    drop(store);

    writeln!(
        out,
        "\nThe view again, read by a new store opened on the same database:"
    )?;
    let store = open()?;
    show(&store, shop, out)?;
    show_past(&store, shop, out)
}

/// The two changes: the first sales, then a new price.
fn sell<S: Store>(store: &mut S, shop: Shop, out: &mut impl Write) -> anyhow::Result<()> {
    let product = |name: &str, price| Product {
        name: name.into(),
        price,
    };
    let item = |basket_id, product_name: &str, qty| LineItem {
        basket_id,
        product_name: product_name.into(),
        qty,
    };
    store
        .change()
        .insert(shop.products, [product("tv", 3), product("radio", 5)])
        .insert(
            shop.line_items,
            [item(1, "radio", 4), item(1, "tv", 1), item(2, "tv", 2)],
        )
        .commit()?;
    writeln!(out, "\nThe view, after the first sales:")?;
    show(store, shop, out)?;

    let committed = store
        .change()
        .replace(shop.products, product("tv", 3), product("tv", 4))
        .commit()?;
    writeln!(
        out,
        "\nWhat changed in it when the price of a tv went from $3 to $4:"
    )?;
    writeln!(out, "{}", committed.get(shop.receipts)?)?;
    Ok(())
}

fn show<S: Store>(store: &S, shop: Shop, out: &mut impl Write) -> anyhow::Result<()> {
    let receipts = store.view(shop.receipts).iter()?.into_zset()?;
    writeln!(out, "{receipts}")?;
    Ok(())
}

/// The view as it was before its last change.
fn show_past<S: Store>(store: &S, shop: Shop, out: &mut impl Write) -> anyhow::Result<()> {
    let view = store.view(shop.receipts);
    let changed = view.times()?.next().context("the view has changed")??;
    let then = view.as_of(changed - 1)?;
    writeln!(out, "\nThe view as of before the price changed:")?;
    writeln!(out, "{}", then.iter()?.into_zset()?)?;
    Ok(())
}
