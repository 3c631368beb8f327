//! Choices drawn from a target's bytes, so that a fuzzer that changes a byte changes a choice.

/// Bytes as a source of choices. Once they are used up, every choice is the first.
#[derive(Clone, Debug)]
pub struct Draw<'a> {
    rest: &'a [u8],
}

impl<'a> Draw<'a> {
    /// Draws from `data`, front to back.
    pub fn new(data: &'a [u8]) -> Draw<'a> {
        Draw { rest: data }
    }

    /// The next byte; 0 once they are used up.
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        first
    }

    /// A number from 0 up to, and without, `bound`, which is at most 256.
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    /// One of `choices`.
    ///
    /// # Panics
    /// If there are none.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Up to `most` of `pieces` in a row.
    pub fn joined(&mut self, pieces: &[&str], most: usize) -> String {
        let count = self.below(most + 1);
        (0..count).map(|_| self.pick(pieces)).collect()
    }

    /// All that is left, as text; what is not UTF-8 is replaced.
    pub fn text(self) -> String {
        String::from_utf8_lossy(self.rest).into_owned()
    }
}

#[cfg(test)]
mod tests;
