//! Articles that a filter selects are those of the local store.

use passim::{Article, Error, Filter};

use super::{Pair, articles::articles, equality::filters, servers};

#[test]
fn filters_select_the_articles_of_the_local_store() {
    let Some(servers) = servers() else { return };
    let mut pair = Pair::new(&servers[..2]);
    pair.add(&articles());
    // More than one transaction removes.
    let many = (0..700).map(|at| Article::new(format!("viele/{at}"), "").metadata("number", at));
    pair.add(&many.collect::<Vec<_>>());
    let mut selected = 0;
    for filter in filters() {
        match (pair.corpus.keys_where(&filter), pair.local.keys_where(&filter)) {
            (Ok(found), Ok(local)) => {
                assert_eq!(found, local, "{filter}");
                selected += found.len();
            }
            (found, local) => {
                assert_eq!(found.unwrap_err().to_string(), local.unwrap_err().to_string());
            }
        }
    }
    assert!(selected > 1_000, "{selected}");
    let closure = Filter::custom(|_, _| true);
    assert!(matches!(pair.corpus.keys_where(&closure), Err(Error::Filter { .. })));
    assert!(matches!(pair.corpus.remove_where(&closure), Err(Error::Filter { .. })));
    for filter in [
        Filter::key_prefix("viele/").and(!Filter::key("viele/7")),
        Filter::equals("topic", "water").or(Filter::range("number", 3..9)),
        Filter::any([]),
    ] {
        let removed = pair.corpus.remove_where(&filter).unwrap();
        assert_eq!(removed, pair.local.remove_where(&filter).unwrap(), "{filter}");
        let keys = pair.corpus.keys().unwrap();
        assert!(pair.local.keys().map(|key| key.unwrap().to_owned()).eq(keys));
        pair.corpus.verify().unwrap();
    }
    assert_eq!(pair.corpus.remove_where(&Filter::all([])).unwrap(), pair.local.articles());
    assert!(pair.corpus.keys().unwrap().is_empty());
    pair.corpus.verify().unwrap();
}
