//! The room's walls, and what it makes of files.

mod captions;
mod confined;
mod converted;
mod extras;
mod support;
