//! What the server makes of the statements of a history. The name of this module says that its tests need a server.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use deltaview_store::history::fork_node;
use tokio_postgres::{Client, NoTls};

use super::sql::sql_fork_node;

async fn client() -> Client {
    let url = std::env::var("DELTAVIEW_TEST_POSTGRES").expect(
        "DELTAVIEW_TEST_POSTGRES must be the URL of a Postgres server: `cargo xtask test` starts one",
    );
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn versions_are_filed_where_they_are_looked_for() {
    let mut times: Vec<(i64, i64)> = Vec::new();
    for since in 1..40 {
        times.extend((since + 1..=41).map(|until| (since, until)));
    }
    for shift in 0..62 {
        let bit = 1_i64 << shift;
        for (since, until) in [
            (1, bit),
            (bit - 1, bit + 1),
            (bit, 2 * (bit - 1)),
            (bit / 3, bit),
        ] {
            times.push((since, until));
        }
        times.push((bit, i64::MAX));
        times.push((i64::MAX - bit, i64::MAX));
    }
    times.retain(|(since, until)| 0 < *since && since < until);
    let (since, until): (Vec<i64>, Vec<i64>) = times.iter().copied().unzip();
    let sql = format!(
        "SELECT {} FROM unnest($1::bigint[], $2::bigint[]) AS v(s, u)",
        sql_fork_node("v.s", "v.u")
    );
    let rows = client().await.query(&sql, &[&since, &until]).await.unwrap();
    let nodes: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    let wanted = times.iter().map(|(since, until)| fork_node(*since, *until));
    assert_eq!(nodes, wanted.collect::<Vec<_>>());
}
