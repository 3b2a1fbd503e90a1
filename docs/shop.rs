// The tables that the queries of `coming-from-sql.md` are about, and `check`, which runs a query over them and compares
// its rows. Included by the page's examples.

use deltaview::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub struct User {
    #[index]
    pub id: u32,
    pub name: String,
    #[index]
    pub city: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub struct Order {
    #[index]
    pub id: u32,
    #[index]
    pub user_id: u32,
    #[index]
    pub item: String,
    #[index]
    pub price: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub struct Worker {
    #[index]
    pub name: String,
    #[index]
    pub boss: Option<String>,
}

/// The tables, as streams to make a query of.
#[derive(Clone, Copy)]
pub struct Shop<'g> {
    pub users: Stream<'g, User>,
    pub orders: Stream<'g, Order>,
    pub staff: Stream<'g, Worker>,
}

fn users() -> Vec<User> {
    let user = |id, name: &str, city: Option<&str>| User { id, name: name.into(), city: city.map(Into::into) };
    vec![user(1, "ada", Some("Ulm")), user(2, "bob", Some("Bonn")), user(3, "cyd", None)]
}

fn orders() -> Vec<Order> {
    let order = |id, user_id, item: &str, price| Order { id, user_id, item: item.into(), price };
    vec![
        order(1, 1, "tea", 4),
        order(2, 1, "pot", 30),
        order(3, 2, "tea", 4),
        order(4, 2, "cup", 9),
        order(5, 2, "mug", 7),
        order(6, 9, "cup", 9),
    ]
}

fn staff() -> Vec<Worker> {
    let worker = |name: &str, boss: Option<&str>| Worker { name: name.into(), boss: boss.map(Into::into) };
    vec![worker("eve", None), worker("fay", Some("eve")), worker("gus", Some("fay")), worker("hal", Some("eve"))]
}

/// Keeps a query as a view while the tables are filled, one row a change, with a row that comes and goes between; then
/// compares the view's rows, copies and all, in whatever order. In the end all rows go, and the view must be empty.
pub fn check<T, Q>(query: Q, answer: impl IntoIterator<Item = T>)
where
    T: deltaview::Row,
    Q: for<'g> FnOnce(Shop<'g>) -> Stream<'g, T>,
{
    let (graph, (user, order, worker, view)) = Graph::build("shop", |g| {
        let shop = Shop { users: g.input("users"), orders: g.input("orders"), staff: g.input("staff") };
        let view = query(shop).view_by("answer", Index::unkeyed());
        (shop.users.handle(), shop.orders.handle(), shop.staff.handle(), view)
    })
    .unwrap();
    let mut store = MemoryStore::new(&graph);
    let passing = Order { id: 99, user_id: 1, item: "tea".into(), price: 90 };
    store.change().insert(order, [passing.clone()]).commit().unwrap();
    for row in users() {
        store.change().insert(user, [row]).commit().unwrap();
    }
    for row in orders() {
        store.change().insert(order, [row]).commit().unwrap();
    }
    store.change().remove(order, [passing]).insert(worker, staff()).commit().unwrap();

    let mut found = Vec::new();
    for row in store.view(view).iter().unwrap() {
        let (row, copies) = row.unwrap();
        assert!(copies > 0, "{row:?} has the weight {copies}");
        found.extend(std::iter::repeat_n(row, copies as usize));
    }
    let mut answer: Vec<T> = answer.into_iter().collect();
    found.sort();
    answer.sort();
    assert_eq!(found, answer);

    store.change().remove(user, users()).remove(order, orders()).remove(worker, staff()).commit().unwrap();
    assert_eq!(store.view(view).iter().unwrap().count(), 0);
}
