//! Reading, resizing and writing pictures. Pure.

use std::io::Cursor;

use openclaw_sdk::{JsonSchema, ToolError};
use pictures::codecs::{bmp::BmpEncoder, gif::GifEncoder, jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder};
use pictures::imageops::FilterType;
use pictures::metadata::Orientation;
use pictures::{
    DynamicImage, ImageDecoder, ImageEncoder, ImageError, ImageFormat, ImageReader, Rgb, RgbImage, RgbaImage,
};
use serde::Deserialize;

use crate::exif;

/// Twice what the largest cameras of phones make. A small file can claim any number.
const MAX_PIXELS: u64 = 100_000_000;
/// Good for looking at, and a third of what no loss at all costs.
const JPEG_QUALITY: u8 = 85;

/// A format that can be read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Png,
    Jpeg,
    Gif,
    Webp,
    Bmp,
}

impl Format {
    const ALL: [Format; 5] = [Format::Png, Format::Jpeg, Format::Gif, Format::Webp, Format::Bmp];

    /// What the name of a file ends with.
    pub fn of_name(name: &str) -> Option<Format> {
        let ending = name.rsplit_once('.')?.1.to_lowercase();
        Format::ALL.into_iter().find(|format| format.endings().contains(&ending.as_str()))
    }

    pub fn name(self) -> &'static str {
        match self {
            Format::Png => "PNG",
            Format::Jpeg => "JPEG",
            Format::Gif => "GIF",
            Format::Webp => "WebP",
            Format::Bmp => "BMP",
        }
    }

    /// The ending that new files get, and others that mean the same.
    fn endings(self) -> &'static [&'static str] {
        match self {
            Format::Png => &["png"],
            Format::Jpeg => &["jpg", "jpeg", "jfif"],
            Format::Gif => &["gif"],
            Format::Webp => &["webp"],
            Format::Bmp => &["bmp"],
        }
    }

    fn of(format: ImageFormat) -> Option<Format> {
        match format {
            ImageFormat::Png => Some(Format::Png),
            ImageFormat::Jpeg => Some(Format::Jpeg),
            ImageFormat::Gif => Some(Format::Gif),
            ImageFormat::WebP => Some(Format::Webp),
            ImageFormat::Bmp => Some(Format::Bmp),
            _ => None,
        }
    }
}

/// How the new picture shall be.
pub struct Wanted {
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub format: Option<Format>,
}

/// A new picture.
#[derive(Debug)]
pub struct Made {
    pub bytes: Vec<u8>,
    pub format: Format,
    pub width: u32,
    pub height: u32,
}

impl Made {
    /// The old name with the new size and ending.
    pub fn name(&self, old: &str) -> String {
        let folder = old.rfind('/').map_or(0, |slash| slash + 1);
        let stem = old[folder..].rfind('.').filter(|dot| *dot > 0).map_or(old, |dot| &old[..folder + dot]);
        format!("{stem}-{}x{}.{}", self.width, self.height, self.format.endings()[0])
    }
}

/// What the file says about itself.
///
/// # Errors
/// If this is no picture in one of the formats.
pub fn describe(bytes: &[u8]) -> Result<String, ToolError> {
    let (format, mut decoder) = open(bytes)?;
    let (width, height) = decoder.dimensions();
    let mut text = format!("{}, {width} x {height} pixels, {} bytes\n", format.name(), bytes.len());
    text.push_str(&format!("colours: {:?}\n", decoder.original_color_type()));
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    if orientation != Orientation::NoTransforms {
        text.push_str(&format!("lies turned: {orientation:?} sets it upright\n"));
    }
    if let Ok(Some(exif)) = decoder.exif_metadata() {
        let place = if exif::has_place(&exif) { ", with the place where it was taken" } else { "" };
        text.push_str(&format!("metadata: EXIF, {} bytes{place}\n", exif.len()));
    }
    Ok(text)
}

/// Makes a copy.
///
/// # Errors
/// If this is no picture, or it is too large in pixels or for the memory, or the size is nonsense.
pub fn resize(bytes: &[u8], wanted: &Wanted) -> Result<Made, ToolError> {
    let (format, mut decoder) = open(bytes)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().ok().flatten();
    let old = decoder.dimensions();
    // Sizes are meant as people see the picture. It is turned when it is small.
    let upright = if is_sideways(orientation) { (old.1, old.0) } else { old };
    let new = fit(upright, wanted)?;
    let target = if is_sideways(orientation) { (new.1, new.0) } else { new };
    reserve(old, target, decoder.total_bytes(), bytes.len())?;
    let mut image = scale(DynamicImage::from_decoder(decoder).map_err(|err| broken(&err))?, target);
    image.apply_orientation(orientation);
    let format = wanted.format.unwrap_or(format);
    Ok(Made { bytes: encode(image, format, profile)?, format, width: new.0, height: new.1 })
}

fn open(bytes: &[u8]) -> Result<(Format, impl ImageDecoder + '_), ToolError> {
    let unknown = || ToolError::invalid("this is no picture in PNG, JPEG, GIF, WebP or BMP");
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|_| unknown())?;
    let format = reader.format().and_then(Format::of).ok_or_else(unknown)?;
    // What is decoded is limited below, by pixels and by what memory there is.
    reader.no_limits();
    let decoder = reader.into_decoder().map_err(|err| broken(&err))?;
    let (width, height) = decoder.dimensions();
    check_pixels(width, height)?;
    Ok((format, decoder))
}

