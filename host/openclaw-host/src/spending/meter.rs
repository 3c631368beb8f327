//! What a call of the model has used, also where nothing came of it.

use claw_core::message::Usage;
use claw_model::{Heard, Prices, Reply};
use claw_store::Cost;

/// What the answers of one call have used, whoever gave them. What no provider says is estimated: a call that broke off
/// or was stopped is paid for all the same.
#[derive(Debug)]
pub struct Meter {
    /// Tokens of the prompt, by our count.
    prompt: u64,
    /// Answers that came to nothing, before the one at work.
    lost: Cost,
    at_work: Option<Answer>,
}

/// An answer that was begun.
#[derive(Debug)]
struct Answer {
    prices: Option<Prices>,
    usage: Usage,
    bytes: usize,
}

impl Meter {
    /// For a call whose prompt has so many tokens by our count.
    pub fn new(prompt: u64) -> Self {
        Meter { prompt, lost: Cost::default(), at_work: None }
    }

    /// Follows what is heard of the call.
    pub fn hear(&mut self, heard: &Heard<'_>) {
        match heard {
            Heard::Begun(prices) => {
                self.lost = self.lost();
                self.at_work = Some(Answer { prices: *prices, usage: Usage::default(), bytes: 0 });
            }
            Heard::Used { usage, bytes } => {
                if let Some(answer) = &mut self.at_work {
                    (answer.usage, answer.bytes) = (*usage, *bytes);
                }
            }
            Heard::Text(_) | Heard::Notice(_) => {}
        }
    }

    /// What a call has used that ended without a reply: nothing, where nobody had begun to answer.
    pub fn lost(&self) -> Cost {
        let at_work = self.at_work.as_ref().map(|answer| answer.cost(self.prompt));
        self.lost.and(at_work.unwrap_or_default())
    }

    /// What a call has used that ended with this reply.
    pub fn of(&self, reply: &Reply) -> Cost {
        match Cost::from(reply.usage) {
            // The provider does not say.
            Cost { tokens: 0, .. } => self.lost(),
            cost => self.lost.and(cost),
        }
    }
}

impl Answer {
    /// As its provider says, and at least what has come, four bytes of which are about a token.
    fn cost(&self, prompt: u64) -> Cost {
        let mut usage = self.usage;
        if usage.input_tokens == 0 {
            usage.input_tokens = prompt;
        }
        usage.output_tokens = usage.output_tokens.max(self.bytes.div_ceil(4) as u64);
        usage.cost_micros = self.prices.map_or(0, |prices| prices.cost_micros(&usage));
        Cost::from(usage)
    }
}

#[cfg(test)]
mod tests {
    use claw_model::StopReason;

    use super::*;

    const PRICES: Prices = Prices { input: 2.0, output: 10.0, cache_read: None, cache_write: None };

    fn used(input_tokens: u64, output_tokens: u64, bytes: usize) -> Heard<'static> {
        Heard::Used { usage: Usage { input_tokens, output_tokens, ..Usage::default() }, bytes }
    }

    fn metered(heard: &[Heard<'_>]) -> Meter {
        let mut meter = Meter::new(100);
        heard.iter().for_each(|heard| meter.hear(heard));
        meter
    }

    #[track_caller]
    fn check(heard: &[Heard<'_>], tokens: u64, micros: u64) {
        assert_eq!(metered(heard).lost(), Cost { tokens, micros });
    }

    #[test]
    fn a_call_that_came_to_nothing_costs_what_is_known_of_it() {
        let begun = Heard::Begun(Some(PRICES));
        check(&[], 0, 0);
        check(&[begun], 100, 200);
        check(&[begun, Heard::Text("hello"), used(0, 0, 40)], 110, 300);
        check(&[begun, used(90, 1, 4), used(90, 30, 80)], 120, 480);
        // Each answer that was begun counts, at its own price.
        check(&[begun, used(90, 10, 0), Heard::Begun(None), used(80, 5, 0)], 185, 280);
    }

    #[test]
    fn a_reply_costs_what_its_provider_says_or_else_what_has_come() {
        let usage = Usage { input_tokens: 70, output_tokens: 5, cost_micros: 9, ..Usage::default() };
        let reply = Reply { text: String::new(), calls: Vec::new(), usage, stop: StopReason::EndTurn, replay: None };
        let heard = [Heard::Begun(None), used(50, 0, 0), Heard::Begun(Some(PRICES)), used(0, 0, 400)];
        assert_eq!(metered(&heard).of(&reply), Cost { tokens: 125, micros: 9 });
        let silent = Reply { usage: Usage::default(), ..reply };
        assert_eq!(metered(&heard).of(&silent), Cost { tokens: 250, micros: 1200 });
    }
}
