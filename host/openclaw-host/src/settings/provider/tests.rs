use std::path::Path;

use claw_model::{Prices, WireFormat};
use expect_test::{Expect, expect};

use super::super::load::parse;
use super::super::{Env, Flags, resolve};
use super::*;

fn resolved(file: &str, env: &[(&str, &str)]) -> Result<ModelSettings, String> {
    let file = parse(Path::new("config.json5"), file).map_err(|err| err.to_string())?;
    let env = Env::from_pairs(env.iter().copied());
    let resolved = resolve(Path::new("/home/o"), &file, &env, &Flags::default()).map_err(|err| err.to_string())?;
    Ok(resolved.settings.model)
}

/// The models in the order in which they are asked, each with its address and the names of its keys.
fn shown(file: &str, env: &[(&str, &str)]) -> String {
    let (first, fallbacks) = match resolved(file, env) {
        Ok(ModelSettings::Providers { first, fallbacks, .. }) => (first, fallbacks),
        Ok(ModelSettings::Rehearsal) => return "rehearsal".to_owned(),
        Err(err) => return err,
    };
    let show = |it: &ProviderSettings| {
        let keys: Vec<_> = it.keys.iter().map(|key| format!("{}={}", key.name, key.place)).collect();
        format!("{}/{} {} {} [{}]", it.id, it.model, it.wire.as_str(), it.base_url, keys.join(", "))
    };
    std::iter::once(&*first).chain(&fallbacks).map(show).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check(file: &str, env: &[(&str, &str)], expect: Expect) {
    expect.assert_eq(&shown(file, env));
}

#[test]
fn every_known_provider_is_reached_by_its_name_and_key() {
    for vendor in claw_model::vendors().iter().filter(|vendor| vendor.base_url.is_some()) {
        let key = vendor.key_variables.first().map(|name| (*name, "sk-1"));
        let file = format!("{{ models: {{ default: '{}/m-1' }} }}", vendor.id);
        let env: Vec<_> = key.into_iter().collect();
        let Ok(ModelSettings::Providers { first, .. }) = resolved(&file, &env) else {
            panic!("{}: {}", vendor.id, shown(&file, &env))
        };
        assert_eq!((first.wire, first.keys.len()), (vendor.wire, env.len()), "{}", vendor.id);
        if !env.is_empty() {
            assert!(shown(&file, &[]).contains(vendor.key_variables[0]), "{}", vendor.id);
        }
    }
}

#[test]
fn a_known_provider_needs_only_what_differs() {
    check(
        "{ models: { default: 'azure/gpt-5.4', providers: { azure: { baseUrl: 'https://me.openai.azure.com/openai/v1' } } } }",
        &[("AZURE_OPENAI_API_KEY", "k")],
        expect![
            "azure/gpt-5.4 openai-chat https://me.openai.azure.com/openai/v1 [default=the environment variable `AZURE_OPENAI_API_KEY`]"
        ],
    );
    check(
        "{ models: { default: 'azure/gpt-5.4' } }",
        &[("AZURE_OPENAI_API_KEY", "k")],
        expect![[r#"
            the settings are not valid:
              error: `models.default`: provider `azure` needs its address in `models.providers.azure.baseUrl` (config.json5 line 1, column 13)"#]],
    );
    // What stands in for OpenAI rarely speaks more than its older format.
    check(
        "{ models: { default: 'openai/m' } }",
        &[("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1")],
        expect!["openai/m openai-chat http://127.0.0.1:8080/v1 []"],
    );
    check(
        "{ models: { default: 'gemini' } }",
        &[("GOOGLE_API_KEY", "k")],
        expect![
            "gemini/gemini-3.8-flash gemini https://generativelanguage.googleapis.com/v1beta [default=the environment variable `GOOGLE_API_KEY`]"
        ],
    );
}

#[test]
fn the_first_known_provider_with_a_key_answers_and_one_without_known_models_does_not() {
    assert!(shown("", &[("GROQ_API_KEY", "k")]).starts_with("groq/"));
    assert!(shown("", &[("GROQ_API_KEY", "k"), ("ANTHROPIC_API_KEY", "k")]).starts_with("anthropic/"));
    assert_eq!(shown("", &[("OPENROUTER_API_KEY", "k")]), "rehearsal");
}

#[test]
fn keys_are_used_in_the_order_that_their_owner_says() {
    let file = |more: &str| {
        format!(
            "{{ models: {{ default: 'groq/m', providers: {{ groq: {{ keys: {{ work: {{ source: 'vault', name: 'w' }}, \
             home: {{ source: 'env', id: 'HOME_KEY' }} }}, {more} }} }} }} }}"
        )
    };
    let env = [("GROQ_API_KEY", "k"), ("HOME_KEY", "k")];
    check(
        &file(""),
        &env,
        expect![
            "groq/m openai-chat https://api.groq.com/openai/v1 [default=the environment variable `GROQ_API_KEY`, home=the environment variable `HOME_KEY`, work=the vault's secret `w`]"
        ],
    );
    // A variable that is not set is left out.
    check(
        &file("keyOrder: ['work', 'default']"),
        &env[..1],
        expect![
            "groq/m openai-chat https://api.groq.com/openai/v1 [work=the vault's secret `w`, default=the environment variable `GROQ_API_KEY`]"
        ],
    );
    check(
        &file("keyOrder: ['werk']"),
        &env,
        expect![[r#"
            the settings are not valid:
              error: `models.providers.groq.keyOrder[0]`: there is no key `werk` in `keys` (config.json5 line 1, column 153)"#]],
    );
}

#[test]
fn fallbacks_follow_in_their_order_and_each_must_be_usable() {
    let file = "{ models: { default: 'groq/a', fallbacks: ['groq/b', 'ollama/c'] } }";
    check(
        file,
        &[("GROQ_API_KEY", "k")],
        expect![[r#"
            groq/a openai-chat https://api.groq.com/openai/v1 [default=the environment variable `GROQ_API_KEY`]
            groq/b openai-chat https://api.groq.com/openai/v1 [default=the environment variable `GROQ_API_KEY`]
            ollama/c openai-chat http://127.0.0.1:11434/v1 []"#]],
    );
    check(
        "{ models: { default: 'ollama/a', fallbacks: ['mistral/b', 'ollama'] } }",
        &[],
        expect![[r#"
            the settings are not valid:
              error: `models.fallbacks[0]`: provider `mistral` needs its key in the environment variable `MISTRAL_API_KEY`, which is not set (config.json5 line 1, column 46)
              error: `models.fallbacks[1]`: names no model; write `ollama/<model>` (config.json5 line 1, column 59)"#]],
    );
}

#[test]
fn a_provider_alone_means_the_first_model_that_is_described() {
    check(
        "{ models: { default: 'mine', providers: { mine: { baseUrl: 'http://127.0.0.1:1/v1', models: { b: {}, a: {} } } } } }",
        &[],
        expect!["mine/a openai-chat http://127.0.0.1:1/v1 []"],
    );
}

#[test]
fn what_is_known_of_a_model_can_be_corrected() {
    let facts = |file: &str| match resolved(file, &[]) {
        Ok(ModelSettings::Providers { first, .. }) => first.facts,
        other => panic!("{other:?}"),
    };
    let file = |own: &str| {
        format!(
            "{{ models: {{ default: 'ollama/qwen3', providers: {{ ollama: {{ models: {{ qwen3: {{ {own} }} }} }} }} }} }}"
        )
    };
    assert_eq!(facts(&file("")), ModelFacts::default());
    let own = facts(&file(
        "contextTokens: 32768, maxOutputTokens: 4096, price: { input: 0.5, output: 1 }, tools: false, thinking: true",
    ));
    let prices = Prices { input: 0.5, output: 1.0, cache_read: None, cache_write: None };
    assert_eq!((own.context_tokens, own.max_output_tokens, own.prices), (32768, 4096, Some(prices)));
    assert!(!own.tools && own.thinking);
    assert!(shown(&file("price: { input: -1, output: 1 }"), &[]).contains("0 to 100000"));
}

#[test]
fn a_provider_of_ones_own_speaks_openai_chat_unless_it_says_otherwise() {
    let wire = |own: &str| {
        let file = format!(
            "{{ models: {{ default: 'mine/m', providers: {{ mine: {{ baseUrl: 'http://127.0.0.1:1/v1', {own} }} }} }} }}"
        );
        match resolved(&file, &[]) {
            Ok(ModelSettings::Providers { first, .. }) => (first.wire, first.key_header),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(wire(""), (WireFormat::OpenAiChat, KeyHeader::Bearer));
    assert_eq!(wire("wire: 'gemini'"), (WireFormat::Gemini, KeyHeader::XGoogApiKey));
    assert_eq!(wire("keyHeader: 'api-key'"), (WireFormat::OpenAiChat, KeyHeader::ApiKey));
}
