//! Spellings of words whose umlauts and `ß` were typed as two letters.

/// Letters that are typed for one.
const DIGRAPHS: [(&str, &str); 4] = [("ae", "ä"), ("oe", "ö"), ("ue", "ü"), ("ss", "ß")];
/// Maximum number of digraphs of a word that are replaced independently.
const MAX_DIGRAPHS: usize = 4;
/// Maximum length in bytes of a word that is spelled anew. Longer ones are data such as base64, and
/// each spelling costs as much time as the word.
const MAX_WORD_BYTES: usize = 64;

/// Whether `word` has letters that may stand for an umlaut or `ß`, and is short enough to be spelled
/// anew.
pub(super) fn has_digraph(word: &str) -> bool {
    let mut pairs = word.as_bytes().windows(2);
    word.len() <= MAX_WORD_BYTES && pairs.any(|pair| matches!(pair, b"ae" | b"oe" | b"ue" | b"ss"))
}

/// Returns the spellings of `word` with any of its digraphs replaced, except `word` itself.
pub(super) fn spellings(word: &str) -> Vec<String> {
    let mut spellings = vec![String::new()];
    let mut digraphs = 0;
    let mut rest = word;
    while let Some(letter) = rest.chars().next() {
        let digraph = DIGRAPHS.iter().find(|(digraph, _)| rest.starts_with(digraph));
        let (typed, single) = match digraph.filter(|_| digraphs < MAX_DIGRAPHS) {
            Some((digraph, single)) => (*digraph, Some(single)),
            None => (&rest[..letter.len_utf8()], None),
        };
        let replaced = single.map(|single| {
            let replace = |spelling: &String| format!("{spelling}{single}");
            spellings.iter().map(replace).collect::<Vec<_>>()
        });
        for spelling in &mut spellings {
            spelling.push_str(typed);
        }
        if let Some(replaced) = replaced {
            digraphs += 1;
            spellings.extend(replaced);
        }
        rest = &rest[typed.len()..];
    }
    spellings.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_digraph_may_stand_for_one_letter() {
        assert_eq!(spellings("fuesse"), ["füsse", "fueße", "füße"]);
        assert_eq!(spellings("haus"), [""; 0]);
        assert!(has_digraph("masse") && !has_digraph("haus"));
        assert!(has_digraph(&"ue".repeat(32)) && !has_digraph(&"ue".repeat(33)));
        assert_eq!(spellings(&"ae".repeat(20)).len(), (1 << MAX_DIGRAPHS) - 1);
    }
}
