//! Articles from files: plain text, Markdown and JSON Lines.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use walkdir::{DirEntry, WalkDir};

use crate::{Article, Error, Result};

/// The longest first line that is taken for a title, in characters.
const MAX_TITLE: usize = 150;

/// Reads the articles at `path`: a file, or all files of a folder and the folders in it,
/// in the order of their names.
///
/// - `.txt`: one article. Its first line is the title if an empty line follows it.
/// - `.md`: one article. Its first line is the title if it is a heading.
/// - `.jsonl`: an article a line, an object with `id` (or `key`) and `text`, and, if
///   wanted, `title` and `metadata` (an object of numbers, texts, dates and Booleans).
///
/// The key of a `.txt` or `.md` article is its path below `path`, with `/` between folders
/// (its name, if `path` is the file itself); its text is the whole file, title included, so
/// that byte ranges of the text are those of the file. Of a folder, hidden files and files
/// of other kinds are passed over.
///
/// # Errors
///
/// Each article that cannot be read is an error, and the others go on: [`Error::Io`],
/// [`Error::NotUtf8`] with the place, [`Error::Json`] with the line, [`Error::FileKind`] if
/// `path` is a file of another kind.
///
/// # Examples
///
/// ```
/// use passim::{Retriever, read_articles};
///
/// let articles = read_articles("examples/articles").collect::<Result<Vec<_>, _>>()?;
/// let mut retriever = Retriever::in_memory()?;
/// retriever.add(articles)?;
/// assert_eq!(retriever.articles(), 20);
/// # Ok::<(), passim::Error>(())
/// ```
pub fn read_articles(path: impl AsRef<Path>) -> impl Iterator<Item = Result<Article>> {
    let root = path.as_ref().to_owned();
    let files = WalkDir::new(&root).sort_by_file_name().into_iter();
    let shown = files.filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry));
    shown.flat_map(move |entry| match entry {
        Ok(entry) => read_entry(&root, &entry),
        Err(error) => {
            let path = error.path().unwrap_or(&root).to_owned();
            let source = error.into_io_error().unwrap_or_else(|| std::io::ErrorKind::Other.into());
            Box::new(std::iter::once(Err(Error::Io { path, source })))
        }
    })
}

type Articles = Box<dyn Iterator<Item = Result<Article>>>;

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// The articles of one entry of the folder `root`, or of `root` itself.
fn read_entry(root: &Path, entry: &DirEntry) -> Articles {
    let path = entry.path();
    match path.extension().and_then(|extension| extension.to_str()) {
        _ if entry.path().is_dir() => Box::new(std::iter::empty()),
        Some("txt") => Box::new(std::iter::once(read_text(root, path, plain_title))),
        Some("md") => Box::new(std::iter::once(read_text(root, path, markdown_title))),
        Some("jsonl") => read_lines(path),
        _ if entry.depth() > 0 => Box::new(std::iter::empty()),
        _ => Box::new(std::iter::once(Err(Error::FileKind { path: path.to_owned() }))),
    }
}

fn read_text(root: &Path, path: &Path, title: fn(&str) -> Option<&str>) -> Result<Article> {
    let text = utf8(path, fs::read(path).map_err(Error::io(path))?)?;
    let below = path.strip_prefix(root).ok().filter(|below| below.file_name().is_some());
    let below = below.or_else(|| path.file_name().map(Path::new)).unwrap_or(path);
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
    let article = Article::new(parts.join("/"), text);
    let title = title(article.text.trim_start_matches('\u{feff}')).map(str::to_owned);
    Ok(Article { title, ..article })
}

fn utf8(path: &Path, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::NotUtf8 { path: path.to_owned(), at }
    })
}

/// The first line, if it is short and an empty line follows it.
fn plain_title(text: &str) -> Option<&str> {
    let mut lines = text.lines();
    let title = lines.next()?.trim();
    let set_off = lines.next()?.trim().is_empty();
    let short = title.chars().nth(MAX_TITLE).is_none();
    (set_off && short && !title.is_empty()).then_some(title)
}