fn check_pixels(width: u32, height: u32) -> Result<(), ToolError> {
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(ToolError::Limit(format!(
            "a picture of {width} x {height} pixels is too large: at most {} million pixels are handled",
            MAX_PIXELS / 1_000_000
        )));
    }
    Ok(())
}

/// Whether the memory is there, before half of the work is done. `pixels` and `file` are bytes of the old picture.
fn reserve(old: (u32, u32), new: (u32, u32), pixels: u64, file: usize) -> Result<(), ToolError> {
    // Enlarging first makes the picture higher, with four numbers of four bytes for each pixel.
    let higher = if is_larger(old, new) { 16 * u64::from(old.0) * u64::from(new.1) } else { 0 };
    let needed = pixels + higher + 4 * u64::from(new.0) * u64::from(new.1);
    let is_there = usize::try_from(needed).is_ok_and(|needed| Vec::<u8>::new().try_reserve_exact(needed).is_ok());
    if !is_there {
        // The component itself takes a few as well.
        let all = ((needed + file as u64) >> 20) + 10;
        return Err(ToolError::Limit(format!(
            "{} x {} pixels take about {all} MiB of memory here; the owner can give more with \
             `components.image.limits.memoryMiB`",
            old.0, old.1
        )));
    }
    Ok(())
}

fn is_larger(old: (u32, u32), new: (u32, u32)) -> bool {
    new.0 > old.0 || new.1 > old.1
}

fn is_sideways(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

/// The largest size with these proportions that fits.
fn fit((width, height): (u32, u32), wanted: &Wanted) -> Result<(u32, u32), ToolError> {
    if wanted.width == Some(0) || wanted.height == Some(0) {
        return Err(ToolError::invalid("a picture is at least one pixel wide and high"));
    }
    let by_width = wanted.width.map(|wanted| (u64::from(wanted), u64::from(width)));
    let by_height = wanted.height.map(|wanted| (u64::from(wanted), u64::from(height)));
    // The smaller of two fractions.
    let (over, under) = match (by_width, by_height) {
        (Some(a), Some(b)) => {
            if a.0 * b.1 <= b.0 * a.1 {
                a
            } else {
                b
            }
        }
        (a, b) => a.or(b).unwrap_or((1, 1)),
    };
    let scaled = |old: u32| u32::try_from((u64::from(old) * over + under / 2) / under).unwrap_or(u32::MAX).max(1);
    let new = (scaled(width), scaled(height));
    check_pixels(new.0, new.1)?;
    Ok(new)
}

/// Averages make a picture smaller without more memory.
fn scale(image: DynamicImage, (width, height): (u32, u32)) -> DynamicImage {
    let old = (image.width(), image.height());
    match old == (width, height) {
        true => image,
        false if is_larger(old, (width, height)) => image.resize_exact(width, height, FilterType::CatmullRom),
        false => image.thumbnail_exact(width, height),
    }
}

fn encode(image: DynamicImage, format: Format, profile: Option<Vec<u8>>) -> Result<Vec<u8>, ToolError> {
    let image = match format {
        Format::Jpeg if image.color().has_alpha() => DynamicImage::ImageRgb8(on_white(&image.into_rgba8())),
        _ if image.color().has_alpha() => DynamicImage::ImageRgba8(image.into_rgba8()),
        _ if image.color().has_color() => DynamicImage::ImageRgb8(image.into_rgb8()),
        Format::Gif | Format::Webp => DynamicImage::ImageRgb8(image.into_rgb8()),
        _ => DynamicImage::ImageLuma8(image.into_luma8()),
    };
    let mut bytes = Vec::new();
    let written = match format {
        Format::Png => write(&image, PngEncoder::new(&mut bytes), profile),
        Format::Jpeg => write(&image, JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY), profile),
        Format::Webp => write(&image, WebPEncoder::new_lossless(&mut bytes), profile),
        Format::Bmp => write(&image, BmpEncoder::new(&mut bytes), None),
        Format::Gif => {
            let color = image.color().into();
            GifEncoder::new(&mut bytes).encode(image.as_bytes(), image.width(), image.height(), color)
        }
    };
    written.map_err(|err| ToolError::failed(format!("cannot write this picture as {}: {err}", format.name())))?;
    Ok(bytes)
}

fn write(image: &DynamicImage, mut encoder: impl ImageEncoder, profile: Option<Vec<u8>>) -> Result<(), ImageError> {
    if let Some(profile) = profile.filter(|profile| describes(profile, image)) {
        // Without it, colours are a little off, which is better than no picture.
        let _ = encoder.set_icc_profile(profile);
    }
    encoder.write_image(image.as_bytes(), image.width(), image.height(), image.color().into())
}

/// Whether a colour profile is for such colours: the decoders change some, e.g. those for print.
fn describes(profile: &[u8], image: &DynamicImage) -> bool {
    profile.get(16..20) == Some(if image.color().has_color() { b"RGB " } else { b"GRAY" })
}

/// JPEG knows nothing transparent.
fn on_white(image: &RgbaImage) -> RgbImage {
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let [red, green, blue, alpha] = image.get_pixel(x, y).0.map(u16::from);
        let blend = |colour: u16| ((colour * alpha + 255 * (255 - alpha)) / 255) as u8;
        Rgb([blend(red), blend(green), blend(blue)])
    })
}

fn broken(err: &ImageError) -> ToolError {
    match err {
        ImageError::Limits(_) => ToolError::Limit("this picture is too large".into()),
        _ => ToolError::failed(format!("this picture cannot be read: {err}")),
    }
}

#[cfg(test)]
mod tests;
