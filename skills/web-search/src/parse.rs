//! What the engines answer. Pure.

use openclaw_sdk::ToolError;
use openclaw_sdk::serde_json::Value;

/// One result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub title: String,
    pub url: String,
    pub excerpt: String,
}

/// Longer excerpts are cut: the model can fetch the page.
const EXCERPT_CHARS: usize = 300;

/// `GET /search?format=json` of SearXNG.
pub fn searxng(answer: &Value) -> Result<Vec<Found>, ToolError> {
    list(&answer["results"], "title", "url", "content")
}

/// `GET /res/v1/web/search` of Brave.
pub fn brave(answer: &Value) -> Result<Vec<Found>, ToolError> {
    match &answer["web"] {
        // It leaves the part out when nothing was found.
        Value::Null => Ok(Vec::new()),
        web => list(&web["results"], "title", "url", "description"),
    }
}

/// The instant answers of DuckDuckGo: an abstract, and related topics, some of them in groups.
pub fn duckduckgo(answer: &Value) -> Result<Vec<Found>, ToolError> {
    let mut found = Vec::new();
    if let Some(url) = answer["AbstractURL"].as_str().filter(|url| !url.is_empty()) {
        found.push(one(text(&answer["Heading"]), url, text(&answer["AbstractText"])));
    }
    let topics = answer["RelatedTopics"].as_array().ok_or_else(|| strange("RelatedTopics"))?;
    for topic in topics {
        let group = topic["Topics"].as_array().map_or(std::slice::from_ref(topic), Vec::as_slice);
        found.extend(group.iter().filter_map(|topic| {
            let (url, said) = (topic["FirstURL"].as_str()?, text(&topic["Text"]));
            let title = said.split(" - ").next().unwrap_or_default().to_owned();
            Some(one(title, url, said))
        }));
    }
    Ok(found)
}

fn list(results: &Value, title: &str, url: &str, excerpt: &str) -> Result<Vec<Found>, ToolError> {
    let results = results.as_array().ok_or_else(|| strange("results"))?;
    Ok(results.iter().map(|it| one(text(&it[title]), &text(&it[url]), text(&it[excerpt]))).collect())
}

fn one(title: String, url: &str, excerpt: String) -> Found {
    let mut excerpt = plain(&excerpt);
    if let Some((end, _)) = excerpt.char_indices().nth(EXCERPT_CHARS) {
        excerpt.truncate(end);
        excerpt.push_str(" ...");
    }
    Found { title: plain(&title), url: url.to_owned(), excerpt }
}

/// Without the tags that engines put around the words that were found, and their escapes, in one line.
fn plain(text: &str) -> String {
    let mut plain = text.to_owned();
    for tag in ["<strong>", "</strong>", "<b>", "</b>", "<em>", "</em>"] {
        plain = plain.replace(tag, "");
    }
    // The last is what escapes an escape.
    let escapes = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#39;", "'"), ("&nbsp;", " ")];
    for (escape, means) in escapes.into_iter().chain([("&amp;", "&")]) {
        plain = plain.replace(escape, means);
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn strange(what: &str) -> ToolError {
    ToolError::Unavailable(format!("the engine's answer has no `{what}`; it may not give JSON"))
}

/// Results for the model.
pub fn show(query: &str, results: &[Found]) -> String {
    if results.is_empty() {
        return format!("nothing was found for `{query}`");
    }
    let line = |(number, Found { title, url, excerpt }): (usize, &Found)| {
        format!("{number}. {title}\n   {url}\n   {excerpt}\n")
    };
    (1..).zip(results).map(line).collect()
}

#[cfg(test)]
mod tests {
    use openclaw_sdk::serde_json::json;

    use super::*;

    #[test]
    fn each_engine_is_read_as_it_answers() {
        let expected = vec![Found {
            title: "The Rust Book".to_owned(),
            url: "https://doc.rust-lang.org/book/".to_owned(),
            excerpt: "Learn Rust from the book.".to_owned(),
        }];
        let searx = json!({"query": "rust", "number_of_results": 1, "results": [{
            "url": "https://doc.rust-lang.org/book/", "title": "The Rust Book", "content": "Learn  Rust\nfrom the book.",
            "engine": "x", "score": 1.0,
        }]});
        assert_eq!(searxng(&searx).unwrap(), expected);
        let brave_answer = json!({"type": "search", "web": {"type": "search", "results": [{
            "title": "The <strong>Rust</strong> Book", "url": "https://doc.rust-lang.org/book/",
            "description": "Learn <strong>Rust</strong> from the book.",
        }]}});
        assert_eq!(brave(&brave_answer).unwrap(), expected);
        assert_eq!(brave(&json!({"type": "search"})).unwrap(), []);
        let duck = json!({"Heading": "Rust", "AbstractURL": "", "AbstractText": "", "RelatedTopics": [
            {"Name": "Books", "Topics": [{"FirstURL": "https://d.example/1", "Text": "The Book - About Rust"}]},
            {"FirstURL": "https://d.example/2", "Text": "Oxide"},
        ]});
        let titles: Vec<_> = duckduckgo(&duck).unwrap().into_iter().map(|it| it.title).collect();
        assert_eq!(titles, ["The Book", "Oxide"]);
    }

    #[test]
    fn what_is_no_answer_is_said_and_long_excerpts_are_cut() {
        for answer in [json!({}), json!([]), json!({"results": "x"}), json!({"RelatedTopics": 1})] {
            assert!(searxng(&answer).is_err() && duckduckgo(&answer).is_err(), "{answer}");
        }
        let long = json!({"results": [{"title": "t", "url": "u", "content": "é".repeat(1000)}]});
        assert_eq!(searxng(&long).unwrap()[0].excerpt.chars().count(), EXCERPT_CHARS + 4);
        assert_eq!(show("x", &[]), "nothing was found for `x`");
    }
}