/// The text of the first line, if it is a heading of the first level.
fn markdown_title(text: &str) -> Option<&str> {
    let title = text.lines().next()?.strip_prefix("# ")?.trim().trim_end_matches('#').trim_end();
    (!title.is_empty()).then_some(title)
}

fn read_lines(path: &Path) -> Articles {
    let path = path.to_owned();
    let file = match File::open(&path) {
        Ok(file) => BufReader::new(file),
        Err(source) => return Box::new(std::iter::once(Err(Error::Io { path, source }))),
    };
    let mut offset = 0;
    let lines = file.split(b'\n').zip(1..).map(move |(bytes, line)| {
        let bytes = bytes.map_err(Error::io(&path))?;
        let start = offset;
        offset += bytes.len() + 1;
        read_line(&path, line, start, bytes)
    });
    Box::new(lines.filter_map(Result::transpose))
}

/// The article in line `line` of `path`, which begins at byte `start`; `None` if it is empty.
fn read_line(path: &Path, line: usize, start: usize, bytes: Vec<u8>) -> Result<Option<Article>> {
    let text = utf8(path, bytes).map_err(|error| match error {
        Error::NotUtf8 { path, at } => Error::NotUtf8 { path, at: start + at },
        other => other,
    })?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    let article = serde_json::from_str(text.trim_start_matches('\u{feff}'));
    let path = PathBuf::from(path);
    article.map(Some).map_err(|error| Error::Json { path, line, source: error.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    #[test]
    fn files_of_a_folder_in_order() {
        let folder = folder(&[
            ("b.md", "\u{feff}# Titel #\n\nText.".as_bytes()),
            ("a.txt", b"Kopf\r\n\r\nText."),
            ("c.txt", b"Kein Titel.\nText."),
            (
                "unter/d.jsonl",
                b"{\"id\":\"x\",\"text\":\"T\"}\n\n{\"key\":\"y\",\"title\":\"Y\",\"text\":\"\"}\n",
            ),
            (".hidden.txt", b"not read"),
            ("image.png", b"not read"),
        ]);
        let articles: Vec<_> = read_articles(folder.path()).map(Result::unwrap).collect();
        let seen: Vec<_> =
            articles.iter().map(|one| (one.key.as_str(), one.title.as_deref())).collect();
        let want = [
            ("a.txt", Some("Kopf")),
            ("b.md", Some("Titel")),
            ("c.txt", None),
            ("x", None),
            ("y", Some("Y")),
        ];
        assert_eq!(seen, want);
        assert!(articles[1].text.starts_with('\u{feff}'), "offsets are those of the file");
        let one = read_articles(folder.path().join("a.txt")).next().unwrap().unwrap();
        assert_eq!(one.key, "a.txt");
    }

    #[test]
    fn what_cannot_be_read_is_named_and_the_rest_is_read() {
        let folder = folder(&[
            ("a.txt", b"gut \xff schlecht"),
            ("b.jsonl", b"{\"id\":\"x\",\"text\":\"T\"}\n{\"id\":1}\n\xc3\x28\n{\"id\":\"y\",\"text\":\"T\"}"),
            ("c.md", b"gut"),
        ]);
        let mut read = read_articles(folder.path());
        assert!(matches!(read.next(), Some(Err(Error::NotUtf8 { at: 4, .. }))));
        assert_eq!(read.next().unwrap().unwrap().key, "x");
        assert!(matches!(read.next(), Some(Err(Error::Json { line: 2, .. }))));
        assert!(matches!(read.next(), Some(Err(Error::NotUtf8 { at: 31, .. }))));
        assert_eq!(read.next().unwrap().unwrap().key, "y");
        assert_eq!(read.next().unwrap().unwrap().key, "c.md");
        assert!(read.next().is_none());

        let missing = folder.path().join("missing");
        assert!(matches!(read_articles(missing).next(), Some(Err(Error::Io { .. }))));
        let image = folder.path().join("image.png");
        fs::write(&image, "").unwrap();
        assert!(matches!(read_articles(image).next(), Some(Err(Error::FileKind { .. }))));
    }
}
