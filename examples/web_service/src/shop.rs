//! The shop: its query, its own tables, and the transactions that write both. It knows nothing of HTTP but the status of
//! what it refuses.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use deltaview::BuildError;
use deltaview::postgres::deadpool_postgres::Pool;
use deltaview::postgres::tokio_postgres::types::ToSql;
use deltaview::prelude::*;

use crate::failure::Failure;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
struct Product {
    #[index]
    name: String,
    price: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
struct Line {
    order_id: String,
    customer: String,
    #[index]
    product: String,
    quantity: i64,
}

/// What a customer has spent, at today's prices.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub struct Spent {
    #[index]
    customer: String,
    spent: i64,
}

/// How much of a product was sold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub struct BestSeller {
    product: String,
    #[index(desc)]
    sold: i64,
}

/// What changes are made with, and what is read.
#[derive(Clone, Copy, Debug)]
struct Handles {
    products: TableHandle<Product, String>,
    lines: InputHandle<Line>,
    spent: ViewHandle<Spent, String>,
    best_sellers: ViewHandle<BestSeller, Reverse<i64>>,
}

fn graph() -> Result<(Graph, Handles), BuildError> {
    Graph::build("shop", |g| {
        let products = g.table("products", Product::by_name());
        let lines = g.input::<Line>("lines");
        let by_customer = Index::new("customer", |sold: &Pair<Line, Product>| {
            sold.left.customer.clone()
        });
        let spent = lines
            .join(products, Line::by_product(), Product::by_name())
            .group_by(by_customer)
            .sum(|sold| sold.left.quantity * sold.right.price)
            .map(|total| Spent {
                customer: total.key,
                spent: total.value,
            });
        let best_sellers = lines
            .group_by(Line::by_product())
            .sum(|line| line.quantity)
            .map(|total| BestSeller {
                product: total.key,
                sold: total.value,
            });
        Handles {
            products: products.handle(),
            lines: lines.handle(),
            spent: spent.view_by("spent", Spent::by_customer()),
            best_sellers: best_sellers.view_by("best_sellers", BestSeller::by_sold()),
        }
    })
}

/// The tables that the service had before it had any view.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS stock (product text PRIMARY KEY, pieces bigint NOT NULL);
    CREATE TABLE IF NOT EXISTS orders (
        id text PRIMARY KEY, customer text NOT NULL, products text[] NOT NULL, quantities bigint[] NOT NULL,
        placed_at timestamptz NOT NULL
    );
";

/// How much a customer may spend in all.
const LIMIT: i64 = 10_000;

/// The greatest price, and the most pieces of a product.
const MOST: i64 = 1_000_000;

/// A product as it is put on the shelf.
#[derive(Clone, Debug, Deserialize)]
pub struct Supply {
    price: i64,
    pieces: i64,
}

/// An order: who orders, and how many of which product.
#[derive(Clone, Debug, Deserialize)]
pub struct Order {
    customer: String,
    products: BTreeMap<String, i64>,
}

/// An order that was placed.
#[derive(Clone, Debug, Serialize)]
pub struct Placed {
    /// What the customer has spent, with this order.
    spent: i64,
}

/// The shop. It is cheap to clone: each request has one.
#[derive(Clone, Debug)]
pub struct Shop {
    store: PostgresStore,
    handles: Handles,
}

impl Shop {
    /// Opens the shop: makes its own tables, and those of the views in a schema of theirs.
    ///
    /// # Errors
    ///
    /// The database can't be reached, or its tables are others.
    pub async fn open(pool: Pool, views: &str) -> anyhow::Result<Self> {
        pool.get().await?.batch_execute(TABLES).await?;
        let (graph, handles) = graph()?;
        let options = PostgresOptions::new().schema(views).json(true);
        let store = options.connect(pool, &graph).await?;
        Ok(Self { store, handles })
    }

    /// The store of the views.
    pub fn store(&self) -> &PostgresStore {
        &self.store
    }

