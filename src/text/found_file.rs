//! A file of articles: its format, the keys of its articles, and how it is read.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

#[cfg(feature = "html")]
use super::html_file::html_article;
use super::{
    article_reader::{ReadArticle, ReadIter, one},
    file_encoding::{FileText, file_text},
    file_stamp::{FileStamp, StampBuilder},
    json_lines,
    text_files::{markdown_article, plain_article},
};
use crate::{Article, ArticleFiles, Error, Result};

/// Maximum length of a file that is one article, in bytes. A text in UTF-16 has up to two bytes for
/// each byte of the article.
const MAX_FILE: u64 = 2 * Article::MAX_BYTES as u64;
/// Bytes that are read at once.
const BUFFER: usize = 1 << 16;

/// File format, determined by the extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileFormat {
    Plain,
    Markdown,
    JsonLines,
    #[cfg(feature = "html")]
    Html,
}

/// Settings for reading a file.
#[derive(Clone, Debug)]
pub(super) struct ReadSettings {
    /// Whether UTF-16 and Windows-1252 are decoded.
    pub(super) decode: bool,
    /// Beginning of each key.
    pub(super) key_prefix: Arc<str>,
}

/// A file that articles are read from.
#[derive(Clone, Debug)]
pub(crate) struct FoundFile {
    path: PathBuf,
    /// Its path without links and in UTF-8, by which a later sync finds it again.
    name: Option<String>,
    format: FileFormat,
    /// Key of the article of a file that is one article.
    key: String,
    settings: ReadSettings,
}

