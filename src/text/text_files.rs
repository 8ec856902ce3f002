//! Articles from plain text and Markdown files: their titles and metadata.

use std::path::Path;

use super::front_matter::FrontMatter;
use crate::{
    Article, Error, Language, Markup, Result,
    article::{MarkdownBlock, MarkdownKind, markdown_blocks},
};

/// Maximum length of a plain-text title, in characters.
const MAX_TITLE_CHARS: usize = 150;

/// Returns the article of a plain text. Its first line is the title if an empty line follows.
pub(super) fn plain_article(key: String, text: String) -> Article {
    let title = plain_title(text.trim_start_matches('\u{feff}')).map(str::to_owned);
    Article { title, ..Article::new(key, text) }
}

/// Returns the article of the Markdown file `path`.
///
/// # Errors
///
/// [`Error::FrontMatter`] if its front matter is invalid.
pub(super) fn markdown_article(path: &Path, key: String, text: String) -> Result<Article> {
    let front_matter = FrontMatter::find(&text);
    let invalid = |source| Error::FrontMatter { path: path.to_owned(), source };
    let mut metadata = front_matter.metadata().map_err(invalid)?;
    let title = metadata.remove("title").map(|title| title.to_string());
    let title = title.or_else(|| markdown_title(&text[front_matter.end()..]));
    let tag = metadata.remove("language").or_else(|| metadata.remove("lang"));
    let language = tag.map(|tag| tag.to_string().parse::<Language>()).transpose();
    let language = language.map_err(|error| invalid(error.into()))?;
    let article = Article::new(key, text).markup(Markup::Markdown);
    Ok(Article { title, language, metadata, ..article })
}

/// Returns the first line if it is short and an empty line follows.
fn plain_title(text: &str) -> Option<&str> {
    let mut lines = text.lines();
    let title = lines.next()?.trim();
    let set_off = lines.next()?.trim().is_empty();
    let short = title.chars().nth(MAX_TITLE_CHARS).is_none();
    (set_off && short && !title.is_empty()).then_some(title)
}

/// Returns the words of a level-1 heading above all other text.
fn markdown_title(text: &str) -> Option<String> {
    let MarkdownBlock { kind, content, .. } = markdown_blocks(text).into_iter().next()?;
    let is_title = kind == MarkdownKind::Heading { level: 1 };
    is_title.then(|| Markup::Markdown.text_of(&text[content]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn article(text: &str) -> Article {
        markdown_article(Path::new("a.md"), "a.md".to_owned(), text.to_owned()).unwrap()
    }

    #[test]
    fn a_markdown_title_is_the_first_level_1_heading() {
        for (text, title) in [
            ("# Die *Moore* #\n\nText.", Some("Die Moore")),
            ("Moore\n=====\n\nText.", Some("Moore")),
            ("<!-- Lizenz -->\n\n# Moore\n", Some("Moore")),
            ("\u{feff}# Moore", Some("Moore")),
            ("## Moore", None),
            ("Text.\n\n# Moore", None),
            ("```\n# Moore\n```", None),
        ] {
            assert_eq!(article(text).title.as_deref(), title, "{text}");
        }
    }

    #[test]
    fn front_matter_gives_title_language_and_metadata() {
        let yaml = "---\ntitle: \"Moore: ein Überblick\"\nlang: de-AT\ndate: 2024-06-03\n\
                    tags: [Klima, Moor]\nauthor:\n  name: dpa\nwords: 3\n---\n\n# Anderer\n";
        let toml = "+++\ntitle = \"Moore: ein Überblick\"\nlanguage = \"de\"\ndate = 2024-06-03\n\
                    tags = [\"Klima\", \"Moor\"]\nwords = 3\n[author]\nname = \"dpa\"\n+++\nText.\n";
        for text in [yaml, toml] {
            let read = article(text);
            let date: crate::Date = "2024-06-03".parse().unwrap();
            let want = Article::new("a.md", text)
                .markup(Markup::Markdown)
                .title("Moore: ein Überblick")
                .language(Language::German)
                .metadata("author.name", "dpa")
                .metadata("date", date)
                .metadata("tags", ["Klima", "Moor"])
                .metadata("words", 3);
            assert_eq!(read, want);
        }
    }

    #[test]
    fn invalid_front_matter_is_an_error_with_its_cause() {
        for (text, cause) in [
            ("---\ntitle: [a\n---\nText.", "line"),
            ("+++\ntitle = a\n+++\nText.", "line"),
            ("---\nlang: Deutsch\n---\nText.", "`Deutsch` is not a language tag"),
            ("---\na: {b: [{c: d}]}\n---\n", "`metadata` has an object in the list `a.b`"),
        ] {
            let read = markdown_article(Path::new("a.md"), "a.md".to_owned(), text.to_owned());
            let Err(Error::FrontMatter { source, .. }) = read else { panic!("{text}: {read:?}") };
            assert!(source.to_string().contains(cause), "{source}");
        }
    }
}
