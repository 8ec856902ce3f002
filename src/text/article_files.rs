//! Reads articles from plain text, Markdown, HTML and JSON Lines files.

use std::{
    fmt, fs, io, iter,
    path::{Path, PathBuf},
    sync::Arc,
};

use walkdir::{DirEntry, WalkDir};

use super::{
    article_reader::{ArticleReader, ReadIter, one},
    found_file::{FileFormat, FoundFile, ReadSettings},
};
use crate::{Error, Result};

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
/// - [`Error::ArticleTooLarge`] if a file that is one article has more than twice
///   [`Article::MAX_BYTES`](crate::Article::MAX_BYTES).
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
#[derive(Clone)]
pub struct ArticleFiles {
    roots: Vec<PathBuf>,
    settings: ReadSettings,
    recursive: bool,
    filter: Option<PathFilter>,
}

type PathFilter = Arc<dyn Fn(&Path) -> bool + Send + Sync>;

/// Files that were found, and what could not be listed.
#[derive(Debug, Default)]
pub(crate) struct FoundFiles {
    /// In the order in which they are read.
    pub(crate) files: Vec<FoundFile>,
    pub(crate) unread: Vec<UnreadEntry>,
}

/// A file or folder that could not be read.
#[derive(Debug)]
pub(crate) struct UnreadEntry {
    pub(crate) path: PathBuf,
    /// Its path without links; `None` if it is not UTF-8.
    pub(crate) name: Option<String>,
    pub(crate) error: Error,
    pub(crate) is_root: bool,
}

impl fmt::Debug for ArticleFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArticleFiles")
            .field("roots", &self.roots)
            .field("settings", &self.settings)
            .field("recursive", &self.recursive)
            .finish_non_exhaustive()
    }
}

/// Selects the file or folder at a path, with the default settings.
impl<P: AsRef<Path>> From<P> for ArticleFiles {
    fn from(path: P) -> Self {
        Self::new(path)
    }
}

impl ArticleFiles {
    /// Name of the metadata value of a decoded article: the encoding of its file.
    pub const ENCODING: &str = "encoding";

    /// Selects the file `path`, or all files below the folder `path`.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            roots: vec![path.as_ref().to_owned()],
            settings: ReadSettings { decode: false, key_prefix: "".into() },
            recursive: true,
            filter: None,
        }
    }

    /// Selects another file, or all files below another folder, after those selected before. The
    /// key of an article is its path below its own folder.
    #[must_use]
    pub fn also(mut self, path: impl AsRef<Path>) -> Self {
        self.roots.push(path.as_ref().to_owned());
        self
    }

    /// Sets whether text files in UTF-16 and Windows-1252 are decoded; default `false`, which makes
    /// them errors.
    ///
    /// Byte ranges of a decoded article are those of the decoded text, not of the file. Its
    /// metadata names the encoding under [`ENCODING`](Self::ENCODING). JSON Lines must be UTF-8.
    #[must_use]
    pub fn decode(mut self, decode: bool) -> Self {
        self.settings.decode = decode;
        self
    }

    /// Sets a text that the key of each article begins with, such as `docs/`; default empty.
    ///
    /// It also precedes the `id` or `key` of a line of JSON.
    #[must_use]
    pub fn key_prefix(mut self, prefix: &str) -> Self {
        self.settings.key_prefix = prefix.into();
        self
    }

    /// Sets whether folders below a selected folder are read; default `true`.
    #[must_use]
    pub fn recursive(mut self, recursive: bool) -> Self {
        self.recursive = recursive;
        self
    }

    /// Reads only the files and folders for which `is_read` returns `true`. It gets the path below
    /// the selected folder. A folder for which it returns `false` is not entered, so nothing below
    /// it is read.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::ArticleFiles;
    ///
    /// let files = ArticleFiles::new("examples/articles").filter(|path| !path.ends_with("lost+found"));
    /// assert_eq!(files.read().count(), 20);
    /// ```
    #[must_use]
    pub fn filter(mut self, is_read: impl Fn(&Path) -> bool + Send + Sync + 'static) -> Self {
        self.filter = Some(Arc::new(is_read));
        self
    }

    /// Reads the articles, as [`read_articles`] does, with the same errors.
    #[must_use]
    pub fn read(self) -> ArticleReader {
        let entries = self.roots.clone().into_iter().flat_map(move |root| self.walk(root));
        ArticleReader::new(entries.flat_map(|entry| match entry {
            Ok(file) => read_found(file),
            Err(unread) => one(Err(unread.error)),
        }))
    }

    /// Lists the files without opening them, and what could not be listed.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] or [`Error::FileKind`] if one of the selected paths itself cannot be read.
    pub(crate) fn find(&self) -> Result<FoundFiles> {
        let mut found = FoundFiles::default();
        for entry in self.roots.iter().flat_map(|root| self.walk(root.clone())) {
            match entry {
                Ok(file) => found.files.push(file),
                Err(UnreadEntry { error, is_root: true, .. }) => return Err(error),
                Err(unread) => found.unread.push(unread),
            }
        }
        Ok(found)
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.settings.key_prefix
    }

    /// Whether text files in other encodings are decoded.
    pub(crate) fn decodes(&self) -> bool {
        self.settings.decode
    }

    /// Lists the files below `root`, or `root` itself, in the order of their names.
    fn walk(&self, root: PathBuf) -> impl Iterator<Item = Result<FoundFile, UnreadEntry>> + use<> {
        let max_depth = if self.recursive { usize::MAX } else { 1 };
        let files = WalkDir::new(&root).sort_by_file_name().max_depth(max_depth).into_iter();
        let filter = self.filter.clone();
        let start = root.clone();
        let shown = files.filter_entry(move |entry| {
            let is_allowed = |filter: &PathFilter| filter(below(&start, entry.path()));
            entry.depth() == 0 || !is_hidden(entry) && filter.as_ref().is_none_or(is_allowed)
        });
        let walk =
            Walk { canonical: fs::canonicalize(&root).ok(), root, settings: self.settings.clone() };
        shown.filter_map(move |entry| walk.entry(entry))
    }
}

