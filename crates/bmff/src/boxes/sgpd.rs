//! `sgpd` (ISO/IEC 14496-12, 8.9.3).

use super::Tenc;
use crate::{BoxView, Error, FourCc};

/// Descriptions of groups, as far as they are about encryption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sgpd {
    /// Kind of the groups.
    pub grouping_type: FourCc,
    /// The entries of a `seig` (ISO/IEC 23001-7, 6); empty for other kinds.
    pub encryption: Vec<Tenc>,
}

impl Sgpd {
    /// Reads the body of the box.
    pub fn parse(view: &BoxView<'_>) -> Result<Self, Error> {
        let mut cursor = view.cursor();
        let (version, _) = cursor.version_flags()?;
        let grouping_type = cursor.fourcc()?;
        let mut encryption = Vec::new();
        if grouping_type == b"seig" {
            let default_length = if version == 1 { cursor.u32()? } else { 0 };
            if version >= 2 {
                cursor.skip(4)?;
            }
            let count = cursor.u32()?;
            cursor.clone().table(count, 20)?;
            for _ in 0..count {
                if version == 1 && default_length == 0 {
                    cursor.skip(4)?;
                }
                encryption.push(Tenc::parse_fields(&mut cursor)?);
            }
        }
        Ok(Self {
            grouping_type,
            encryption,
        })
    }
}
