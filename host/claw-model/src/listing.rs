//! What a server says of its models: for finding the ones that run on this machine, and for how much they take. Servers of
//! one's own often run a model with less than it could have, and each of them says so in another place.

use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

/// A server on this machine answers at once.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What is read of an answer.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A model that a server offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name there.
    pub name: String,
    /// Tokens that prompt and reply may have together, if the server says so.
    pub context_tokens: Option<u64>,
}

/// The models of a server that speaks as OpenAI does, by its base URL; `None` if there is no such server. No key is
/// sent.
pub async fn list_models(base_url: &str) -> Option<Vec<Listed>> {
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().ok()?;
    let mut models = Vec::new();
    for model in listing(&client, base_url).await?.as_array()? {
        let name = model["id"].as_str()?.to_owned();
        let context_tokens = context_tokens(&client, base_url, &name).await;
        models.push(Listed { name, context_tokens });
    }
    Some(models)
}

/// Tokens that prompt and reply of a model may have together, by the server at this base URL; `None` if it does not say.
/// No key is sent.
pub(crate) async fn context_tokens(client: &Client, base_url: &str, model: &str) -> Option<u64> {
    let root = base_url.trim_end_matches('/').trim_end_matches("/v1");
    // vLLM, and what is served by it.
    let listed = listing(client, base_url).await?;
    let is_it = |it: &&Value| it["id"] == model;
    let listed = listed.as_array()?.iter().find(is_it)?["max_model_len"].as_u64();
    if listed.is_some() {
        return listed;
    }
    if let Some(shown) = fetched(client.post(format!("{root}/api/show")).json(&json!({ "model": model }))).await {
        return ollama(client, root, model, &shown).await;
    }
    if let Some(props) = fetched(client.get(format!("{root}/props"))).await {
        // llama.cpp: what each of its slots has.
        return props["default_generation_settings"]["n_ctx"].as_u64();
    }
    // LM Studio: what is loaded, or else what could be.
    let models = fetched(client.get(format!("{root}/api/v0/models"))).await?;
    let model = models["data"].as_array()?.iter().find(is_it)?;
    model["loaded_context_length"].as_u64().or(model["max_context_length"].as_u64())
}

/// What Ollama runs a model with, as its owner has set it or as it is loaded, or else what the model could have.
async fn ollama(client: &Client, root: &str, model: &str, shown: &Value) -> Option<u64> {
    let parameters = shown["parameters"].as_str().unwrap_or_default().lines();
    let set = parameters.filter_map(|line| line.trim().strip_prefix("num_ctx")?.trim().parse().ok()).next();
    if set.is_some() {
        return set;
    }
    let running = fetched(client.get(format!("{root}/api/ps"))).await.unwrap_or_default();
    let loaded =
        running["models"].as_array().into_iter().flatten().find(|it| it["model"] == model || it["name"] == model);
    if let Some(tokens) = loaded.and_then(|it| it["context_length"].as_u64()) {
        return Some(tokens);
    }
    let info = shown["model_info"].as_object()?;
    info.iter().find(|(name, _)| name.ends_with(".context_length")).and_then(|(_, tokens)| tokens.as_u64())
}

async fn listing(client: &Client, base_url: &str) -> Option<Value> {
    let mut listing = fetched(client.get(format!("{}/models", base_url.trim_end_matches('/')))).await?;
    Some(listing["data"].take()).filter(Value::is_array)
}

