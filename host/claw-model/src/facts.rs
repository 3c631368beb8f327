//! What is known of a model: how much it takes and gives, what it costs, what it can do.

use claw_core::message::Usage;

/// What is known of one model. [`ModelFacts::default`] is what is assumed of an unknown one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelFacts {
    /// Tokens that prompt and reply may have together.
    pub context_tokens: u64,
    /// Whether nobody has said that: then a server without a key, which is its owner's own, is asked for it.
    pub is_assumed: bool,
    /// Tokens that one reply may have. Larger wishes are cut down to it.
    pub max_output_tokens: u32,
    /// What it costs; `None` if nobody knows.
    pub prices: Option<Prices>,
    /// Whether it can call tools; without, none are offered to it.
    pub tools: bool,
    /// Whether it can look at images.
    pub images: bool,
    /// Whether it can think before it answers; without, it is not asked to.
    pub thinking: bool,
}

impl Default for ModelFacts {
    /// An unknown model calls tools, takes 128,000 tokens and gives 16,384; images, thoughts and prices are not
    /// assumed. Models with less answer a longer prompt with an error of its own.
    fn default() -> Self {
        ModelFacts {
            context_tokens: 128_000,
            is_assumed: true,
            max_output_tokens: 16_384,
            prices: None,
            tools: true,
            images: false,
            thinking: false,
        }
    }
}

/// Prices in US dollars for a million tokens, and so in millionths of a dollar for one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// Tokens of the prompt.
    pub input: f64,
    /// Tokens of the reply, thoughts included.
    pub output: f64,
    /// Tokens of the prompt that come from the provider's cache; `None` if they cost as much as others.
    pub cache_read: Option<f64>,
    /// Tokens of the prompt that the provider's cache takes up; `None` if they cost as much as others.
    pub cache_write: Option<f64>,
}

impl Prices {
    /// What a call cost, in millionths of a dollar, rounded.
    pub fn cost_micros(&self, usage: &Usage) -> u64 {
        let cached = usage.cache_read_tokens.saturating_add(usage.cache_write_tokens);
        let parts = [
            (usage.input_tokens.saturating_sub(cached), self.input),
            (usage.cache_read_tokens, self.cache_read.unwrap_or(self.input)),
            (usage.cache_write_tokens, self.cache_write.unwrap_or(self.input)),
            (usage.output_tokens, self.output),
        ];
        // Casts saturate, and counts are far below the 2^53 that a float holds exactly.
        parts.into_iter().map(|(tokens, price)| tokens as f64 * price).sum::<f64>().round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_tokens_cost_their_own_price() {
        let prices = Prices { input: 3.0, output: 15.0, cache_read: Some(0.3), cache_write: Some(3.75) };
        let usage = Usage {
            input_tokens: 1000,
            output_tokens: 100,
            cache_read_tokens: 600,
            cache_write_tokens: 200,
            ..Usage::default()
        };
        assert_eq!(prices.cost_micros(&usage), 200 * 3 + 180 + 750 + 1500);
        let plain = Prices { cache_read: None, cache_write: None, ..prices };
        assert_eq!(plain.cost_micros(&usage), 1000 * 3 + 1500);
        // What a provider counts wrongly makes nothing negative.
        let odd = Usage { cache_read_tokens: 5, ..Usage::default() };
        assert_eq!(plain.cost_micros(&odd), 15);
    }
}
