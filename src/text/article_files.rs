//! Reads articles from plain text, Markdown, HTML and JSON Lines files.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader},
    iter,
    path::{Path, PathBuf},
};

use walkdir::{DirEntry, WalkDir};

#[cfg(feature = "html")]
use super::html_file::html_article;
use super::{
    article_reader::{ArticleReader, ReadArticle, ReadIter, one},
    file_encoding::{FileText, file_text},
    json_lines,
    text_files::{markdown_article, plain_article},
};
use crate::{Article, Error, Result};

/// Reads the articles of the file `path`, or of all files below the folder `path`, sorted by name.
///
/// - `.txt`: one article. Its first line is the title if an empty line follows.
/// - `.md` and `.markdown`: one article of [Markdown](crate::Markup::Markdown). Its front matter, in
///   YAML between lines of `---` or in TOML between lines of `+++`, gives `title`, `language` (or
///   `lang`) and metadata. Without a title there, a level-1 heading above all other text is the
///   title.
/// - `.html` and `.htm`, with the feature `html`: one article, the text of `<main>`, else of
///   `<article>`, else of the body, without navigation and scripts. The text is converted to Markdown,
///   so byte ranges are those of the Markdown. The title is that of the page, the language its `lang`.
/// - `.jsonl`: one article per line, an object with these fields:
///   - `id` or `key`: a non-empty string or a whole number.
///   - `text`: a string.
///   - `title`: optional string.
///   - `markup`: optional, `plain` (default) or `markdown`.
///   - `language`: optional language tag such as `de`, `en-GB` or `fr`.
///   - `metadata`: optional object of texts, numbers, dates, timestamps, Booleans and lists of
///     them. A value in an object within it gets a name with a dot: `author.name`.
///
///   An optional field, or a value in `metadata`, may be `null`, which equals leaving it out.
///   [`ArticleReader::report`] counts other fields, which are left out.
///
/// File extensions are compared without regard to case. The key of a `.txt` or `.md` article is
/// its path below `path` with `/` as separator, or the file name if `path` is the file. Its text
/// is the whole file, title and front matter included, so byte ranges of the text are byte ranges of
/// the file.
///
/// Below a folder, hidden files, other file types and special files (pipes, devices) are skipped.
/// Links to files are followed. Links to folders are followed only if `path` itself is one.
///
/// # Errors
///
/// Each unreadable article yields an error, and reading continues with the next one:
///
/// - [`Error::Read`] if a file cannot be opened or read, or if `path` is neither a file nor a folder.
/// - [`Error::NotUtf8`] with the byte offset and the likely encoding; [`ArticleFiles::decode`] reads
///   such files.
/// - [`Error::Json`] with the line number.
/// - [`Error::NotText`] if a file has a zero byte or many control characters, as binary files do.
/// - [`Error::FrontMatter`] if the metadata above a Markdown text is invalid.
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
pub fn read_articles(path: impl AsRef<Path>) -> ArticleReader {
    ArticleFiles::new(path).read()
}

/// Files of articles, with settings for reading them.
///
/// # Examples
///
/// ```
/// use passim::{ArticleFiles, Value};
///
/// let folder = std::env::temp_dir().join("passim-article-files");
/// std::fs::create_dir_all(&folder)?;
/// std::fs::write(folder.join("moor.txt"), b"W\xE4lder und Moore.")?;
/// let article = ArticleFiles::new(&folder).decode(true).read().next().expect("a file")?;
/// assert_eq!(article.text, "Wälder und Moore.");
/// assert_eq!(article.metadata[ArticleFiles::ENCODING], Value::from("windows-1252"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ArticleFiles {
    root: PathBuf,
    decode: bool,
}

impl ArticleFiles {
    /// Name of the metadata value of a decoded article: the encoding of its file.
    pub const ENCODING: &str = "encoding";

