//! `sbgp` (ISO/IEC 14496-12, 8.9.2).

use crate::{BoxView, Error, FourCc};

/// Which samples belong to which group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sbgp {
    /// Kind of the groups: `seig`, `roll`, ….
    pub grouping_type: FourCc,
    /// Number of samples and index of their description, run by run; 0 means no group.
    pub runs: Vec<(u32, u32)>,
}

impl Sbgp {
    /// Reads the body of the box.
    pub fn parse(view: &BoxView<'_>) -> Result<Self, Error> {
        let mut cursor = view.cursor();
        let (version, _) = cursor.version_flags()?;
        let grouping_type = cursor.fourcc()?;
        if version == 1 {
            cursor.skip(4)?;
        }
        let count = cursor.u32()?;
        cursor.clone().table(count, 8)?;
        let runs = (0..count)
            .map(|_| Ok((cursor.u32()?, cursor.u32()?)))
            .collect::<Result<_, Error>>()?;
        Ok(Self {
            grouping_type,
            runs,
        })
    }
}
