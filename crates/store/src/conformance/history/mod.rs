//! Histories: a long random one beside a model, and the past of views as it is read, followed and forgotten.
//!
//! The cases of the past keep a full copy of each view after each iteration ([`copies`]), and compare what the store says
//! of it later.

mod copies;
mod feed;
mod forgetting;
mod model;
mod reading;
mod workers;

pub use feed::*;
pub use forgetting::*;
pub use model::*;
pub use reading::*;
pub use workers::*;
