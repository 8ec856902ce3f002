//! Conditions on passages with their definitions.

use std::ops::Bound;

use crate::{Article, Filter, Language, language::AnalyzedLanguage, lexical::detect};

/// Required and excluded words with their definition.
pub(super) struct DefinedWords {
    pub(super) required: &'static str,
    pub(super) excluded: &'static str,
    pub(super) are_met_by: fn(&str) -> bool,
}

pub(super) fn word_conditions() -> [DefinedWords; 7] {
    let defined = |required, excluded, are_met_by| DefinedWords { required, excluded, are_met_by };
    [
        defined("Moor", "", |text| text.contains("Moore")),
        defined("WASSER moore", "", |text| text.contains("Moore") && text.contains("Wasser")),
        defined("carbon", "flour", |text| text.contains("carbon") && !text.contains("flour")),
        defined("die", "Strom", |text| text.contains("Die ") && !text.contains("Strom")),
        defined("Kraftwerk", "", |text| text.contains("kraftwerk")),
        defined("", "carbon", |text| !text.contains("carbon")),
        defined("zzyzx", "", |_| false),
    ]
}

/// A filter with its definition.
pub(super) struct DefinedFilter {
    pub(super) filter: Filter,
    pub(super) is_allowed: fn(&Article) -> bool,
}

pub(super) fn filters() -> Vec<DefinedFilter> {
    let defined = |filter, is_allowed| DefinedFilter { filter, is_allowed };
    vec![
        defined(Filter::equals("topic", "moor"), |article| article.key.starts_with("moor/")),
        defined(Filter::key_prefix("bahn/1"), |article| article.key.starts_with("bahn/1")),
        defined(!Filter::key_prefix("b"), |article| !article.key.starts_with('b')),
        defined(Filter::key("brot/2"), |article| article.key == "brot/2"),
        defined(Filter::key("nirgends"), |_| false),
        defined(Filter::range("number", 5..=9), |article| {
            article.key.split('/').nth(1).is_some_and(|n| (5..=9).contains(&n.parse().unwrap()))
        }),
        defined(Filter::exists("day").and(!Filter::equals("topic", "bahn")), |article| {
            article.key.contains('/') && !article.key.starts_with("bahn/")
        }),
        defined(Filter::prefix("topic", "b"), |article| article.key.starts_with('b')),
        defined(Filter::range("number", (Bound::Excluded(5), Bound::Excluded(9))), |article| {
            article.key.split('/').nth(1).is_some_and(|n| (6..9).contains(&n.parse().unwrap()))
        }),
        defined(Filter::language(Language::English).or(Filter::key_prefix("moor/")), |article| {
            detect(&article.text) == Some(AnalyzedLanguage::English)
                || article.key.starts_with("moor/")
        }),
        defined(
            Filter::custom(|head, passage| head.title.is_some() && passage.range.start == 0),
            |article| article.title.is_some(),
        ),
    ]
}
