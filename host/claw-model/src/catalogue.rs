//! The providers that need no description: where they are, how they are spoken to, and what is known of their models.

mod vendors;

use crate::facts::{ModelFacts, Prices};
use crate::provider::{KeyHeader, WireFormat};

/// A provider that is known by name.
#[derive(Debug)]
pub struct Vendor {
    /// How settings call it, e.g. `groq`.
    pub id: &'static str,
    /// How it calls itself.
    pub name: &'static str,
    /// How it is spoken to at its own address.
    pub wire: WireFormat,
    /// How servers are spoken to that stand in for it at another address.
    pub wire_elsewhere: WireFormat,
    /// Where its API starts; `None` if each customer has an address of his own.
    pub base_url: Option<&'static str>,
    /// The variable of the environment that may name another address.
    pub base_url_variable: Option<&'static str>,
    /// Where its key stands in a request.
    pub key_header: KeyHeader,
    /// The variables of the environment in which its key is looked for; none for servers that want no key.
    pub key_variables: &'static [&'static str],
    /// Models of which something is known. The first is asked if none is named.
    pub models: &'static [KnownModel],
}

/// A model of which something is known.
#[derive(Debug)]
pub struct KnownModel {
    /// Its name at the provider.
    pub name: &'static str,
    /// What is known.
    pub facts: ModelFacts,
}

impl Vendor {
    /// The model that is asked if none is named.
    pub fn default_model(&self) -> Option<&'static str> {
        self.models.first().map(|model| model.name)
    }

    /// Whether it answers nobody without a key.
    pub fn needs_key(&self) -> bool {
        !self.key_variables.is_empty()
    }
}

/// All known providers; those in front are chosen first if the keys of several are at hand.
pub fn vendors() -> &'static [Vendor] {
    &vendors::VENDORS
}

/// The provider of this name.
pub fn vendor(id: &str) -> Option<&'static Vendor> {
    vendors().iter().find(|vendor| vendor.id == id)
}

/// What is known of a model; `None` if nothing is. A dated release counts as its model, e.g.
/// `claude-haiku-4-5-20251001` as `claude-haiku-4-5`. A router asks as much as the maker of a model.
pub fn facts(provider: &str, model: &str) -> Option<ModelFacts> {
    let known = vendor(provider)?;
    let named = |known: &&KnownModel| model.strip_prefix(known.name).is_some_and(is_date);
    let own = known.models.iter().find(named).map(|known| known.facts);
    own.or_else(|| if known.id == ROUTER { facts_of_routed(model) } else { None })
}

/// The provider that passes prompts on to makers of models, at the price of these.
const ROUTER: &str = "openrouter";
/// How that calls makers, where it is not by their names here.
const MAKERS: [(&str, &str); 5] =
    [("google", "gemini"), ("x-ai", "xai"), ("mistralai", "mistral"), ("moonshotai", "moonshot"), ("z-ai", "zai")];

/// What is known of `maker/model`. The router writes versions with dots where some makers write dashes, and may have put
/// a variant like `:free` behind, of which nothing is known.
fn facts_of_routed(model: &str) -> Option<ModelFacts> {
    let (maker, model) = model.split_once('/')?;
    let id = MAKERS.iter().find(|(name, _)| *name == maker).map_or(maker, |(_, id)| id);
    let written = |name: &str| name.to_ascii_lowercase().replace('.', "-");
    let models = vendor(id).filter(|maker| maker.id != ROUTER)?.models;
    models.iter().find(|known| written(known.name) == written(model)).map(|known| known.facts)
}

/// Nothing, or a date behind a `-` or `@`.
fn is_date(suffix: &str) -> bool {
    let Some(date) = suffix.strip_prefix(['-', '@']) else { return suffix.is_empty() };
    date.chars().filter(char::is_ascii_digit).count() == 8 && date.chars().all(|c| c.is_ascii_digit() || c == '-')
}

/// What a model can do.
#[derive(Clone, Copy)]
struct Abilities {
    tools: bool,
    images: bool,
    thinking: bool,
}

const fn model(
    name: &'static str,
    context_tokens: u64,
    max_output_tokens: u32,
    can: Abilities,
    prices: Option<Prices>,
) -> KnownModel {
    let Abilities { tools, images, thinking } = can;
    let is_assumed = false;
    let facts = ModelFacts { context_tokens, is_assumed, max_output_tokens, prices, tools, images, thinking };
    KnownModel { name, facts }
}

/// Dollars for a million tokens of prompt and of reply.
const fn usd(input: f64, output: f64) -> Prices {
    Prices { input, output, cache_read: None, cache_write: None }
}

impl Prices {
    const fn cached(self, price: f64) -> Self {
        Prices { cache_read: Some(price), ..self }
    }

    const fn stored(self, price: f64) -> Self {
        Prices { cache_write: Some(price), ..self }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_entry_is_one_of_its_kind_and_makes_sense() {
        let ids: HashSet<_> = vendors().iter().map(|vendor| vendor.id).collect();
        assert_eq!(ids.len(), vendors().len());
        assert!(ids.len() >= 24, "{ids:?}");
        for vendor in vendors() {
            let models: HashSet<_> = vendor.models.iter().map(|model| model.name).collect();
            assert_eq!(models.len(), vendor.models.len(), "{}", vendor.id);
            if let Some(url) = vendor.base_url {
                let is_local = url.starts_with("http://127.0.0.1:");
                assert!(is_local || url.starts_with("https://"), "{url}");
                assert!(!url.ends_with('/') && is_local != vendor.needs_key(), "{url}");
            }
            for model in vendor.models {
                let facts = model.facts;
                assert!(facts.context_tokens >= 8_192 && facts.max_output_tokens >= 4_096, "{}", model.name);
                let prices = facts.prices.iter().flat_map(|it| [Some(it.input), Some(it.output), it.cache_read]);
                assert!(prices.flatten().all(|price| price > 0.0 && price < 1000.0), "{}", model.name);
            }
        }
    }

    #[test]
    fn a_routed_model_is_its_makers() {
        let own = facts("anthropic", "claude-sonnet-4-5").unwrap();
        assert_eq!(facts("openrouter", "anthropic/claude-sonnet-4.5"), Some(own));
        assert_eq!(facts("openrouter", "google/gemini-2.5-flash"), facts("gemini", "gemini-2.5-flash"));
        assert!(facts("openrouter", "x-ai/grok-4.5").is_some());
        for unknown in
            ["anthropic/claude-sonnet-4.5:free", "claude-sonnet-4.5", "nobody/model", "openrouter/auto", "a/b/c", "/"]
        {
            assert_eq!(facts("openrouter", unknown), None, "{unknown}");
        }
        assert_eq!(facts("groq", "anthropic/claude-sonnet-4.5"), None, "others ask what they like");
    }

    #[test]
    fn a_dated_release_is_its_model_and_a_neighbour_is_not() {
        let known = facts("anthropic", "claude-haiku-4-5").unwrap();
        assert_eq!(facts("anthropic", "claude-haiku-4-5-20251001"), Some(known));
        assert_eq!(facts("openai", "gpt-5.2-2025-12-11"), facts("openai", "gpt-5.2"));
        assert!(facts("openai", "gpt-5.2").is_some());
        for unknown in ["gpt-5.2-pro", "gpt-5.2-", "gpt-5.20", "gpt-5"] {
            assert_eq!(facts("openai", unknown), None, "{unknown}");
        }
        assert_eq!(facts("nobody", "gpt-5.2"), None);
    }
}
