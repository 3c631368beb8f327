//! Hides secrets in what comes back.
//!
//! A server may repeat what it was sent. Wherever a secret is known to have gone out, the answer passes through a mask
//! that puts `<secret NAME>` in its place: as it is, in base64 and percent-encoded. A mask is a net against accidents
//! and simple echoes. It cannot see through other encodings: who gets the secret must be trusted with it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// Forms with fewer bytes are not looked for: they would be found in everything.
const MIN_FORM_BYTES: usize = 4;
/// Characters that every percent encoding leaves as they are.
const UNRESERVED: &[u8] = b"-._~";
/// The same, and what a path may hold as it is and secrets of real services do.
const IN_PATH: &[u8] = b"-._~:";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";
const LOWER: &[u8; 16] = b"0123456789abcdef";

/// Finds secrets. Cheap to clone.
#[derive(Clone, Default)]
pub struct Mask {
    forms: Arc<Vec<Form>>,
}

/// One way in which a secret may be written.
struct Form {
    bytes: Zeroizing<Vec<u8>>,
    /// What stands in its place.
    label: Arc<str>,
}

/// What is found at a position.
enum Found<'a> {
    Nothing,
    Form(&'a Form),
    /// What follows decides.
    Unsure,
}

/// Whether more bytes may follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    MayFollow,
    Ended,
}

impl Mask {
    /// A mask for secrets, given as names and values. Values of fewer than 4 bytes are not masked.
    pub fn new(secrets: Vec<(String, Zeroizing<String>)>) -> Self {
        let mut forms: Vec<Form> = Vec::new();
        for (name, value) in &secrets {
            let label: Arc<str> = format!("<secret {name}>").into();
            if value.len() < MIN_FORM_BYTES {
                continue;
            }
            for bytes in forms_of(value.as_bytes()) {
                if bytes.len() >= MIN_FORM_BYTES && !forms.iter().any(|form| form.bytes == bytes) {
                    forms.push(Form { bytes, label: Arc::clone(&label) });
                }
            }
        }
        // The longest first: a secret that begins with another one is hidden as a whole.
        forms.sort_by_key(|form| std::cmp::Reverse(form.bytes.len()));
        Mask { forms: Arc::new(forms) }
    }

    /// The same mask, with one more text to look for and what stands in its place.
    pub fn and(&self, text: &str, label: &str) -> Self {
        let own = self.forms.iter().map(|form| Form { bytes: form.bytes.clone(), label: Arc::clone(&form.label) });
        let more = Form { bytes: Zeroizing::new(text.as_bytes().to_vec()), label: label.into() };
        let mut forms: Vec<Form> = own.chain([more]).collect();
        forms.sort_by_key(|form| std::cmp::Reverse(form.bytes.len()));
        Mask { forms: Arc::new(forms) }
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// A whole text, without the secrets.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(masked) => {
                Cow::Owned(String::from_utf8(masked).expect("mask: what is cut out of a text is text"))
            }
        }
    }

    /// Whole bytes, without the secrets.
    pub fn bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        if !(0..bytes.len()).any(|at| matches!(self.find(&bytes[at..], Rest::Ended), Found::Form(_))) {
            return Cow::Borrowed(bytes);
        }
        let mut masked = Vec::with_capacity(bytes.len());
        self.pass(bytes, Rest::Ended, &mut masked);
        Cow::Owned(masked)
    }

    /// A mask for bytes that come in pieces.
    pub fn stream(&self) -> MaskStream {
        MaskStream { mask: self.clone(), held: Zeroizing::new(Vec::new()) }
    }

    /// Writes what is certain to `masked` and gives the number of bytes that it was made from.
    fn pass(&self, bytes: &[u8], rest: Rest, masked: &mut Vec<u8>) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            match self.find(&bytes[at..], rest) {
                Found::Unsure => break,
                Found::Nothing => {
                    masked.push(bytes[at]);
                    at += 1;
                }
                Found::Form(form) => {
                    masked.extend_from_slice(form.label.as_bytes());
                    at += form.bytes.len();
                }
            }
        }
        at
    }

    fn find(&self, bytes: &[u8], rest: Rest) -> Found<'_> {
        for form in self.forms.iter().filter(|form| form.bytes.first() == bytes.first()) {
            if bytes.starts_with(&form.bytes) {
                return Found::Form(form);
            }
            if rest == Rest::MayFollow && form.bytes.starts_with(bytes) {
                return Found::Unsure;
            }
        }
        Found::Nothing
    }
}

