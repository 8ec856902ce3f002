//! Modules that several benchmarks share; each benchmark compiles all of them.

#![allow(dead_code, reason = "no benchmark uses all of it")]

pub mod articles;
pub mod datasets;
#[cfg(feature = "fastembed")]
pub mod exact_length;
pub mod extent;
pub mod indexes;
pub mod memory;
pub mod plot;
pub mod table;
