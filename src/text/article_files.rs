//! Reads articles from plain text, Markdown and JSON Lines files.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader},
    iter,
    path::{Path, PathBuf},
};

use walkdir::{DirEntry, WalkDir};

use super::json_lines;
use crate::{Article, Error, Result};

/// Maximum length of a plain-text title, in characters.
const MAX_TITLE_CHARS: usize = 150;

/// Reads the articles of the file `path`, or of all files below the folder `path`, sorted by name.
///
/// - `.txt`: one article. Its first line is the title if an empty line follows.
/// - `.md`: one article. Its first line is the title if it is a level-1 heading.
/// - `.jsonl`: one article per line, an object with these fields:
///   - `id` or `key`: a non-empty string or a whole number.
///   - `text`: a string.
///   - `title`: optional string.
///   - `language`: optional language tag such as `de` or `en-GB`. Languages other than German
///     and English are ignored.
///   - `metadata`: optional object of texts, numbers, dates, timestamps, Booleans and lists of
///     them. A value in an object within it gets a name with a dot: `author.name`.
///
///   An optional field, or a value in `metadata`, may be `null`, which equals leaving it out.
///
/// File extensions are compared without regard to case. The key of a `.txt` or `.md` article is
/// its path below `path` with `/` as separator, or the file name if `path` is the file. Its text
/// is the whole file, title included, so byte ranges of the text are byte ranges of the file.
///
/// Below a folder, hidden files, other file types and special files (pipes, devices) are skipped.
/// Links to files are followed. Links to folders are followed only if `path` itself is one.
///
/// # Errors
///
/// Each unreadable article yields an error, and reading continues with the next one:
///
/// - [`Error::Read`] if a file cannot be opened or read, or if `path` is neither file nor folder.
/// - [`Error::NotUtf8`] with the byte offset.
/// - [`Error::Json`] with the line number.
/// - [`Error::FileKind`] if `path` is a file of another type.
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
            let source = error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into());
            one(Err(Error::Read { path, source }))
        }
    })
}

type ArticleIter = Box<dyn Iterator<Item = Result<Article>>>;

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

fn one(article: Result<Article>) -> ArticleIter {
    Box::new(iter::once(article))
}

/// File format, determined by the extension.
#[derive(Clone, Copy)]
enum FileFormat {
    Plain,
    Markdown,
    JsonLines,
}

impl FileFormat {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_ascii_lowercase().to_str()? {
            "txt" => Some(Self::Plain),
            "md" => Some(Self::Markdown),
            "jsonl" => Some(Self::JsonLines),
            _ => None,
        }
    }
}

/// Reads the articles of one entry below the folder `root`, or of `root` itself.
fn read_entry(root: &Path, entry: &DirEntry) -> ArticleIter {
    let path = entry.path();
    let is_root = entry.depth() == 0;
    let format = FileFormat::of(path);
    if format.is_none() && !is_root {
        return Box::new(iter::empty());
    }
    match fs::metadata(path) {
        Ok(found) if found.is_file() => read_file(root, path, format),
        Ok(found) if found.is_dir() || !is_root => Box::new(iter::empty()),
        // Opening a pipe would block until a writer appears.
        Ok(_) => {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "neither a file nor a folder");
            one(Err(Error::Read { path: path.to_owned(), source }))
        }
        Err(source) => one(Err(Error::Read { path: path.to_owned(), source })),
    }
}

fn read_file(root: &Path, path: &Path, format: Option<FileFormat>) -> ArticleIter {
    match format {
        Some(FileFormat::Plain) => one(read_text(root, path, plain_title)),
        Some(FileFormat::Markdown) => one(read_text(root, path, markdown_title)),
        Some(FileFormat::JsonLines) => read_lines(path),
        None => one(Err(Error::FileKind { path: path.to_owned() })),
    }
}

