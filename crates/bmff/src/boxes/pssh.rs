//! `pssh` (ISO/IEC 23001-7, 8.1).

use crate::{BoxView, Error};

/// Init data of a protection system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pssh {
    /// Which protection system.
    pub system_id: [u8; 16],
    /// The key ids (version 1).
    pub kids: Vec<[u8; 16]>,
    /// The system's own data.
    pub data: Vec<u8>,
}

impl Pssh {
    /// Reads the body of the box.
    pub fn parse(view: &BoxView<'_>) -> Result<Self, Error> {
        let mut cursor = view.cursor();
        let (version, _) = cursor.version_flags()?;
        let system_id = cursor.array()?;
        let mut kids = Vec::new();
        if version > 0 {
            let count = cursor.u32()?;
            cursor.clone().table(count, 16)?;
            for _ in 0..count {
                kids.push(cursor.array()?);
            }
        }
        let length = cursor.u32()?;
        Ok(Self {
            system_id,
            kids,
            data: cursor.table(length, 1)?.to_vec(),
        })
    }
}
