#[index(name = "by_all", columns(name, colour))]
pub struct Product {
    #[index]
    name: String,
    #[index(down)]
    price: i64,
}
