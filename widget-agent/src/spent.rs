//! [`Spent`]: the sequence numbers of tasks that this agent has started and forgotten, as ranges.

use std::collections::BTreeMap;

/// The most ranges that are kept apart.
const MAX_RANGES: usize = 1_024;

/// A set of sequence numbers. As tasks end roughly in the order of their numbers, it is mostly one
/// range with a few short ones above it.
///
/// When there are too many ranges, the two lowest become one, and the numbers between them count as
/// spent: so old, they are more likely forgotten than still to come, and a task that does not run
/// is better than one that runs twice.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    /// First number -> last number. Ranges neither touch nor overlap.
    ranges: BTreeMap<u64, u64>,
}

impl Spent {
    /// Whether this number is in it.
    pub(crate) fn contains(&self, sequence: u64) -> bool {
        let below = self.ranges.range(..=sequence).next_back();
        below.is_some_and(|(_, last)| *last >= sequence)
    }

    /// Adds a number.
    pub(crate) fn insert(&mut self, sequence: u64) {
        if self.contains(sequence) {
            return;
        }
        let (mut first, mut last) = (sequence, sequence);
        if let Some(above) = sequence
            .checked_add(1)
            .and_then(|next| self.ranges.remove(&next))
        {
            last = above;
        }
        let below = self.ranges.range(..sequence).next_back();
        if let Some((start, end)) = below
            && end.checked_add(1) == Some(sequence)
        {
            first = *start;
        }
        self.ranges.insert(first, last);
        if self.ranges.len() > MAX_RANGES {
            self.join_the_lowest();
        }
    }

    fn join_the_lowest(&mut self) {
        if let Some((first, _)) = self.ranges.pop_first()
            && let Some((_, last)) = self.ranges.pop_first()
        {
            self.ranges.insert(first, last);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_was_put_in_and_nothing_else(
            numbers in proptest::collection::vec(0_u64..300, 0..400)
        ) {
            let mut spent = Spent::default();
            for number in &numbers {
                spent.insert(*number);
            }
            let model: BTreeSet<u64> = numbers.into_iter().collect();
            for number in 0..300 {
                prop_assert_eq!(spent.contains(number), model.contains(&number));
            }
        }
    }

    #[test]
    fn neighbours_become_one_range() {
        let mut spent = Spent::default();
        for number in [3, 1, 5, 4, 2, u64::MAX, 0] {
            spent.insert(number);
        }
        assert_eq!(spent.ranges, BTreeMap::from([(0, 5), (u64::MAX, u64::MAX)]));
    }

    #[test]
    fn it_stays_short_and_forgets_no_number() {
        let mut spent = Spent::default();
        let numbers = (0..5_000).map(|n| n * 2);
        numbers.clone().for_each(|number| spent.insert(number));
        assert_eq!(spent.ranges.len(), MAX_RANGES);
        assert!(numbers.into_iter().all(|number| spent.contains(number)));
        assert!(!spent.contains(9_997));
    }
}