/// The JSON of a server's answer, if it is one.
async fn fetched(request: RequestBuilder) -> Option<Value> {
    let mut response = request.timeout(TIMEOUT).send().await.ok()?.error_for_status().ok()?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BYTES {
            return None;
        }
    }
    serde_json::from_slice(&body).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::http::StatusCode;
    use axum::http::Uri;

    use super::*;
    use crate::http::tests::provider::config;
    use crate::{Model, ModelFacts, WireFormat};

    /// A server that answers these paths, and a body at most.
    async fn server(answers: &'static [(&'static str, &'static str)]) -> String {
        let answer = move |uri: Uri| async move {
            let found = answers.iter().find(|(path, _)| *path == uri.path());
            found.map(|(_, body)| *body).ok_or(StatusCode::NOT_FOUND)
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
        base
    }

    const OLLAMA: &str =
        r#"{"object":"list","data":[{"id":"qwen3:8b","object":"model","created":1,"owned_by":"library"}]}"#;

    #[track_caller]
    fn check(listed: Option<Vec<Listed>>, name: &str, context_tokens: Option<u64>) {
        assert_eq!(listed, Some(vec![Listed { name: name.to_owned(), context_tokens }]));
    }

    #[tokio::test]
    async fn each_server_says_in_its_own_place_how_much_its_models_take() {
        let vllm = server(&[(
            "/v1/models",
            r#"{"object":"list","data":[{"id":"m","object":"model","owned_by":"vllm","max_model_len":8192}]}"#,
        )]);
        check(list_models(&vllm.await).await, "m", Some(8192));
        let llamacpp = server(&[
            ("/v1/models", r#"{"data":[{"id":"m.gguf","owned_by":"llamacpp","meta":{"n_ctx_train":131072}}]}"#),
            ("/props", r#"{"default_generation_settings":{"id":0,"n_ctx":4096},"total_slots":1}"#),
        ]);
        check(list_models(&llamacpp.await).await, "m.gguf", Some(4096));
        let loaded = server(&[
            ("/v1/models", r#"{"data":[{"id":"m","object":"model","owned_by":"organization_owner"}]}"#),
            (
                "/api/v0/models",
                r#"{"data":[{"id":"m","state":"loaded","max_context_length":32768,"loaded_context_length":4096}]}"#,
            ),
        ]);
        check(list_models(&loaded.await).await, "m", Some(4096));
        let idle = server(&[
            ("/v1/models", r#"{"data":[{"id":"m","object":"model"}]}"#),
            ("/api/v0/models", r#"{"data":[{"id":"m","state":"not-loaded","max_context_length":32768}]}"#),
        ]);
        check(list_models(&idle.await).await, "m", Some(32768));
        let silent = server(&[("/v1/models", r#"{"data":[{"id":"m","object":"model"}]}"#)]);
        check(list_models(&silent.await).await, "m", None);
    }

    #[tokio::test]
    async fn ollama_says_what_is_set_then_what_is_loaded_then_what_could_be() {
        const COULD: &str = r#"{"model_info":{"general.architecture":"qwen3","qwen3.context_length":40960}}"#;
        let set = server(&[
            ("/v1/models", OLLAMA),
            (
                "/api/show",
                r#"{"parameters":"stop                           \"x\"\nnum_ctx                        16384","model_info":{"qwen3.context_length":40960}}"#,
            ),
        ]);
        check(list_models(&set.await).await, "qwen3:8b", Some(16384));
        let loaded = server(&[
            ("/v1/models", OLLAMA),
            ("/api/show", COULD),
            ("/api/ps", r#"{"models":[{"name":"qwen3:8b","model":"qwen3:8b","context_length":4096}]}"#),
        ]);
        check(list_models(&loaded.await).await, "qwen3:8b", Some(4096));
        let idle = server(&[("/v1/models", OLLAMA), ("/api/show", COULD), ("/api/ps", r#"{"models":[]}"#)]);
        check(list_models(&idle.await).await, "qwen3:8b", Some(40960));
    }

    #[tokio::test]
    async fn what_is_no_list_is_none() {
        for body in ["<html>", r#"{"data":5}"#, r#"{"data":[{"object":"model"}]}"#] {
            let base = server(Box::leak(Box::new([("/v1/models", body)]))).await;
            assert_eq!(list_models(&base).await, None, "{body}");
        }
        let empty = server(&[]).await;
        assert_eq!(list_models(&empty).await, None);
    }

    #[tokio::test]
    async fn a_server_without_a_key_is_asked_at_first_use_and_only_about_what_nobody_has_said() {
        let base = server(&[("/v1/models", r#"{"data":[{"id":"m-1","max_model_len":8192}]}"#)]).await;
        let learned = async |facts: ModelFacts, keys: bool| {
            let mut config = config(WireFormat::OpenAiChat, &base);
            config.facts = facts;
            if !keys {
                config.keys.clear();
            }
            let model = Model::http(config).unwrap();
            let learned = model.usual().learn().await;
            assert_eq!(model.usual().learn().await.facts, learned.facts);
            learned.facts.context_tokens
        };
        assert_eq!(learned(ModelFacts::default(), false).await, 8192);
        assert_eq!(learned(ModelFacts::default(), true).await, 128_000, "others are asked for nothing");
        let said = ModelFacts { context_tokens: 9000, is_assumed: false, ..ModelFacts::default() };
        assert_eq!(learned(said, false).await, 9000);
    }

    #[tokio::test]
    async fn a_server_is_not_asked_again_with_each_run() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let answer = move || {
            count.fetch_add(1, Ordering::Relaxed);
            async { r#"{"data":[{"id":"m-1","max_model_len":8192}]}"# }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, Router::new().fallback(answer)).into_future());
        let mut config = config(WireFormat::OpenAiChat, &base);
        config.keys.clear();
        let model = Model::http(config).unwrap();
        for _ in 0..5 {
            assert_eq!(model.usual().learn().await.facts.context_tokens, 8192);
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }
}
