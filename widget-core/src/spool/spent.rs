//! [`Spent`]: the sequence numbers of tasks that an agent has ended and forgotten, as ranges.

/// The most ranges that are kept apart.
const MAX_RANGES: usize = 1_024;

/// A set of sequence numbers. As tasks end roughly in the order of their numbers, it is mostly one
/// range with a few short ones above it.
///
/// When there are too many ranges, the two lowest become one, and the numbers between them count as
/// spent: so old, they are more likely forgotten than still to come, and a task that does not run
/// is better than one that runs twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spent {
    /// First and last numbers, rising. Ranges neither touch nor overlap.
    pub(super) ranges: Vec<(u64, u64)>,
}

impl Spent {
    /// Whether this number is in it.
    #[must_use]
    pub fn contains(&self, sequence: u64) -> bool {
        let range = self.ranges.get(self.ending_from(sequence));
        range.is_some_and(|(first, _)| *first <= sequence)
    }

    /// Adds a number.
    pub fn insert(&mut self, sequence: u64) {
        if self.contains(sequence) {
            return;
        }
        let above = self.ending_from(sequence);
        let mut added = (sequence, sequence);
        if let Some((first, last)) = self.ranges.get(above)
            && sequence.checked_add(1) == Some(*first)
        {
            added.1 = *last;
            self.ranges.remove(above);
        }
        let below = above.checked_sub(1).and_then(|at| self.ranges.get_mut(at));
        match below {
            Some((_, last)) if last.checked_add(1) == Some(sequence) => *last = added.1,
            _ => self.ranges.insert(above, added),
        }
        if self.ranges.len() > MAX_RANGES {
            self.join_the_lowest();
        }
    }

    /// The place of the first range that ends at this number or above.
    fn ending_from(&self, sequence: u64) -> usize {
        self.ranges.partition_point(|(_, last)| *last < sequence)
    }

    fn join_the_lowest(&mut self) {
        let (lowest, _) = self.ranges.remove(0);
        if let Some((first, _)) = self.ranges.first_mut() {
            *first = lowest;
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
        assert_eq!(spent.ranges, [(0, 5), (u64::MAX, u64::MAX)]);
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
