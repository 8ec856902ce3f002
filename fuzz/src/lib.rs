//! Files for the fuzzer, with every checksum made right, so that it gets behind them.

#[path = "../../tests/support/forge.rs"]
mod forge;
#[path = "../../tests/support/repair.rs"]
mod repair;
#[path = "../../tests/support/tiny.rs"]
mod tiny;

mod index;

pub use forge::{Forged, Kind};
pub use index::Index;
pub use repair::repair;
