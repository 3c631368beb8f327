//! The text of a document's pages. Pure.

use std::ops::RangeInclusive;

use hayro_interpret::font::{Glyph, GlyphRun};
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::hayro_syntax::page::Page;
use hayro_interpret::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use hayro_interpret::kurbo::{Affine, BezPath, Point, Rect};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, SoftMask, TransformExt, interpret_page,
};
use openclaw_sdk::ToolError;

use crate::lines::{Letter, Lines};

/// Text of one answer: a long chapter.
const MAX_TEXT_BYTES: usize = 100 << 10;
/// Letters of a font have their measures in thousandths of its size.
const UNITS: f64 = 1000.0;

/// The text of these pages, or of all, each under its number.
///
/// # Errors
/// If this is no PDF that can be read, needs a password, or has no such page.
pub fn text(bytes: Vec<u8>, wanted: Option<&[RangeInclusive<usize>]>) -> Result<String, ToolError> {
    let pdf = Pdf::new(bytes).map_err(|err| ToolError::failed(why(&err)))?;
    let count = pdf.pages().len();
    if count == 0 {
        return Err(ToolError::failed("this PDF is broken: it has no pages"));
    }
    let is_wanted = |page: usize| wanted.is_none_or(|wanted| wanted.iter().any(|range| range.contains(&page)));
    let chosen: Vec<usize> = (1..=count).filter(|page| is_wanted(*page)).collect();
    if chosen.is_empty() {
        return Err(ToolError::invalid(format!("there is no such page; the document has {count}")));
    }
    let cache = InterpreterCache::new();
    let (mut text, mut has_text) = (format!("{count} pages\n"), false);
    for number in &chosen {
        let page = read(&pdf, &pdf.pages()[number - 1], &cache);
        has_text |= !page.text.is_empty();
        let (head, room) = (format!("\n== page {number} ==\n"), MAX_TEXT_BYTES.saturating_sub(text.len()));
        if head.len() + page.text.len() <= room {
            text.push_str(&head);
            text.push_str(&page.show());
        } else if *number == chosen[0] {
            let end = page.text.floor_char_boundary(room - head.len());
            text.push_str(&format!("{head}{}\n(the rest of page {number} is cut)\n", &page.text[..end]));
        } else {
            text.push_str(&format!("\n(that is enough at once; go on with page {number})\n"));
            break;
        }
    }
    if !has_text {
        text.push_str("\nNone of these pages has text: they are pictures, such as a scan, or empty.\n");
    }
    Ok(text)
}

fn why(err: &LoadPdfError) -> &'static str {
    match err {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => {
            "this PDF is encrypted and needs a password; only its owner can take that off"
        }
        LoadPdfError::Decryption(_) => "this PDF is encrypted in a way that cannot be read",
        LoadPdfError::Invalid => "this is no PDF, or it is broken",
    }
}

fn read<'a>(pdf: &'a Pdf, page: &Page<'a>, cache: &InterpreterCache<'a>) -> PageText {
    let mut context = Context::new(
        page.initial_transform(true).to_kurbo(),
        Rect::new(0.0, 0.0, 1.0, 1.0),
        cache,
        pdf.xref(),
        InterpreterSettings::default(),
    );
    let mut reader = Reader::default();
    interpret_page(page, &mut context, &mut reader);
    PageText { text: reader.lines.finish(), pictures: reader.pictures, unknown: reader.unknown }
}

struct PageText {
    text: String,
    pictures: usize,
    unknown: usize,
}

impl PageText {
    fn show(&self) -> String {
        let note = match (self.text.is_empty(), self.pictures, self.unknown) {
            (true, 0, 0) => "(empty)\n",
            (true, _, 0) => "(no text, only pictures)\n",
            (_, _, 0) => "",
            _ => "(some letters are in a font that does not say what they mean)\n",
        };
        match self.text.as_str() {
            "" => note.to_owned(),
            text => format!("{text}\n{note}"),
        }
    }
}

/// Takes what a page draws and keeps the letters.
#[derive(Default)]
struct Reader {
    lines: Lines,
    pictures: usize,
    unknown: usize,
}

impl Device<'_> for Reader {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, '_>, props: DrawProps<'_>, _: &DrawMode) {
        for glyph in run.glyphs() {
            // More than an answer can have is not kept.
            if self.lines.len() > MAX_TEXT_BYTES {
                return;
            }
            let Some(said) = glyph.as_unicode() else {
                self.unknown += 1;
                continue;
            };
            let text = match said {
                BfString::Char(letter) => letter.into(),
                BfString::String(text) => text,
            };
            self.lines.push(place(text, glyph, props.transform * glyph.transform()));
        }
    }

    fn draw_image(&mut self, _: Image<'_, '_>, _: ImageDrawProps<'_>) {
        self.pictures += 1;
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'_>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_clip_rect(&mut self, _: &Rect) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'_>>, _: BlendMode) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}

fn place(text: String, glyph: &Glyph<'_>, transform: Affine) -> Letter {
    let width = match glyph {
        Glyph::Outline(glyph) => glyph.advance_width(),
        Glyph::Type3(glyph) => glyph.advance_width(),
    };
    let (start, end) = (transform * Point::ZERO, transform * Point::new(width.unwrap_or(500.0).into(), 0.0));
    let top = transform * Point::new(0.0, UNITS);
    Letter { text, start: (start.x, start.y), end: (end.x, end.y), size: (top - start).hypot() }
}

#[cfg(test)]
mod tests;
