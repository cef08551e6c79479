//! MPEG Common Encryption (ISO/IEC 23001-7).

pub(crate) mod cipher;
pub(crate) mod protect;
pub(crate) mod pssh;
pub(crate) mod systems;