/// Turns the entries below a root into files.
struct Walk {
    root: PathBuf,
    /// The root without links; `None` if it does not exist.
    canonical: Option<PathBuf>,
    settings: ReadSettings,
}

impl Walk {
    fn entry(&self, entry: walkdir::Result<DirEntry>) -> Option<Result<FoundFile, UnreadEntry>> {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(&self.root).to_owned();
                let is_root = error.depth() == 0;
                let source = error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into());
                let error = Error::Read { path: path.clone(), source };
                return Some(Err(self.unread(error, path, is_root)));
            }
        };
        let path = entry.path();
        if entry.depth() == 0 {
            return self.root_entry(path);
        }
        if entry.file_type().is_dir() {
            return None;
        }
        let format = FileFormat::of(path)?;
        let name = self.name(path);
        let below = below(&self.root, path);
        Some(Ok(FoundFile::new(path, below, name, format, &self.settings)))
    }

    /// The file that the root is; `None` if it is a folder.
    fn root_entry(&self, path: &Path) -> Option<Result<FoundFile, UnreadEntry>> {
        let unread = |error| Some(Err(self.unread(error, path.to_owned(), true)));
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => None,
            Ok(found) if found.is_file() => {
                let Some(format) = FileFormat::of(path) else {
                    return unread(Error::FileKind { path: path.to_owned() });
                };
                let below = path.file_name().map_or(path, Path::new);
                let name = self.name(path);
                Some(Ok(FoundFile::new(path, below, name, format, &self.settings)))
            }
            // Opening a pipe would block until a writer appears.
            Ok(_) => {
                let kind = io::ErrorKind::InvalidInput;
                let source = io::Error::new(kind, "neither a file nor a folder");
                unread(Error::Read { path: path.to_owned(), source })
            }
            Err(source) => unread(Error::Read { path: path.to_owned(), source }),
        }
    }

    fn unread(&self, error: Error, path: PathBuf, is_root: bool) -> UnreadEntry {
        let name = self.name(&path);
        UnreadEntry { path, name, error, is_root }
    }

    /// The path of `path`, which is the root or below it, without links.
    fn name(&self, path: &Path) -> Option<String> {
        let mut name = self.canonical.clone()?;
        name.extend(path.strip_prefix(&self.root).ok()?);
        name.into_os_string().into_string().ok()
    }
}

/// The path of `path` below `root`.
fn below<'p>(root: &Path, path: &'p Path) -> &'p Path {
    path.strip_prefix(root).unwrap_or(path)
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Reads the articles of a file; none if it is special or a link to a folder.
fn read_found(file: FoundFile) -> ReadIter {
    match fs::metadata(file.path()) {
        Ok(found) if found.is_file() => file.into_articles(),
        Ok(_) => Box::new(iter::empty()),
        Err(source) => one(Err(Error::Read { path: file.path().to_owned(), source })),
    }
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
