//! Small PDFs for tests.

/// A PDF of these objects, the first of which is the catalog, with `extra` in its trailer.
pub fn pdf(objects: &[String], extra: &str) -> Vec<u8> {
    let mut pdf = "%PDF-1.7\n".to_owned();
    let mut places = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        places.push(pdf.len());
        pdf.push_str(&format!("{} 0 obj\n{object}\nendobj\n", at + 1));
    }
    let table = pdf.len();
    pdf.push_str(&format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1));
    places.iter().for_each(|place| pdf.push_str(&format!("{place:010} 00000 n \n")));
    let size = objects.len() + 1;
    pdf.push_str(&format!("trailer\n<< /Size {size} /Root 1 0 R {extra} >>\nstartxref\n{table}\n%%EOF\n"));
    pdf.into_bytes()
}

/// The objects of a document whose pages draw this, with Helvetica as `/F1` and a picture of one point as `/I1`.
pub fn objects(pages: &[&str]) -> Vec<String> {
    let kids: Vec<_> = (0..pages.len()).map(|page| format!("{} 0 R", 5 + 2 * page)).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), pages.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
        stream("/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8", "x"),
    ];
    for (at, page) in pages.iter().enumerate() {
        let content = 6 + 2 * at;
        let resources = "<< /Font << /F1 3 0 R >> /XObject << /I1 4 0 R >> >>";
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {content} 0 R /Resources {resources} >>"
        ));
        objects.push(stream("", page));
    }
    objects
}

/// A stream with its length.
pub fn stream(entries: &str, content: &str) -> String {
    format!("<< {entries} /Length {} >>\nstream\n{content}\nendstream", content.len())
}

/// A document whose pages draw this.
pub fn document(pages: &[&str]) -> Vec<u8> {
    pdf(&objects(pages), "")
}

/// A document that needs a password.
pub fn encrypted() -> Vec<u8> {
    let word = "00".repeat(32);
    let mut objects = objects(&["BT /F1 12 Tf (secret) Tj ET"]);
    objects.push(format!("<< /Filter /Standard /V 2 /R 3 /Length 128 /P -1 /O <{word}> /U <{word}> >>"));
    pdf(&objects, &format!("/Encrypt {} 0 R /ID [<00> <00>]", objects.len()))
}

/// Documents that want a reader to fail: each with what it does.
pub fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let good = "BT /F1 12 Tf 50 700 Td (found) Tj ET";
    let with = |at: usize, object: String| {
        let mut objects = objects(&[good]);
        objects[at] = object;
        pdf(&objects, "")
    };
    let deep = format!("<< /Type /Catalog /Pages 2 0 R /Deep {}{} >>", "[".repeat(100_000), "]".repeat(100_000));
    let page = |rest: &str| format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] {rest} >>");
    let calls_itself =
        stream("/Type /XObject /Subtype /Form /BBox [0 0 1 1] /Resources << /XObject << /I1 4 0 R >> >>", "/I1 Do");
    vec![
        ("nests arrays", with(0, deep)),
        ("is its own page tree", with(1, "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>".into())),
        ("claims pages", with(1, "<< /Type /Pages /Kids [5 0 R] /Count 2147483647 >>".into())),
        ("claims a length", with(5, format!("<< /Length 99999999999 >>\nstream\n{good}\nendstream"))),
        ("nests states", with(5, stream("", &"q ".repeat(300_000)))),
        ("draws itself", with(3, calls_itself)),
        ("points at itself", with(4, page("/Contents 5 0 R /Resources 5 0 R"))),
        (
            "has a huge page",
            with(4, "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 1e38 1e38] /Contents 6 0 R >>".into()),
        ),
        ("ends early", document(&[good])[..300].to_vec()),
        (
            "is a table alone",
            b"%PDF-1.7\nxref\n0 4294967295\ntrailer\n<< /Root 1 0 R /Size 4294967295 >>\nstartxref\n9\n%%EOF".to_vec(),
        ),
    ]
}
