//! Attacks, by their ids; docs/security-tests.md says which tests are about which.

mod bodies;
mod children;
mod closed;
mod files;
mod licences;
mod table;

pub use table::is_test;
