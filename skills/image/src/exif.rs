//! Whether a picture's metadata says where it was taken. Pure.

/// The field of the first directory that leads to the place.
const PLACE: u16 = 0x8825;

/// Looks for a place in these bytes, a TIFF header and what follows. `false` if they make no sense.
pub fn has_place(exif: &[u8]) -> bool {
    look(exif).unwrap_or(false)
}

fn look(exif: &[u8]) -> Option<bool> {
    let is_little = match exif.get(..2)? {
        b"II" => true,
        b"MM" => false,
        _ => return None,
    };
    let u16_at = |at: usize| {
        let bytes = exif.get(at..)?.first_chunk()?;
        Some(if is_little { u16::from_le_bytes(*bytes) } else { u16::from_be_bytes(*bytes) })
    };
    let u32_at = |at: usize| {
        let bytes = exif.get(at..)?.first_chunk()?;
        Some(if is_little { u32::from_le_bytes(*bytes) } else { u32::from_be_bytes(*bytes) })
    };
    let directory = usize::try_from(u32_at(4)?).ok()?;
    let fields = usize::from(u16_at(directory)?);
    // A field has 12 bytes, the first two of which tell what it is.
    let mut kinds = (0..fields).map_while(|field| u16_at(directory + 2 + 12 * field));
    Some(kinds.any(|kind| kind == PLACE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_in_both_byte_orders() {
        let little = b"II*\0\x08\0\0\0\x02\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\x25\x88\x04\0\x01\0\0\0\x26\0\0\0";
        assert!(has_place(little));
        assert!(has_place(b"MM\0*\0\0\0\x08\0\x01\x88\x25\0\x04\0\0\0\x01\0\0\0\x26"));
        assert!(!has_place(b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\x25\x88"));
    }

    #[test]
    fn what_makes_no_sense_has_no_place() {
        for bytes in [&b""[..], b"II", b"XX*\0\x08\0\0\0", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff"] {
            assert!(!has_place(bytes), "{bytes:?}");
        }
    }
}
