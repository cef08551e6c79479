//! `tenc` (ISO/IEC 23001-7, 8.2).

use crate::{BoxView, Cursor, Error};

/// Defaults of a track's encryption; also the body of a `seig` sample group entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenc {
    /// Whether samples are encrypted unless a group says otherwise.
    pub is_protected: bool,
    /// Blocks encrypted in a pattern; 0 without a pattern.
    pub crypt_blocks: u8,
    /// Blocks left clear in a pattern.
    pub skip_blocks: u8,
    /// Bytes of IV that each sample brings: 0, 8 or 16.
    pub iv_size: u8,
    /// The key id.
    pub kid: [u8; 16],
    /// The IV of all samples when `iv_size` is 0: 8 or 16 bytes.
    pub constant_iv: Option<Vec<u8>>,
}

impl Tenc {
    /// Reads the body of the box.
    pub fn parse(view: &BoxView<'_>) -> Result<Self, Error> {
        let mut cursor = view.cursor();
        let (version, _) = cursor.version_flags()?;
        let tenc = Self::parse_fields(&mut cursor)?;
        Ok(match version {
            0 => Self {
                crypt_blocks: 0,
                skip_blocks: 0,
                ..tenc
            },
            _ => tenc,
        })
    }

    /// Reads the fields that `tenc` and `seig` share.
    pub fn parse_fields(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        cursor.skip(1)?;
        let pattern = cursor.u8()?;
        let is_protected = cursor.u8()? != 0;
        let iv_size = cursor.u8()?;
        if !matches!(iv_size, 0 | 8 | 16) {
            return Err(cursor.error(format!("IVs of {iv_size} bytes")));
        }
        let kid = cursor.array()?;
        let constant_iv = if is_protected && iv_size == 0 {
            let length = cursor.u8()?;
            if !matches!(length, 8 | 16) {
                return Err(cursor.error(format!("a constant IV of {length} bytes")));
            }
            Some(cursor.bytes(usize::from(length))?.to_vec())
        } else {
            None
        };
        Ok(Self {
            is_protected,
            crypt_blocks: pattern >> 4,
            skip_blocks: pattern & 15,
            iv_size,
            kid,
            constant_iv,
        })
    }
}
