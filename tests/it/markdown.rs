//! Markdown: what is text, what is a heading, what a passage carries, and what is embedded.

use passim::{Article, Chunker, Markup, Passage, Query, Retriever, markdown_sentences};
use passim_testkit::FakeEmbedder;

fn markdown(text: impl Into<String>) -> Article {
    Article::new("a.md", text).markup(Markup::Markdown)
}

fn passages(article: &Article, max_tokens: usize) -> Vec<Passage> {
    let chunker = Chunker::default().max_tokens(max_tokens);
    chunker.passages(article, &FakeEmbedder::new(1)).unwrap()
}

/// Returns the embedded texts of the passages of `text`.
fn embedded(text: &str, max_tokens: usize) -> Vec<String> {
    let article = markdown(text);
    let found = passages(&article, max_tokens);
    found.iter().map(|passage| passage.text_in_context(&article)).collect()
}

#[test]
fn marks_comments_and_targets_are_not_embedded() {
    for (text, words) in [
        ("Sie *ist* **sehr** ~~alt~~ `neu`.", "Sie ist sehr alt neu."),
        ("Die Kund*innen und Leser*innen lesen.", "Die Kund*innen und Leser*innen lesen."),
        ("Jede*r Autor*in und *in* der Ver*in*igung", "Jeder Autor*in und in der Verinigung"),
        ("Siehe [Moore](https://a.de \"T\") und <https://b.de>.", "Siehe Moore und https://b.de."),
        ("![Ein Moor](moor.jpg) im Herbst", "Ein Moor im Herbst"),
        ("K&ouml;ln &amp; Bonn &#8364; \\*", "Köln & Bonn € *"),
        ("Vor <!-- geheim --> nach<br>unten", "Vor  nach\nunten"),
        ("<div align=\"center\">\n<b>Mo</b>or <!-- x\ny --> See\n</div>", "Moor  See"),
        (
            "Moore wachsen.[^1] Sie ruhen.\n\n[^1]: Quelle: Amt.",
            "Moore wachsen. Sie ruhen.\nQuelle: Amt.",
        ),
        ("- Mehl\n- [x] Salz\n\n3) Drei\n4) Vier", "Mehl\nSalz\n3) Drei\n4) Vier"),
        ("> Zitat\n> weiter", "Zitat\nweiter"),
        ("|A|B|\n|-|-|\n|`1`|x &lt; y|", "A\tB\n1\tx < y"),
        ("```rust\nVec<u8> // # nein\n```", "Vec<u8> // # nein"),
        ("Titel\n=====\nText", "Titel\nText"),
        ("Eins\n\n***\n\n[a]: https://a.de\n\nZwei [a]", "Eins\nZwei a"),
    ] {
        assert_eq!(embedded(text, 99), [words], "{text}");
    }
}

#[test]
fn text_without_words_gives_no_passages() {
    for text in [
        "<!-- a -->",
        "---\ntitle: Moor\n---\n",
        "+++\ntitle = \"Moor\"\n+++",
        "***\n\n[a]: https://a.de\n",
        "```\n```",
        "<img src=\"a.png\">\n\n<script>\nlauf();\n</script>",
        "#\n\n- \n\n> \n",
    ] {
        assert_eq!(passages(&markdown(text), 9), [], "{text}");
    }
}

#[test]
fn a_passage_never_begins_or_ends_outside_the_text() {
    let text = "---\ntitle: Moor\n---\n<!-- a -->\n\n# Moor\n\nText.\n\n<!-- b -->\n\n***\n";
    let article = markdown(text);
    let found = passages(&article, 99);
    assert_eq!(&text[found[0].range.clone()], "# Moor\n\nText.");
}

#[test]
fn code_is_text_but_never_a_heading() {
    for code in ["```sh\n# Moor\nlauf\n```", "~~~\n# Moor\n~~~", "Aufruf:\n\n    # Moor\n    lauf"]
    {
        let article = markdown(format!("{code}\n\n{}", "Ein Satz hat fünf Worte. ".repeat(9)));
        let found = passages(&article, 12);
        assert!(found.len() > 2);
        assert!(found.iter().all(|passage| passage.heading.is_none()), "{code}");
        assert!(found[0].text_in_context(&article).contains("# Moor"), "{code}");
    }
}

#[test]
fn a_passage_inside_code_is_embedded_as_it_stands() {
    let lines: Vec<_> = (0..20).map(|n| format!("#define N{n} a*b*<c>\n")).collect();
    let lines = lines.concat();
    let found = embedded(&format!("```\n{lines}```\n"), 9);
    assert!(found.len() > 3);
    let all = found.join("\n");
    for n in 0..20 {
        assert!(all.contains(&format!("#define N{n} a*b*<c>")), "{all}");
    }
}