fn read_text(root: &Path, path: &Path, title: fn(&str) -> Option<&str>) -> Result<Article> {
    let text = utf8(path, fs::read(path).map_err(Error::read(path))?)?;
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

/// Returns the first line if it is short and an empty line follows.
fn plain_title(text: &str) -> Option<&str> {
    let mut lines = text.lines();
    let title = lines.next()?.trim();
    let set_off = lines.next()?.trim().is_empty();
    let short = title.chars().nth(MAX_TITLE_CHARS).is_none();
    (set_off && short && !title.is_empty()).then_some(title)
}

/// Returns the text of the first line if it is a level-1 heading.
fn markdown_title(text: &str) -> Option<&str> {
    let title = text.lines().next()?.strip_prefix("# ")?.trim().trim_end_matches('#').trim_end();
    (!title.is_empty()).then_some(title)
}

fn read_lines(path: &Path) -> ArticleIter {
    let path = path.to_owned();
    let file = match File::open(&path) {
        Ok(file) => BufReader::new(file),
        Err(source) => return one(Err(Error::Read { path, source })),
    };
    let mut offset = 0;
    let lines = file.split(b'\n').zip(1..).map(move |(bytes, line)| {
        let bytes = bytes.map_err(Error::read(&path))?;
        let start = offset;
        offset += bytes.len() + 1;
        read_line(&path, line, start, bytes)
    });
    Box::new(lines.filter_map(Result::transpose))
}

/// Parses line number `line` of `path`, which starts at byte `start`; `None` if it is blank.
fn read_line(path: &Path, line: usize, start: usize, bytes: Vec<u8>) -> Result<Option<Article>> {
    let text = utf8(path, bytes).map_err(|error| match error {
        Error::NotUtf8 { path, at } => Error::NotUtf8 { path, at: start + at },
        other => other,
    })?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    let parsed = json_lines::parse(text.trim_start_matches('\u{feff}'));
    let parsed =
        parsed.map_err(|source| Error::Json { path: PathBuf::from(path), line, source })?;
    Ok(Some(parsed.article))
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
    fn folder_files_are_read_in_order_of_names() {
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
        assert!(articles[1].text.starts_with('\u{feff}'), "byte offsets count the BOM");
        let one = read_articles(folder.path().join("a.txt")).next().unwrap().unwrap();
        assert_eq!(one.key, "a.txt");
    }

    #[test]
    fn unreadable_articles_are_errors_and_reading_continues() {
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
        assert!(matches!(read_articles(missing).next(), Some(Err(Error::Read { .. }))));
        let image = folder.path().join("image.png");
        fs::write(&image, "").unwrap();
        assert!(matches!(read_articles(image).next(), Some(Err(Error::FileKind { .. }))));
    }

    fn keys(path: &Path) -> Vec<String> {
        read_articles(path).map(|article| article.unwrap().key).collect()
    }

    #[test]
    fn extensions_ignore_case() {
        let folder =
            folder(&[("A.TXT", b"T"), ("B.Md", b"# T"), ("C.JSONL", br#"{"id":"x","text":"T"}"#)]);
        assert_eq!(keys(folder.path()), ["A.TXT", "B.Md", "x"]);
    }

    #[cfg(unix)]
    #[test]
    fn file_links_are_followed_and_special_files_skipped() {
        use std::os::unix::{fs::symlink, net::UnixListener};

        let other = folder(&[("there.txt", b"T"), ("below/there.txt", b"T")]);
        let folder = folder(&[("a.txt", b"T")]);
        symlink(other.path().join("there.txt"), folder.path().join("link.txt")).unwrap();
        symlink(other.path().join("below"), folder.path().join("linked")).unwrap();
        let pipe = folder.path().join("pipe.txt");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let _socket = UnixListener::bind(folder.path().join("socket.txt")).unwrap();
        assert_eq!(keys(folder.path()), ["a.txt", "link.txt"]);
        assert_eq!(keys(&folder.path().join("linked")), ["there.txt"]);

        let read = read_articles(&pipe).next().unwrap();
        let Err(Error::Read { source, .. }) = read else { panic!("{read:?}") };
        assert_eq!(source.to_string(), "neither a file nor a folder");

        symlink("nowhere.txt", folder.path().join("broken.txt")).unwrap();
        let errors = read_articles(folder.path()).filter(Result::is_err).count();
        assert_eq!(errors, 1, "a dangling link is reported");
    }
}