    /// Selects the file `path`, or all files below the folder `path`.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { root: path.as_ref().to_owned(), decode: false }
    }

    /// Sets whether text files in UTF-16 and Windows-1252 are decoded; default `false`, which makes
    /// them errors.
    ///
    /// Byte ranges of a decoded article are those of the decoded text, not of the file. Its
    /// metadata names the encoding under [`ENCODING`](Self::ENCODING). JSON Lines must be UTF-8.
    #[must_use]
    pub fn decode(mut self, decode: bool) -> Self {
        self.decode = decode;
        self
    }

    /// Reads the articles, as [`read_articles`] does, with the same errors.
    #[must_use]
    pub fn read(self) -> ArticleReader {
        let files = WalkDir::new(&self.root).sort_by_file_name().into_iter();
        let shown = files.filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry));
        ArticleReader::new(shown.flat_map(move |entry| match entry {
            Ok(entry) => self.read_entry(&entry),
            Err(error) => {
                let path = error.path().unwrap_or(&self.root).to_owned();
                let source = error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into());
                one(Err(Error::Read { path, source }))
            }
        }))
    }

    /// Reads the articles of one entry below the root, or of the root itself.
    fn read_entry(&self, entry: &DirEntry) -> ReadIter {
        let path = entry.path();
        let is_root = entry.depth() == 0;
        let format = FileFormat::of(path);
        if format.is_none() && !is_root {
            return Box::new(iter::empty());
        }
        match fs::metadata(path) {
            Ok(found) if found.is_file() => self.read_file(path, format),
            Ok(found) if found.is_dir() || !is_root => Box::new(iter::empty()),
            // Opening a pipe would block until a writer appears.
            Ok(_) => {
                let kind = io::ErrorKind::InvalidInput;
                let source = io::Error::new(kind, "neither a file nor a folder");
                one(Err(Error::Read { path: path.to_owned(), source }))
            }
            Err(source) => one(Err(Error::Read { path: path.to_owned(), source })),
        }
    }

    fn read_file(&self, path: &Path, format: Option<FileFormat>) -> ReadIter {
        match format {
            Some(FileFormat::JsonLines) => read_lines(path),
            Some(format) => one(self.read_whole(path, format)),
            None => one(Err(Error::FileKind { path: path.to_owned() })),
        }
    }

    /// Reads the file `path`, which is one article.
    fn read_whole(&self, path: &Path, format: FileFormat) -> Result<Article> {
        let bytes = fs::read(path).map_err(Error::read(path))?;
        let FileText { text, decoded_from } = file_text(path, bytes, self.decode)?;
        let key = self.key(path);
        let mut article = match format {
            FileFormat::Markdown => markdown_article(path, key, text)?,
            #[cfg(feature = "html")]
            FileFormat::Html => html_article(key, &text),
            _ => plain_article(key, text),
        };
        if let Some(encoding) = decoded_from {
            article.metadata.insert(Self::ENCODING.to_owned(), encoding.into());
        }
        Ok(article)
    }

    /// Returns the path below the root with `/` as separator, or the name of the root file.
    fn key(&self, path: &Path) -> String {
        let below = path.strip_prefix(&self.root).ok().filter(|below| below.file_name().is_some());
        let below = below.or_else(|| path.file_name().map(Path::new)).unwrap_or(path);
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        parts.join("/")
    }
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// File format, determined by the extension.
#[derive(Clone, Copy)]
enum FileFormat {
    Plain,
    Markdown,
    JsonLines,
    #[cfg(feature = "html")]
    Html,
}

impl FileFormat {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_ascii_lowercase().to_str()? {
            "txt" => Some(Self::Plain),
            "md" | "markdown" => Some(Self::Markdown),
            "jsonl" => Some(Self::JsonLines),
            #[cfg(feature = "html")]
            "html" | "htm" => Some(Self::Html),
            _ => None,
        }
    }
}

fn read_lines(path: &Path) -> ReadIter {
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
fn read_line(
    path: &Path,
    line: usize,
    start: usize,
    bytes: Vec<u8>,
) -> Result<Option<ReadArticle>> {
    let read = file_text(path, bytes, false).map_err(|error| match error {
        Error::NotUtf8 { path, at, likely } => Error::NotUtf8 { path, at: start + at, likely },
        Error::NotText { path, at } => Error::NotText { path, at: start + at },
        other => other,
    })?;
    let text = read.text;
    if text.trim().is_empty() {
        return Ok(None);
    }
    let parsed = json_lines::parse(text.trim_start_matches('\u{feff}'));
    let parsed = parsed.map(Some);
    parsed.map_err(|source| Error::Json { path: PathBuf::from(path), line, source })
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

    #[test]
    fn the_report_counts_articles_errors_and_unknown_fields() {
        let folder = folder(&[
            ("a.jsonl", b"{\"id\":1,\"text\":\"T\",\"titel\":\"A\"}\n{\"id\":2}\n{\"id\":3,\"text\":\"\",\"titel\":1,\"url\":null}"),
            ("b.txt", b"T"),
        ]);
        let mut reader = read_articles(folder.path());
        assert_eq!(reader.by_ref().filter(Result::is_err).count(), 1);
        let report = reader.report();
        assert_eq!((report.articles, report.errors), (3, 1));
        let fields = [("titel".to_owned(), 2), ("url".to_owned(), 1)];
        assert_eq!(report.unknown_fields, fields.into());
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
