//! A shop's receipts: a view that keeps itself up to date, in a file.
//!
//! ```text
//! cargo run --release --example receipts
//! ```
//!
//! Products and line items are joined by the product's name, summed up by basket, and written out as receipts. Then
//! the price of one product changes, and only the receipts that it is on are computed again.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Parser, ValueEnum};
use deltaview::BuildError;
use deltaview::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
struct Product {
    #[index]
    name: String,
    /// In whole dollars.
    price: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
struct LineItem {
    basket_id: u32,
    #[index]
    product_name: String,
    qty: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
struct Receipt {
    #[index]
    basket_id: u32,
    text: String,
}

/// What a change is made with, and what is read.
#[derive(Clone, Copy)]
pub(crate) struct Shop {
    products: InputHandle<Product>,
    line_items: InputHandle<LineItem>,
    receipts: ViewHandle<Receipt, u32>,
}

/// The query: what SQL would write as
///
/// ```sql
/// SELECT basket_id, 'Basket id: ' || basket_id || ' total: $' || sum(price * qty)
/// FROM products JOIN line_items ON name = product_name
/// GROUP BY basket_id
/// ```
pub(crate) fn graph() -> Result<(Graph, Shop), BuildError> {
    Graph::build("receipts", |g| {
        let products = g.input::<Product>("products");
        let line_items = g.input::<LineItem>("line_items");
        let by_basket = Index::new("basket_id", |sold: &Pair<Product, LineItem>| {
            sold.right.basket_id
        });
        let receipts = products
            .join(line_items, Product::by_name(), LineItem::by_product_name())
            .group_by(by_basket)
            .sum(|sold| sold.left.price * sold.right.qty)
            .map(|total| Receipt {
                basket_id: total.key,
                text: format!("Basket id: {} total: ${}", total.key, total.value),
            });
        Shop {
            products: products.handle(),
            line_items: line_items.handle(),
            receipts: receipts.view_by("receipts", Receipt::by_basket_id()),
        }
    })
}

/// A shop's receipts: a view that keeps itself up to date.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// Where the view is kept.
    #[arg(long, value_enum, default_value = "sqlite")]
    store: Kind,
    /// The SQLite file, made where there is none [default: one in a new temporary folder].
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// In memory: it ends with the process.
    Memory,
    /// In a SQLite file.
    Sqlite,
}

fn main() -> anyhow::Result<()> {
    run(&Options::parse(), &mut io::stdout().lock())
}

pub(crate) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<()> {
    let (graph, shop) = graph()?;
    if options.store == Kind::Memory {
        if options.db.is_some() {
            bail!("--db names a SQLite file: leave it out with `--store memory`");
        }
        let mut store = MemoryStore::new(&graph);
        sell(&mut store, shop, out)?;
        writeln!(
            out,
            "\nThe view again, read from the same store (memory ends with the process):"
        )?;
        return show(&store, shop, out);
    }

    let file = match &options.db {
        Some(file) => file.clone(),
        // Kept, to be looked into afterwards.
        None => tempfile::tempdir()?.keep().join("receipts.db"),
    };
    let name = file.display();
    writeln!(out, "The view is kept in {name}")?;
    let mut store = SqliteStore::open(&file, &graph)?;
    if store.view(shop.receipts).iter()?.next().is_some() {
        writeln!(
            out,
            "\nIt has receipts from an earlier run (delete it to begin again):"
        )?;
        return show(&store, shop, out);
    }
    sell(&mut store, shop, out)?;
    drop(store);

    let store = SqliteStore::open_existing(&file, &graph).context("opening the file again")?;
    writeln!(
        out,
        "\nThe view again, read by a new store opened on the same file:"
    )?;
    show(&store, shop, out)
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