impl FileFormat {
    pub(super) fn of(path: &Path) -> Option<Self> {
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

impl FoundFile {
    /// The file `path`, which has `below` as its path below the root that is searched.
    pub(super) fn new(
        path: &Path,
        below: &Path,
        name: Option<String>,
        format: FileFormat,
        settings: &ReadSettings,
    ) -> Self {
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        let key = format!("{}{}", settings.key_prefix, parts.join("/"));
        Self { path: path.to_owned(), name, format, key, settings: settings.clone() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its path without links; `None` if it is not UTF-8.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Key of its article; `None` if each line has its own.
    pub(crate) fn single_key(&self) -> Option<&str> {
        (self.format != FileFormat::JsonLines).then_some(&*self.key)
    }

    /// Reads its articles one after the other.
    pub(super) fn into_articles(self) -> ReadIter {
        if self.format != FileFormat::JsonLines {
            return one(self.read_whole().map(|(article, _)| article));
        }
        match JsonLinesReader::open(&self) {
            Ok(lines) => Box::new(lines),
            Err(error) => one(Err(error)),
        }
    }

    /// Reads its articles, calls `take` with each of them and with each error, and returns the stamp
    /// of the bytes; `None` if they could not be read.
    ///
    /// # Errors
    ///
    /// The error of `take`, which ends the reading.
    pub(crate) fn read(
        &self,
        mut take: impl FnMut(Result<ReadArticle>) -> Result<()>,
    ) -> Result<Option<FileStamp>> {
        if self.format != FileFormat::JsonLines {
            return match self.read_whole() {
                Ok((article, stamp)) => {
                    take(Ok(ReadArticle { article, unknown_fields: Vec::new() }))?;
                    Ok(Some(stamp))
                }
                Err(error) => take(Err(error)).map(|()| None),
            };
        }
        let mut lines = match JsonLinesReader::open(self) {
            Ok(lines) => lines,
            Err(error) => return take(Err(error)).map(|()| None),
        };
        lines.by_ref().try_for_each(&mut take)?;
        match lines.finish() {
            Ok(stamp) => Ok(stamp),
            Err(error) => take(Err(error)).map(|()| None),
        }
    }

    /// Returns the stamp of its bytes, without reading its articles.
    pub(crate) fn stamp(&self) -> Result<FileStamp> {
        let read = || -> io::Result<FileStamp> {
            let mut file = File::open(&self.path)?;
            let mut stamp = StampBuilder::new(&file.metadata()?);
            let mut buffer = vec![0; BUFFER];
            loop {
                match file.read(&mut buffer) {
                    Ok(0) => return Ok(stamp.finish(&file.metadata()?)),
                    Ok(read) => stamp.update(&buffer[..read]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        };
        read().map_err(Error::read(&self.path))
    }

    /// Reads the file as one article.
    fn read_whole(&self) -> Result<(Article, FileStamp)> {
        let (bytes, stamp) = self.read_bytes()?;
        let FileText { text, decoded_from } = file_text(&self.path, bytes, self.settings.decode)?;
        let key = self.key.clone();
        let mut article = match self.format {
            FileFormat::Markdown => markdown_article(&self.path, key, text)?,
            #[cfg(feature = "html")]
            FileFormat::Html => html_article(key, &text),
            _ => plain_article(key, text),
        };
        if let Some(encoding) = decoded_from {
            article.metadata.insert(ArticleFiles::ENCODING.to_owned(), encoding.into());
        }
        Ok((article, stamp))
    }

    fn read_bytes(&self) -> Result<(Vec<u8>, FileStamp)> {
        let in_file = || Error::read(&self.path);
        let mut file = File::open(&self.path).map_err(in_file())?;
        let metadata = file.metadata().map_err(in_file())?;
        let mut stamp = StampBuilder::new(&metadata);
        let length = usize::try_from(metadata.len().min(MAX_FILE)).unwrap_or(0);
        // One more byte, so that the end is found without growing.
        let mut bytes = Vec::with_capacity(length + 1);
        // A file can grow while it is read, and some special files have no length.
        file.by_ref().take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(in_file())?;
        if bytes.len() as u64 > MAX_FILE {
            let length = metadata.len().max(bytes.len() as u64);
            let bytes = usize::try_from(length).unwrap_or(usize::MAX);
            let limit = Article::MAX_BYTES;
            return Err(Error::ArticleTooLarge { key: self.key.clone(), bytes, limit });
        }
        stamp.update(&bytes);
        let stamp = stamp.finish(&file.metadata().map_err(in_file())?);
        Ok((bytes, stamp))
    }
}

/// Reads the articles of a JSON Lines file, and hashes its bytes on the way.
struct JsonLinesReader {
    path: PathBuf,
    key_prefix: Arc<str>,
    file: BufReader<File>,
    stamp: StampBuilder,
    /// Number of the last line that was read, from 1.
    line: usize,
    /// Number of bytes that were read.
    offset: usize,
    /// Whether reading failed. The file then may not be read again: it could fail for ever.
    failed: bool,
}

impl JsonLinesReader {
    fn open(found: &FoundFile) -> Result<Self> {
        let file = File::open(&found.path).map_err(Error::read(&found.path))?;
        let metadata = file.metadata().map_err(Error::read(&found.path))?;
        Ok(Self {
            path: found.path.clone(),
            key_prefix: Arc::clone(&found.settings.key_prefix),
            file: BufReader::with_capacity(BUFFER, file),
            stamp: StampBuilder::new(&metadata),
            line: 0,
            offset: 0,
            failed: false,
        })
    }

    /// Returns the stamp of the bytes, once all lines were read; `None` if reading failed.
    fn finish(self) -> Result<Option<FileStamp>> {
        if self.failed {
            return Ok(None);
        }
        let metadata = self.file.get_ref().metadata().map_err(Error::read(&self.path))?;
        Ok(Some(self.stamp.finish(&metadata)))
    }

    /// Parses the bytes of the last line, which starts at byte `start`; `None` if it is blank.
    fn parse(&self, bytes: Vec<u8>, start: usize) -> Result<Option<ReadArticle>> {
        let read = file_text(&self.path, bytes, false).map_err(|error| match error {
            Error::NotUtf8 { path, at, likely } => Error::NotUtf8 { path, at: start + at, likely },
            Error::NotText { path, at } => Error::NotText { path, at: start + at },
            other => other,
        })?;
        let text = read.text;
        if text.trim().is_empty() {
            return Ok(None);
        }
        let line = self.line;
        let in_line = |source| Error::Json { path: self.path.clone(), line, source };
        let mut read = json_lines::parse(text.trim_start_matches('\u{feff}')).map_err(in_line)?;
        read.article.key.insert_str(0, &self.key_prefix);
        Ok(Some(read))
    }
}

impl Iterator for JsonLinesReader {
    type Item = Result<ReadArticle>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.failed {
            let start = self.offset;
            let mut bytes = Vec::new();
            match self.file.read_until(b'\n', &mut bytes) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => {
                    self.failed = true;
                    return Some(Err(Error::read(&self.path)(error)));
                }
            }
            self.stamp.update(&bytes);
            self.line += 1;
            self.offset += bytes.len();
            if bytes.last() == Some(&b'\n') {
                bytes.pop();
            }
            match self.parse(bytes, start).transpose() {
                None => {}
                some => return some,
            }
        }
        None
    }
}
