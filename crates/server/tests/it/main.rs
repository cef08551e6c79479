//! The server, spoken to over HTTP only: a whole app for each test, in a folder of its own.

mod access;
mod assets;
mod backup;
mod catalogue;
mod convert;
mod database_away;
mod disk;
mod engines;
mod extras;
mod first_api;
mod import;
mod jobs;
mod licenses;
mod media;
mod object_store;
mod packages;
mod page;
mod parallel;
mod requests;
mod restart;
mod retention;
mod scrub;
mod secrets;
mod support;
mod uploads;
mod wrong_inputs;
