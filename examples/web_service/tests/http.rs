//! The service over HTTP, on a real server, which `DELTAVIEW_TEST_POSTGRES` names.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use deltaview::postgres::deadpool_postgres::{Manager, Pool};
use deltaview::postgres::tokio_postgres::{Client, Config, NoTls};
use deltaview_web_service::serve;
use deltaview_web_service::shop::Shop;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

fn config() -> Config {
    let url = std::env::var("DELTAVIEW_TEST_POSTGRES").expect(
        "DELTAVIEW_TEST_POSTGRES must be the URL of a Postgres server: `cargo xtask test` starts one, \
         `cargo xtask test --skip-postgres` leaves these tests out",
    );
    url.parse().expect("the URL of a Postgres server")
}

async fn client() -> Client {
    let (client, connection) = config().connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The service, on a database of its own.
struct Service {
    address: SocketAddr,
    database: String,
    shop: Shop,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Service {
    async fn start() -> Self {
        static SERVICES: AtomicU32 = AtomicU32::new(0);
        let database = format!(
            "deltaview_test_web_{}_{}",
            std::process::id(),
            SERVICES.fetch_add(1, Ordering::Relaxed)
        );
        let create = format!("CREATE DATABASE {database}");
        client().await.batch_execute(&create).await.unwrap();
        let config = Config::clone(config().dbname(&database));
        let pool = Pool::builder(Manager::new(config, NoTls)).max_size(8);
        let shop = Shop::open(pool.build().unwrap(), "shop_views")
            .await
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let served = serve(listener, shop.clone(), async { stopped.await.unwrap() });
        Self {
            address,
            database,
            shop,
            stop,
            served: tokio::spawn(served),
        }
    }

    async fn put(&self, path: &str, body: Value) -> (u16, String) {
        request(self.address, "PUT", path, &body.to_string()).await
    }

    async fn get(&self, path: &str) -> (u16, String) {
        request(self.address, "GET", path, "").await
    }

    /// The answer to a request that succeeds.
    async fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    async fn number(&self, sql: &str) -> i64 {
        let client = self.shop.store().pool().get().await.unwrap();
        client.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Two products on the shelf.
    async fn supplied() -> Self {
        let service = Self::start().await;
        for (product, price, pieces) in [("tv", 300, 100), ("radio", 20, 3)] {
            let supply = json!({"price": price, "pieces": pieces});
            let (status, body) = service.put(&format!("/products/{product}"), supply).await;
            assert_eq!(status, 200, "{body}");
        }
        service
    }

    /// All that an order writes.
    async fn state(&self) -> [i64; 4] {
        [
            self.number("SELECT count(*) FROM orders").await,
            self.number("SELECT sum(pieces)::bigint FROM stock").await,
            self.number("SELECT coalesce(sum((row ->> 'spent')::bigint), 0)::bigint FROM shop_views.shop__spent__view__json")
                .await,
            self.shop.store().time().await.unwrap(),
        ]
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        self.served.await.unwrap().unwrap();
        self.shop.store().pool().close();
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.database);
        client().await.batch_execute(&drop).await.unwrap();
    }
}

/// One request, on a connection of its own.
async fn request(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_string())
}

fn order(customer: &str, products: Value) -> Value {
    json!({"customer": customer, "products": products})
}

/// The tests that need a server: `cargo xtask test` knows them by the name of this module.
mod on_postgres {
    use super::*;

    #[tokio::test]
    async fn what_is_answered_can_be_read() {
        let service = Service::supplied().await;
        assert_eq!(service.get("/customers/ann").await.0, 404);
        let (status, body) = service
            .put("/orders/1", order("ann", json!({"tv": 2, "radio": 1})))
            .await;
        assert_eq!((status, body.as_str()), (200, "{\"spent\":620}"));
        assert_eq!(
            service.json("/customers/ann").await,
            json!({"customer": "ann", "spent": 620})
        );

        // An order that is sent again is placed once.
        let before = service.state().await;
        let again = service
            .put("/orders/1", order("ann", json!({"tv": 2, "radio": 1})))
            .await;
        assert_eq!(again, (200, "{\"spent\":620}".to_string()));
        // Another one under its name is refused: of somebody else, or of other things.
        for another in [
            order("bob", json!({"tv": 2, "radio": 1})),
            order("ann", json!({"tv": 2})),
        ] {
            assert_eq!(service.put("/orders/1", another).await.0, 409);
        }
        assert_eq!(service.state().await, before);

        // A new price is a new total of those who bought it.
        let supply = json!({"price": 250, "pieces": 100});
        assert_eq!(service.put("/products/tv", supply).await.0, 200);
        assert_eq!(service.json("/customers/ann").await["spent"], 520);

        service
            .put("/orders/2", order("bob", json!({"radio": 2})))
            .await;
        service
            .put("/orders/3", order("bob", json!({"tv": 7})))
            .await;
        let best = json!([{"product": "tv", "sold": 9}, {"product": "radio", "sold": 3}]);
        assert_eq!(service.json("/best-sellers").await, best);
        service.end().await;
    }

    #[tokio::test]
    async fn an_order_that_fails_half_way_leaves_nothing() {
        let service = Service::supplied().await;
        service
            .put("/orders/1", order("ann", json!({"tv": 1})))
            .await;
        let before = service.state().await;
        assert_eq!(before, [1, 102, 300, 3]);
        for (id, customer, products, status) in [
            // The radios were reserved before: products go by name.
            ("2", "ann", json!({"radio": 1, "tv": 1000}), 409),
            ("3", "ann", json!({"radio": 1, "sofa": 1}), 409),
            // Known only once the views have been written.
            ("4", "ann", json!({"radio": 1, "tv": 33}), 409),
            ("5", "ann", json!({"tv": 0}), 422),
            ("6", "ann", json!({}), 422),
            ("7", "a\0b", json!({"tv": 1}), 422),
        ] {
            let answer = service
                .put(&format!("/orders/{id}"), order(customer, products))
                .await;
            assert_eq!(answer.0, status, "order {id}: {}", answer.1);
            assert_eq!(service.state().await, before, "order {id}");
        }
        // One whose number failed can be placed.
        let placed = service
            .put("/orders/4", order("ann", json!({"radio": 1})))
            .await;
        assert_eq!(placed, (200, "{\"spent\":320}".to_string()));
        service.end().await;
    }

    #[tokio::test]
    async fn orders_that_cross_are_all_placed_and_none_twice() {
        let service = Service::supplied().await;
        let supply = json!({"price": 1, "pieces": 1000});
        service.put("/products/radio", supply.clone()).await;
        service.put("/products/tv", supply).await;
        let orders = (0..40).map(|id| {
            let order = order("ann", json!({"radio": 1, "tv": 2}));
            // Each is sent twice.
            let (path, address) = (format!("/orders/{}", id / 2), service.address);
            tokio::spawn(async move { request(address, "PUT", &path, &order.to_string()).await })
        });
        for order in orders.collect::<Vec<_>>() {
            let (status, body) = order.await.unwrap();
            assert_eq!(status, 200, "{body}");
        }
        assert_eq!(service.state().await, [20, 2000 - 60, 60, 4 + 20]);
        service.end().await;
    }

    #[tokio::test]
    async fn a_lost_connection_is_tried_again() {
        let service = Service::supplied().await;
        let stop =
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1";
        let killed = client().await.query_one(stop, &[&service.database]).await;
        assert!(killed.unwrap().get::<_, i64>(0) > 0);
        let placed = service
            .put("/orders/1", order("ann", json!({"tv": 1})))
            .await;
        assert_eq!(placed, (200, "{\"spent\":300}".to_string()));
        service.end().await;
    }

    #[tokio::test]
    async fn what_is_under_way_is_answered_before_the_service_ends() {
        let service = Service::supplied().await;
        // Whoever has the lock of the graph keeps changes out.
        let mut blocker = service.shop.store().pool().get().await.unwrap();
        let tx = blocker.transaction().await.unwrap();
        let lock = "SELECT pg_advisory_xact_lock($1)";
        tx.execute(lock, &[&service.shop.store().lock_key()])
            .await
            .unwrap();
        let address = service.address;
        let under_way = tokio::spawn(async move {
            let order = order("ann", json!({"tv": 1})).to_string();
            request(address, "PUT", "/orders/1", &order).await
        });
        let waiting = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database \
                       WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted";
        while service.number(waiting).await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        service.stop.send(()).unwrap();
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(!service.served.is_finished());
        assert!(!under_way.is_finished());
        tx.rollback().await.unwrap();
        drop(blocker);
        assert_eq!(
            under_way.await.unwrap(),
            (200, "{\"spent\":300}".to_string())
        );
        service.served.await.unwrap().unwrap();
        service.shop.store().pool().close();
        let drop = format!("DROP DATABASE {} WITH (FORCE)", service.database);
        client().await.batch_execute(&drop).await.unwrap();
    }
}
