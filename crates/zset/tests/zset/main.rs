//! The algebra against its laws and a model, and its forms: serialised and printed.

mod display;
mod errors;
mod laws;
mod model;
mod serial;
mod shapes;
