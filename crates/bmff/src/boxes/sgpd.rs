//! `sgpd` (ISO/IEC 14496-12, 8.9.3).

use super::Tenc;
use crate::{BoxView, Error, FourCc};

/// How many encryption groups one box may describe.
const MAX_GROUPS: u32 = 65_535;

/// Descriptions of groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sgpd {
    /// Kind of the groups.
    pub grouping_type: FourCc,
    /// Number of the description of samples that no `sbgp` mentions (version 2); 0 is none.
    pub default_index: u32,
    /// Number of descriptions.
    pub count: u32,
    /// The entries of a `seig` (ISO/IEC 23001-7, 6); empty for other kinds.
    pub encryption: Vec<Tenc>,
}

impl Sgpd {
    /// Reads the body of the box.
    pub fn parse(view: &BoxView<'_>) -> Result<Self, Error> {
        let mut cursor = view.cursor();
        let (version, _) = cursor.version_flags()?;
        let grouping_type = cursor.fourcc()?;
        let default_length = if version >= 1 { cursor.u32()? } else { 0 };
        let default_index = if version >= 2 { cursor.u32()? } else { 0 };
        let count = cursor.u32()?;
        let mut encryption = Vec::new();
        if grouping_type == b"seig" {
            if count > MAX_GROUPS {
                return Err(cursor.error(format!("{count} groups are more than {MAX_GROUPS}")));
            }
            cursor.clone().table(count, 20)?;
            for _ in 0..count {
                let length = match (version, default_length) {
                    (0, _) => None,
                    (_, 0) => Some(cursor.u32()?),
                    (_, length) => Some(length),
                };
                encryption.push(match length {
                    // Of version 0 the entries tell their own length.
                    None => Tenc::parse_fields(&mut cursor)?,
                    Some(length) => Tenc::parse_fields(&mut cursor.part(length as usize)?)?,
                });
            }
        }
        Ok(Self {
            grouping_type,
            default_index,
            count,
            encryption,
        })
    }
}
