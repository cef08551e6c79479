//! Who may come in. Tests carry the ids of the attacks that they are about.

mod pages;
