#[index(name = "by_basket_and_qty", columns(basket_id, qty desc))]
#[index(name = "newest", columns(r#type desc))]
pub(crate) struct LineItem {
    basket_id: u32,
    #[index(name = "product")]
    product_name: String,
    #[index(desc)]
    qty: i64,
    #[index]
    r#type: Option < Kind >,
}
