//! What a server offers: for finding the ones that run on this machine.

use std::time::Duration;

use reqwest::Client;
use serde::Deserialize;

/// A server on this machine answers at once.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What is read of a list.
const MAX_BYTES: usize = 1024 * 1024;

#[derive(Deserialize)]
struct Listing {
    data: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
}

/// The models of a server that speaks as OpenAI does, by its base URL; `None` if there is no such server. No key is
/// sent.
pub async fn list_models(base_url: &str) -> Option<Vec<String>> {
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().timeout(TIMEOUT).build();
    let url = format!("{}/models", base_url.trim_end_matches('/'));
    let mut response = client.ok()?.get(url).send().await.ok()?.error_for_status().ok()?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BYTES {
            return None;
        }
    }
    let listing: Listing = serde_json::from_slice(&body).ok()?;
    Some(listing.data.into_iter().map(|listed| listed.id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::tests::provider::{Answer, FakeProvider};

    #[tokio::test]
    async fn a_list_is_read_and_what_is_none_is_not() {
        let list = Answer::error(200, r#"{"object":"list","data":[{"id":"llama3","object":"model"},{"id":"qwen3"}]}"#);
        let answers = [list, Answer::error(200, "<html>"), Answer::error(401, r#"{"data":[]}"#)];
        let mut server = FakeProvider::start(answers).await;
        let base = format!("http://{}/v1/", server.address);
        assert_eq!(list_models(&base).await.unwrap(), ["llama3", "qwen3"]);
        assert_eq!(server.asked.recv().await.unwrap().path, "/v1/models");
        assert_eq!(list_models(&base).await, None);
        assert_eq!(list_models(&base).await, None);
    }
}
