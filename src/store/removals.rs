//! The removed items of a segment, by the files that list them.

use std::sync::Arc;

use crate::format::sections::FileId;

/// The removed items of a segment: those that files list, and those that no file lists yet.
///
/// A commit writes a file of the new items. The file also takes over the last files, as long as they
/// list at most twice as many items as it does. So each list is over twice as long as the next one:
/// there are few files, and each item is written a few times only.
#[derive(Clone, Debug, Default)]
pub(crate) struct Removals {
    files: Vec<RemovalsFile>,
    unlisted: Vec<u32>,
}

/// A file of removed items.
#[derive(Clone, Debug)]
struct RemovalsFile {
    id: FileId,
    items: Arc<[u32]>,
}

impl Removals {
    /// Notes that `item` was removed.
    pub(super) fn add(&mut self, item: u32) {
        self.unlisted.push(item);
    }

    /// Whether files list all items.
    pub(super) fn are_listed(&self) -> bool {
        self.unlisted.is_empty()
    }

    /// The files, the longest list first.
    pub(super) fn files(&self) -> Vec<FileId> {
        self.files.iter().map(|file| file.id).collect()
    }

    /// Takes the items of the next file to write, in ascending order, with the files that it replaces.
    pub(super) fn take_next(&mut self) -> Vec<u32> {
        let mut items = std::mem::take(&mut self.unlisted);
        while let Some(last) = self.files.pop_if(|last| last.items.len() <= 2 * items.len()) {
            items.extend_from_slice(&last.items);
        }
        items.sort_unstable();
        items.dedup();
        items
    }

    /// Notes that the file `id`, the last one, lists `items`.
    pub(super) fn push(&mut self, id: FileId, items: impl Into<Arc<[u32]>>) {
        self.files.push(RemovalsFile { id, items: items.into() });
    }

    /// Takes over the files of `committed`, an earlier or the same state of this segment.
    pub(super) fn follow(&mut self, committed: &Self) {
        let is_same_file = |(own, other): (&RemovalsFile, &RemovalsFile)| own.id == other.id;
        let have_same_files = self.files.len() == committed.files.len()
            && self.files.iter().zip(&committed.files).all(is_same_file);
        if have_same_files {
            return;
        }
        let mut unlisted = std::mem::take(&mut self.unlisted);
        unlisted.extend(self.items());
        unlisted.sort_unstable();
        let mut listed: Vec<u32> = committed.items().collect();
        listed.sort_unstable();
        unlisted.retain(|item| listed.binary_search(item).is_err());
        *self = Self { files: committed.files.clone(), unlisted };
    }

    /// The items that files list.
    fn items(&self) -> impl Iterator<Item = u32> {
        self.files.iter().flat_map(|file| file.items.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(number: u64) -> FileId {
        FileId { number, length: 0, checksum: 0 }
    }

    proptest! {
        #[test]
        fn files_list_all_items_with_few_writes(commits in prop::collection::vec(0_usize..40, 1..200)) {
            let mut removals = Removals::default();
            let mut removed = 0;
            let mut written = 0;
            for (number, count) in (1..).zip(commits) {
                let before = removals.clone();
                (0..count).for_each(|_| { removals.add(removed); removed += 1; });
                if !removals.are_listed() {
                    let items = removals.take_next();
                    prop_assert!(items.is_sorted_by(|a, b| a < b));
                    written += items.len();
                    removals.push(file(number), items);
                }
                let mut listed: Vec<u32> = removals.items().collect();
                listed.sort_unstable();
                prop_assert!(listed.into_iter().eq(0..removed));
                prop_assert!(removals.files.is_sorted_by(|a, b| a.items.len() > 2 * b.items.len()));

                let mut changed = before;
                (0..count).rev().for_each(|at| changed.add(removed - 1 - u32::try_from(at).unwrap()));
                changed.add(9_999);
                changed.follow(&removals);
                prop_assert_eq!(&changed.unlisted, &[9_999]);
                prop_assert_eq!(changed.files(), removals.files());
            }
            #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
            let written = written as f64;
            let most = 2.0 * f64::from(removed) * (f64::from(removed) + 2.0).log2();
            prop_assert!(written <= most + 1.0, "{written} of {removed}");
        }
    }
}
