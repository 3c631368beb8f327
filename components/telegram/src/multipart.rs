//! A form with a file in it, as `multipart/form-data`.
//!
//! Source: RFC 7578; how names are written is the WHATWG's way, which servers know from browsers.

use openclaw_sdk::channel::OutgoingFile;

#[cfg(test)]
mod tests;

/// A form, and what separates its parts.
pub struct Form {
    boundary: String,
    pub body: Vec<u8>,
}

impl Form {
    /// These fields, and under `name` the file.
    pub fn new(fields: &[(&str, String)], name: &str, file: &OutgoingFile) -> Form {
        // The key is made of the file's digest: the file cannot have it in it.
        let boundary = format!("openclaw-{}", file.key);
        let mut body = Vec::with_capacity(file.bytes.len() + 2048);
        for (name, value) in fields {
            let head = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n");
            body.extend([head.as_bytes(), value.as_bytes(), b"\r\n"].concat());
        }
        let (file_name, kind) = (escaped(&file.name), escaped(&file.media_type));
        let head = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\n\
             content-type: {kind}\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&file.bytes);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        Form { boundary, body }
    }

    /// What the request says of its body.
    pub fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }
}

fn escaped(text: &str) -> String {
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}
