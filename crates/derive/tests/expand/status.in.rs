pub enum Status {
    Open,
    r#Final,
    Paid,
}