/// A mask for bytes that come in pieces: it holds back what may be the beginning of a secret.
pub struct MaskStream {
    mask: Mask,
    held: Zeroizing<Vec<u8>>,
}

impl MaskStream {
    /// What can be passed on once `piece` has arrived; may be empty.
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        let mut masked = Vec::with_capacity(self.held.len());
        let done = self.mask.pass(&self.held, Rest::MayFollow, &mut masked);
        self.held.drain(..done);
        masked
    }

    /// What was held back, at the end.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut masked = Vec::new();
        self.mask.pass(&self.held, Rest::Ended, &mut masked);
        self.held.clear();
        masked
    }
}

impl fmt::Debug for MaskStream {
    /// Not what is held: it may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaskStream").field("mask", &self.mask).finish_non_exhaustive()
    }
}

impl fmt::Debug for Mask {
    /// Names only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut labels: Vec<&str> = self.forms.iter().map(|form| &*form.label).collect();
        labels.sort_unstable();
        labels.dedup();
        f.debug_tuple("Mask").field(&labels).finish()
    }
}

fn forms_of(value: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let mut forms = vec![Zeroizing::new(value.to_vec())];
    for hex in [UPPER, LOWER] {
        let percent = percent_encoded(value, hex, UNRESERVED);
        forms.push(percent_encoded(value, hex, IN_PATH));
        let form_encoded = Zeroizing::new(String::from_utf8_lossy(&percent).replace("%20", "+").into_bytes());
        forms.extend([percent, form_encoded]);
    }
    // What a model or a component says is often JSON.
    let json = String::from_utf8_lossy(value).replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
    forms.push(Zeroizing::new(json.replace('\r', r"\r").replace('\t', r"\t").into_bytes()));
    // Base64 looks different at each of the three offsets, as in `base64(user:secret)`.
    for offset in 0..3 {
        forms.push(base64_at(value, offset, &STANDARD_NO_PAD));
        forms.push(base64_at(value, offset, &URL_SAFE_NO_PAD));
    }
    forms
}

/// A secret as it stands in the path of a URL: within one segment, whatever is in it.
pub(crate) fn in_path(value: &str) -> Zeroizing<String> {
    let encoded = percent_encoded(value.as_bytes(), UPPER, IN_PATH);
    Zeroizing::new(encoded.iter().map(|&byte| char::from(byte)).collect())
}

fn percent_encoded(value: &[u8], hex: &[u8; 16], kept: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut encoded = Zeroizing::new(Vec::with_capacity(value.len() * 3));
    for &byte in value {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            encoded.push(byte);
        } else {
            encoded.extend_from_slice(&[b'%', hex[usize::from(byte >> 4)], hex[usize::from(byte & 15)]]);
        }
    }
    encoded
}

/// The characters that stand for nothing but the value, if `offset` bytes come before it.
fn base64_at(value: &[u8], offset: usize, engine: &impl Engine) -> Zeroizing<Vec<u8>> {
    let mut shifted = Zeroizing::new(vec![0; offset]);
    shifted.extend_from_slice(value);
    let encoded = Zeroizing::new(engine.encode(&*shifted));
    let first = (offset * 8).div_ceil(6);
    let end = shifted.len() * 8 / 6;
    Zeroizing::new(encoded.as_bytes()[first..end].to_vec())
}

#[cfg(test)]
mod tests;
