struct Product {
    #[index]
    name: String,
    price: i64,
}
