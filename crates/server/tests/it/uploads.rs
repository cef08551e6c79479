//! Uploads by tus: the protocol, what an acknowledged byte is worth, limits.

mod broken;
mod limits;
mod protocol;
mod pull;
mod racing;