#[test]
fn passages_of_a_table_carry_its_header() {
    let rows: Vec<_> = (0..12).map(|n| format!("| Ort {n} | **{n}00** Leute |\n")).collect();
    let rows = rows.concat();
    let text = format!(
        "# Orte\n\n## Große\n\n| Stadt | Einwohner |\n|---|---:|\n{rows}\nDanach folgt ein Satz.\n"
    );
    let article = markdown(text).title("Atlas");
    let found = passages(&article, 30);
    assert!(found.len() > 2);
    let embedded: Vec<_> = found.iter().map(|passage| passage.text_in_context(&article)).collect();
    assert!(embedded[0].starts_with("Atlas\nOrte\nGroße\nStadt\tEinwohner\nOrt 0\t000 Leute\n"));
    for (passage, text) in found.iter().zip(&embedded).skip(1) {
        if passage.table_header.is_some() {
            assert!(text.starts_with("Atlas\nGroße\nStadt\tEinwohner\nOrt "), "{text}");
        }
    }
    assert!(found[1].table_header.is_some());
    let header = &article.text[found[1].table_header.clone().unwrap()];
    assert_eq!(header, "| Stadt | Einwohner |\n|---|---:|");
    let after = markdown(format!("{}{}", article.text, "Ein Satz. ".repeat(30)));
    assert_eq!(passages(&after, 30).last().unwrap().table_header, None);
}

#[test]
fn stored_tables_and_markup_are_read_again() {
    let land = |n| if n == 33 { "&Auml;hrenfeld" } else { "Wiese" };
    let rows: Vec<_> = (0..40).map(|n| format!("| Ort{n} | {} |\n", land(n))).collect();
    let rows = rows.concat();
    let text = format!("# Orte\n\n| Stadt | Land |\n|---|---|\n{rows}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let chunker = Chunker::default().max_tokens(40);
    let article = |key: &str| Article { key: key.to_owned(), ..markdown(text.as_str()) };
    let mut writer = Retriever::builder().chunker(chunker.clone()).create(&path).unwrap();
    for key in ["c", "a", "b"] {
        writer.add([article(key), Article::new(format!("{key}.txt"), "# Kein Titel.")]).unwrap();
        writer.commit().unwrap();
    }
    writer.remove("c").unwrap();
    writer.compact().unwrap();
    assert!(writer.verify().unwrap().is_sound());
    drop(writer);

    let mut reader = Retriever::builder().chunker(chunker).open(&path).unwrap();
    let hits = reader.search(Query::new("Ährenfeld").mode(passim::Mode::Lexical)).unwrap();
    assert_eq!(hits.len(), 2);
    for hit in &hits {
        assert!(hit.text.contains("&Auml;hrenfeld"), "the text of a hit is that of the article");
        assert_eq!(hit.table_header.as_deref(), Some("| Stadt | Land |\n|---|---|"));
        assert_eq!((hit.heading.as_deref(), hit.markup), (Some("Orte"), Markup::Markdown));
    }
    let report = reader.sync([article("a"), article("b")]).unwrap();
    assert_eq!((report.unchanged, report.changed), (2, 0));
    let plain = Article { markup: Markup::Plain, ..article("a") };
    assert_eq!(reader.sync([plain, article("b")]).unwrap().changed, 1);
}

#[test]
fn plain_text_has_no_markdown() {
    let text = "# Kommentar\n```\n**fett** <b>&amp;</b> [a](b)";
    let article = Article::new("a.txt", text);
    let found = passages(&article, 99);
    assert_eq!(found[0].text_in_context(&article), text);
    assert_eq!(found[0].heading, None);
}

/// The examples of a specification, from the JSON file that `PASSIM_MARKDOWN_EXAMPLES` names: a
/// list of objects with the field `markdown`, in which `→` is a tab. For `CommonMark`,
/// `node -p 'JSON.stringify(require("commonmark-spec").tests)'` writes it.
#[test]
#[ignore = "needs a file of examples, named by PASSIM_MARKDOWN_EXAMPLES"]
fn examples_of_a_specification_keep_the_laws() {
    let Ok(path) = std::env::var("PASSIM_MARKDOWN_EXAMPLES") else {
        println!("SKIPPED: PASSIM_MARKDOWN_EXAMPLES is not set");
        return;
    };
    let json = std::fs::read_to_string(path).unwrap();
    let examples: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    assert!(!examples.is_empty());
    for example in &examples {
        let text = &example["markdown"].as_str().unwrap().replace('→', "\t");
        for max_tokens in [1, 5, 200] {
            let article = markdown(text);
            let found = passages(&article, max_tokens);
            let ranges: Vec<_> = found.into_iter().map(|passage| passage.range).collect();
            crate::chunking_properties::check_markdown(text, &ranges);
        }
        let sentences: Vec<_> = markdown_sentences(text).collect();
        crate::chunking_properties::check_markdown(text, &sentences);
    }
    println!("{} examples", examples.len());
}