    /// Puts a product on the shelf, or gives it a new price.
    ///
    /// # Errors
    ///
    /// The price or the pieces are out of bounds; the database.
    pub async fn supply(&self, product: &str, supply: &Supply) -> Result<(), Failure> {
        if !(0..=MOST).contains(&supply.price) || !(0..=MOST).contains(&supply.pieces) {
            let why = format!("the price and the pieces are from 0 to {MOST}");
            return Err(Failure::unprocessable(why));
        }
        let mut client = self.store.pool().get().await?;
        let tx = client.transaction().await?;
        let sql = "INSERT INTO stock VALUES ($1, $2) ON CONFLICT (product) DO UPDATE SET pieces = excluded.pieces";
        tx.execute(sql, &[&product, &supply.pieces]).await?;
        let row = Product {
            name: product.to_string(),
            price: supply.price,
        };
        let change = self
            .store
            .graph()
            .change()
            .upsert(self.handles.products, [row]);
        self.store.commit_in(&tx, &change).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Places an order: all of it, or nothing. An order that was placed already is not placed again.
    ///
    /// # Errors
    ///
    /// Another order was placed under this name, a product is not there or sold out, the customer spends too much; the database.
    pub async fn place(&self, id: &str, order: &Order) -> Result<Placed, Failure> {
        if order.products.is_empty() || order.products.values().any(|pieces| *pieces < 1) {
            return Err(Failure::unprocessable("an order is of one piece or more"));
        }
        let spent = match self.write(id, order).await? {
            Some(spent) => spent,
            None => self.spent_by(order.customer.clone()).await?.spent,
        };
        Ok(Placed { spent })
    }

    /// Writes an order, and says what the customer has spent now; nothing if that is as it was.
    async fn write(&self, id: &str, order: &Order) -> Result<Option<i64>, Failure> {
        let mut client = self.store.pool().get().await?;
        let tx = client.transaction().await?;

        // Rows of our own.
        let products: Vec<&String> = order.products.keys().collect();
        let quantities: Vec<i64> = order.products.values().copied().collect();
        let content: [&(dyn ToSql + Sync); 4] = [&id, &order.customer, &products, &quantities];
        let sql = "INSERT INTO orders VALUES ($1, $2, $3, $4, now()) ON CONFLICT (id) DO NOTHING";
        if tx.execute(sql, &content).await? == 0 {
            // Perhaps by us, if the connection was lost when we committed: so we may try again without a second thought.
            let sql =
                "SELECT (customer, products, quantities) = ($2, $3, $4) FROM orders WHERE id = $1";
            let is_same: bool = tx.query_one(sql, &content).await?.get(0);
            if !is_same {
                let why = format!("another order has the name {id:?}");
                return Err(Failure::Refused(StatusCode::CONFLICT, why));
            }
            return Ok(None);
        }
        let mut lines = Vec::new();
        for (product, &quantity) in &order.products {
            let sql = "UPDATE stock SET pieces = pieces - $2 WHERE product = $1 AND pieces >= $2";
            if tx.execute(sql, &[product, &quantity]).await? == 0 {
                let why = format!("there are not {quantity} pieces of {product:?}");
                return Err(Failure::Refused(StatusCode::CONFLICT, why));
            }
            lines.push(Line {
                order_id: id.to_string(),
                customer: order.customer.clone(),
                product: product.clone(),
                quantity,
            });
        }

        // The views, in the same transaction. From here to its end no other change of them is made: so it comes last.
        let change = self
            .store
            .graph()
            .change()
            .insert(self.handles.lines, lines);
        let committed = self.store.commit_in(&tx, &change).await?;

        // What the views say now may still decide: to return is to roll back, also what was written to them.
        let changed = committed.get(self.handles.spent)?;
        let mut came = changed.iter().filter(|(_, weight)| *weight > 0);
        let spent = came.next().map(|(row, _)| row.spent);
        if spent.is_some_and(|spent| spent > LIMIT) {
            let why = format!("nobody may spend more than {LIMIT}");
            return Err(Failure::Refused(StatusCode::CONFLICT, why));
        }
        tx.commit().await?;
        Ok(spent)
    }

    /// What a customer has spent. It is there as soon as an order is answered: it was committed with it.
    ///
    /// # Errors
    ///
    /// The customer has ordered nothing; the database.
    pub async fn spent_by(&self, customer: String) -> Result<Spent, Failure> {
        let spent = self.store.view(self.handles.spent).get(&customer).await?;
        spent.ok_or_else(|| {
            Failure::Refused(
                StatusCode::NOT_FOUND,
                format!("{customer:?} has ordered nothing"),
            )
        })
    }

    /// The products that were sold most, in the order of the view's index: no more rows than these are read.
    ///
    /// # Errors
    ///
    /// The database.
    pub async fn best_sellers(&self, most: usize) -> Result<Vec<BestSeller>, Failure> {
        let mut rows = self.store.view(self.handles.best_sellers).iter().await?;
        let mut best = Vec::new();
        while best.len() < most {
            let Some(row) = rows.next().await else { break };
            best.push(row?.0);
        }
        Ok(best)
    }
}
