//! Runs the service on the loopback interface and asks it as its clients do.

mod answers;
mod failures;
mod load;
mod shutdown;
mod support;
