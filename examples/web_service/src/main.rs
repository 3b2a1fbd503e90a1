//! Serves the shop.
//!
//! ```text
//! DATABASE_URL=postgres://user@localhost/shop cargo run -p deltaview-web-service
//! ```

use std::env;
use std::io::{Write, stdout};
use std::time::Duration;

use anyhow::Context;
use deltaview::postgres::deadpool_postgres::{Manager, Pool, Runtime};
use deltaview::postgres::tokio_postgres::NoTls;
use deltaview_web_service::serve;
use deltaview_web_service::shop::Shop;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = env::var("DATABASE_URL").context(
        "set DATABASE_URL to the URL of a Postgres database, postgres://user@localhost/shop: the shop makes its tables there",
    )?;
    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_string());

    let config = url.parse().context("DATABASE_URL")?;
    let pool = Pool::builder(Manager::new(config, NoTls))
        .max_size(16)
        .wait_timeout(Some(Duration::from_secs(5)))
        .runtime(Runtime::Tokio1)
        .build()?;
    let shop = Shop::open(pool, "shop_views").await?;
    let listener = TcpListener::bind(&address).await?;
    writeln!(stdout(), "serving http://{}", listener.local_addr()?)?;
    serve(listener, shop, interrupted()).await?;
    Ok(())
}

/// Until Ctrl+C, or until the system asks us to end.
async fn interrupted() {
    let by_key = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = by_key => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    // If we can't hear of it, we serve until we are ended otherwise.
    if by_key.await.is_err() {
        std::future::pending::<()>().await;
    }
}
