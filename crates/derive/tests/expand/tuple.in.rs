#[index(name = "both", columns(1 desc, 0))]
pub struct Cell(#[index] u8, i16);
