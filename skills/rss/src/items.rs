//! From a feed's bytes to text. Pure.

use feed_rs::model::Entry;
use feed_rs::parser;
use openclaw_sdk::ToolError;

/// Longer texts are cut: the model can fetch the page.
const TEXT_CHARS: usize = 400;

/// The newest items of a feed.
pub fn show(body: &[u8], count: usize) -> Result<String, ToolError> {
    let feed = parser::parse(body)
        .map_err(|err| ToolError::Unavailable(format!("this is no feed that can be read: {err}")))?;
    let mut entries = feed.entries;
    // Feeds are mostly in order; those that are not have dates. Without any, theirs is the order.
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.published.or(entry.updated)));
    let title = feed.title.map_or("a feed without a title".to_owned(), |title| line(&title.content));
    let mut text = format!("{title}: {} items\n", entries.len());
    entries.iter().take(count).for_each(|entry| text.push_str(&item(entry)));
    Ok(text)
}

fn item(entry: &Entry) -> String {
    let title = entry.title.as_ref().map_or("(no title)".to_owned(), |title| line(&title.content));
    let date = entry.published.or(entry.updated).map_or(String::new(), |date| format!("{} ", date.format("%Y-%m-%d")));
    let link = entry.links.first().map_or(String::new(), |link| format!("\n  {}", link.href));
    let said = entry.summary.as_ref().map(|summary| line(&summary.content)).filter(|said| !said.is_empty());
    format!("- {date}{title}{link}{}\n", said.map_or(String::new(), |said| format!("\n  {said}")))
}

/// Text without tags, in one line and not longer than [`TEXT_CHARS`].
fn line(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut in_tag = false;
    for c in text.chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                plain.push(' ');
            }
            c if !in_tag => plain.push(c),
            _ => {}
        }
    }
    let mut plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = plain.char_indices().nth(TEXT_CHARS) {
        plain.truncate(end);
        plain.push_str(" ...");
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const RSS: &str = r#"<?xml version="1.0"?><rss version="2.0"><channel><title>News &amp; more</title>
        <link>https://n.example</link><description>d</description>
        <item><title>Old</title><link>https://n.example/1</link><pubDate>Mon, 02 Nov 2026 10:00:00 GMT</pubDate></item>
        <item><title>New</title><link>https://n.example/2</link><pubDate>Fri, 20 Nov 2026 10:00:00 GMT</pubDate>
        <description>&lt;p&gt;Some &lt;b&gt;bold&lt;/b&gt; words&lt;/p&gt;</description></item></channel></rss>"#;
    const ATOM: &str = r#"<feed xmlns="http://www.w3.org/2005/Atom"><title>Blog</title><id>x</id>
        <updated>2026-11-20T00:00:00Z</updated><entry><title>Post</title><id>1</id><updated>2026-11-19T00:00:00Z</updated>
        <link href="https://b.example/post"/><summary>Short.</summary></entry></feed>"#;

    #[test]
    fn the_newest_items_come_first_and_without_markup() {
        assert_eq!(
            show(RSS.as_bytes(), 9).unwrap(),
            "News & more: 2 items\n- 2026-11-20 New\n  https://n.example/2\n  Some bold words\n- 2026-11-02 Old\n  https://n.example/1\n"
        );
        assert!(show(RSS.as_bytes(), 1).unwrap().ends_with("words\n"));
        assert_eq!(
            show(ATOM.as_bytes(), 9).unwrap(),
            "Blog: 1 items\n- 2026-11-19 Post\n  https://b.example/post\n  Short.\n"
        );
    }

    #[test]
    fn what_is_no_feed_is_an_error() {
        for body in ["", "<html><body>Not found</body></html>", "{}", "<rss"] {
            assert!(matches!(show(body.as_bytes(), 1), Err(ToolError::Unavailable(_))), "{body}");
        }
    }
}
