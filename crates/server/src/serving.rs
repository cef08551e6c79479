//! How files of packages are served, and what clients may take of the server meanwhile.

/// Settings of the listeners and of what they serve; the command line makes them from its flags.
#[derive(Debug, Clone)]
pub struct ServingConfig {
    /// Bytes of memory for files of packages: half of it keeps those that are often asked for, the rest is on its way.
    pub media_memory: u64,
    /// Origins whose pages may read media and licences; empty for any.
    pub cors_origins: Vec<String>,
}

impl Default for ServingConfig {
    fn default() -> Self {
        Self {
            media_memory: 128 << 20,
            cors_origins: Vec::new(),
        }
    }
}
