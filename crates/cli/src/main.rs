//! `reelpack`: one binary, many roles.

fn main() {}
