//! A trie over sorted byte strings, flat in breadth-first order: finds the longest that a text starts with.

use std::ops::Range;

/// No string ends at this node.
const NONE: u32 = u32::MAX;

/// The children of node `i` are the nodes `first_child[i]..first_child[i + 1]`.
pub(super) struct Trie {
    first_child: Vec<u32>,
    labels: Vec<u8>,
    values: Vec<u32>,
}

impl Trie {
    /// The trie of `strings`, which are in strictly ascending order and together
    /// shorter than 2^32 bytes; string `i` has the value `first_value + i`.
    pub(super) fn new(strings: &Strings, first_value: u32) -> Self {
        let mut trie = Self { first_child: Vec::new(), labels: vec![0], values: Vec::new() };
        // The strings that go through each node, and how many of their bytes lead to it.
        let mut nodes = vec![(0..strings.len(), 0_usize)];
        let mut at = 0;
        while let Some((range, depth)) = nodes.get(at).cloned() {
            // Of the strings with a common start, the one that ends sorts first.
            let ends = !range.is_empty() && strings.get(range.start).len() == depth;
            trie.values.push(if ends { first_value + index(range.start) } else { NONE });
            trie.first_child.push(index(nodes.len()));
            let mut start = range.start + usize::from(ends);
            while start < range.end {
                let label = strings.get(start)[depth];
                let same = (start..range.end).take_while(|&i| strings.get(i)[depth] == label);
                let end = start + same.count();
                nodes.push((start..end, depth + 1));
                trie.labels.push(label);
                start = end;
            }
            at += 1;
        }
        trie.first_child.push(index(nodes.len()));
        trie
    }

    /// Value and length of the longest string that `text` starts with.
    pub(super) fn longest(&self, text: &[u8]) -> Option<(u32, usize)> {
        let (mut node, mut found) = (0, None);
        for (depth, &byte) in text.iter().enumerate() {
            let children = self.children(node);
            let Some(child) = self.labels[children.clone()].iter().position(|&label| label == byte)
            else {
                break;
            };
            node = children.start + child;
            if self.values[node] != NONE {
                found = Some((self.values[node], depth + 1));
            }
        }
        found
    }

    fn children(&self, node: usize) -> Range<usize> {
        self.first_child[node] as usize..self.first_child[node + 1] as usize
    }
}

/// Many byte strings in one buffer.
#[derive(Default)]
pub(super) struct Strings {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Strings {
    /// Adds the first `shared` bytes of the last string, which has as many, followed by `rest`.
    pub(super) fn push(&mut self, shared: usize, rest: &[u8]) {
        let last = self.bytes.len() - self.last().len();
        self.bytes.extend_from_within(last..last + shared);
        self.bytes.extend_from_slice(rest);
        self.ends.push(self.bytes.len());
    }

    /// The string that was added last; empty if there is none.
    pub(super) fn last(&self) -> &[u8] {
        if self.len() == 0 { &[] } else { self.get(self.len() - 1) }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.bytes[start..self.ends[i]]
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "there are fewer than 2^32 nodes, one per byte"
)]
fn index(i: usize) -> u32 {
    i as u32
}
