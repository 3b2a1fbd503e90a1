//! A shop as a web service: its own rows and its views are written in one transaction, and requests are answered from
//! the views.
//!
//! `docs/in-a-web-service.md` goes through it. [`shop`] has the query and the transactions, [`failure`] what becomes of
//! errors; this file has the routes, and knows no SQL.

pub mod failure;
pub mod shop;

use axum::extract::{Path, State};
use axum::routing::{get, put};
use axum::{Json, Router};
use tokio::net::TcpListener;

use failure::{Failure, retried};
use shop::{BestSeller, Order, Placed, Shop, Spent, Supply};

/// The routes.
pub fn app(shop: Shop) -> Router {
    Router::new()
        .route("/products/{name}", put(supply))
        .route("/orders/{id}", put(order))
        .route("/customers/{name}", get(customer))
        .route("/best-sellers", get(best_sellers))
        .with_state(shop)
}

/// Serves until `shutdown` is over; then takes no more requests, answers those that it has, and returns.
///
/// # Errors
///
/// The listener fails.
pub async fn serve(
    listener: TcpListener,
    shop: Shop,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, app(shop))
        .with_graceful_shutdown(shutdown)
        .await
}

async fn supply(
    State(shop): State<Shop>,
    Path(name): Path<String>,
    Json(supply): Json<Supply>,
) -> Result<(), Failure> {
    retried(|| shop.supply(&name, &supply)).await
}

async fn order(
    State(shop): State<Shop>,
    Path(id): Path<String>,
    Json(order): Json<Order>,
) -> Result<Json<Placed>, Failure> {
    let placed = retried(|| shop.place(&id, &order)).await?;
    Ok(Json(placed))
}

async fn customer(
    State(shop): State<Shop>,
    Path(name): Path<String>,
) -> Result<Json<Spent>, Failure> {
    Ok(Json(shop.spent_by(name).await?))
}

async fn best_sellers(State(shop): State<Shop>) -> Result<Json<Vec<BestSeller>>, Failure> {
    Ok(Json(shop.best_sellers(10).await?))
}
