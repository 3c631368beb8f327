//! Which entries of a log make up one branch.
//!
//! Entries have positions that are never used twice. A branch is what remains of the log when parts of it are left out:
//!
//! ```text
//! said     1 2 3 4 5      a branch: [1-5]
//! rewound  1 2 3          the entries 4 and 5 stay, on the branch that was left
//! said     1 2 3 . . 6 7  [1-3, 6-7]
//! ```

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// Rising ranges of positions, first and last, with gaps between them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Segments(Vec<(u64, u64)>);

impl Segments {
    /// The positions 1 to `count`.
    pub fn first(count: u64) -> Self {
        Segments(if count == 0 { Vec::new() } else { vec![(1, count)] })
    }

    /// How many entries there are.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// The last position.
    pub fn last(&self) -> Option<u64> {
        self.0.last().map(|(_, last)| *last)
    }

    /// Adds a position after the last one.
    pub fn push(&mut self, seq: u64) {
        debug_assert!(self.last().is_none_or(|last| last < seq), "segments: positions rise");
        match self.0.last_mut() {
            Some((_, last)) if *last + 1 == seq => *last = seq,
            _ => self.0.push((seq, seq)),
        }
    }

    /// Whether an entry with this position is on the branch.
    pub fn contains(&self, seq: u64) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&seq))
    }

    /// How many entries have this position or a lower one.
    pub fn count_to(&self, seq: u64) -> u64 {
        let before = |(first, last): &(u64, u64)| (seq.min(*last) + 1).saturating_sub(*first);
        self.0.iter().map(before).sum()
    }

    /// What is left of the branch when it ends with its first `count` entries.
    pub fn keep(&self, count: u64) -> Segments {
        Segments(self.window(0, count).map(RangeInclusive::into_inner).collect())
    }

    /// The positions of `count` entries after the first `skip` ones.
    pub fn window(&self, skip: u64, count: u64) -> impl Iterator<Item = RangeInclusive<u64>> {
        let (mut skip, mut count) = (skip, count);
        self.0.iter().filter_map(move |(first, last)| {
            let len = last - first + 1;
            let skipped = skip.min(len);
            skip -= skipped;
            let taken = count.min(len - skipped);
            count -= taken;
            (taken > 0).then(|| first + skipped..=first + skipped + taken - 1)
        })
    }

    /// All positions, as ranges.
    pub fn ranges(&self) -> impl DoubleEndedIterator<Item = RangeInclusive<u64>> {
        self.0.iter().map(|(first, last)| *first..=*last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A branch and its positions, one by one.
    fn any() -> impl Strategy<Value = (Segments, Vec<u64>)> {
        proptest::collection::btree_set(1..40u64, 0..20).prop_map(|seqs| {
            let mut segments = Segments::default();
            seqs.iter().for_each(|seq| segments.push(*seq));
            (segments, seqs.into_iter().collect())
        })
    }

    proptest! {
        #[test]
        fn a_branch_is_the_list_of_its_positions((segments, seqs) in any(), skip in 0..25usize, count in 0..25usize) {
            prop_assert_eq!(segments.len(), seqs.len() as u64);
            prop_assert_eq!(segments.last(), seqs.last().copied());
            prop_assert_eq!(&segments.ranges().flatten().collect::<Vec<_>>(), &seqs);
            let window: Vec<_> = segments.window(skip as u64, count as u64).flatten().collect();
            prop_assert_eq!(window, seqs.iter().skip(skip).take(count).copied().collect::<Vec<_>>());
            let kept: Vec<_> = segments.keep(count as u64).ranges().flatten().collect();
            prop_assert_eq!(&kept, &seqs[..count.min(seqs.len())]);
            for seq in 0..42 {
                prop_assert_eq!(segments.contains(seq), seqs.contains(&seq));
                prop_assert_eq!(segments.count_to(seq), seqs.iter().filter(|other| **other <= seq).count() as u64);
            }
        }
    }
}
