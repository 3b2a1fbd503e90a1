pub struct Tick;
