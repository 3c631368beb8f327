use super::*;

/// A picture whose left half is red and whose right half is blue.
fn halves(width: u32, height: u32) -> DynamicImage {
    let colour = |x| if 2 * x < width { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) };
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, _| colour(x)))
}

fn wanted(width: Option<u32>, height: Option<u32>, format: Option<Format>) -> Wanted {
    Wanted { width, height, format }
}

fn picture(format: Format) -> Vec<u8> {
    encode(halves(40, 20), format, None).unwrap()
}

/// EXIF that says that the camera lay on its side, and with a place.
const EXIF: &[u8] =
    b"II*\0\x08\0\0\0\x02\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\x25\x88\x04\0\x01\0\0\0\x26\0\0\0\0\0\0\0";

/// A JPEG with this EXIF.
fn photo() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 90);
    encoder.set_exif_metadata(EXIF.to_vec()).unwrap();
    encoder.write_image(halves(40, 20).as_bytes(), 40, 20, pictures::ExtendedColorType::Rgb8).unwrap();
    bytes
}

/// A PNG's head that claims a size, and nothing after it.
fn claims(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = encode(halves(1, 1), Format::Png, None).unwrap();
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.to_be_bytes());
    bytes
}

fn crc(bytes: &[u8]) -> u32 {
    let bit = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| bit(crc)))
}

#[test]
fn every_format_is_read_and_written() {
    for from in Format::ALL {
        assert!(describe(&picture(from)).unwrap().starts_with(&format!("{}, 40 x 20 pixels", from.name())));
        for to in Format::ALL {
            let made = resize(&picture(from), &wanted(Some(20), None, Some(to))).unwrap();
            assert_eq!((made.width, made.height, made.format), (20, 10, to));
            let again = pictures::load_from_memory(&made.bytes).unwrap().to_rgb8();
            let (left, right) = (again.get_pixel(2, 5).0, again.get_pixel(17, 5).0);
            assert!(left[0] > 200 && left[2] < 50 && right[0] < 50 && right[2] > 200, "{from:?} to {to:?}");
        }
    }
}

#[test]
fn a_picture_keeps_its_proportions() {
    let fit = |width, height| fit((40, 20), &wanted(width, height, None)).unwrap();
    assert_eq!(fit(Some(10), Some(10)), (10, 5));
    assert_eq!(fit(Some(100), Some(10)), (20, 10));
    assert_eq!(fit(None, Some(40)), (80, 40));
    assert_eq!(fit(None, None), (40, 20));
    assert_eq!(fit(Some(1), None), (1, 1));
    assert!(matches!(resize(&picture(Format::Png), &wanted(Some(0), None, None)), Err(ToolError::InvalidArguments(_))));
}

#[test]
fn a_photo_is_set_upright_and_says_no_longer_where_it_was_taken() {
    let photo = photo();
    let said = describe(&photo).unwrap();
    assert!(said.contains("Rotate90") && said.contains("the place where it was taken"), "{said}");
    let made = resize(&photo, &wanted(None, Some(20), None)).unwrap();
    assert_eq!((made.width, made.height), (10, 20));
    let again = pictures::load_from_memory(&made.bytes).unwrap().to_rgb8();
    assert!(again.get_pixel(5, 2).0[0] > 200 && again.get_pixel(5, 17).0[2] > 200, "the red half is above");
    let said = describe(&made.bytes).unwrap();
    assert!(!said.contains("turned") && !said.contains("EXIF"), "{said}");
    assert!(!made.bytes.windows(4).any(|bytes| bytes == b"Exif"));
}

#[test]
fn what_claims_to_be_huge_is_refused_before_it_is_decoded() {
    for (width, height) in [(2_000_000_000, 2), (100_000, 100_000)] {
        let bytes = claims(width, height);
        let refused = resize(&bytes, &wanted(Some(10), None, None)).unwrap_err();
        assert!(matches!(&refused, ToolError::Limit(why) if why.contains("100 million")), "{refused:?}");
    }
    assert!(matches!(resize(&claims(9, 9), &wanted(Some(10), None, None)), Err(ToolError::Failed(_))));
    let larger = resize(&picture(Format::Png), &wanted(Some(100_000), None, None)).unwrap_err();
    assert!(matches!(larger, ToolError::Limit(_)), "{larger:?}");
}

#[test]
fn what_is_no_picture_is_refused() {
    for bytes in [&b""[..], b"hello", b"<svg/>", b"%PDF-1.7"] {
        assert!(matches!(describe(bytes), Err(ToolError::InvalidArguments(why)) if why.contains("no picture")));
    }
    let cut = &picture(Format::Png)[..60];
    assert!(matches!(resize(cut, &wanted(Some(9), None, None)), Err(ToolError::Failed(_))));
}

#[test]
fn what_is_transparent_is_white_in_a_jpeg() {
    let clear = DynamicImage::new_rgba8(8, 8);
    let made = encode(clear, Format::Jpeg, None).unwrap();
    assert!(pictures::load_from_memory(&made).unwrap().to_rgb8().pixels().all(|pixel| pixel.0[0] > 250));
}

#[test]
fn a_copy_has_a_name_of_its_own() {
    let made = |format| Made { bytes: Vec::new(), format, width: 10, height: 5 };
    assert_eq!(made(Format::Jpeg).name("a.b/photo.JPEG"), "a.b/photo-10x5.jpg");
    assert_eq!(made(Format::Png).name("a.b/photo"), "a.b/photo-10x5.png");
    assert_eq!(Format::of_name("x/Y.JpG"), Some(Format::Jpeg));
    assert_eq!(Format::of_name("x.tiff"), None);
}
