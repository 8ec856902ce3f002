//! Reads the articles that the command line names.

use std::{collections::HashMap, path::PathBuf};

use passim::{Article, Error, read_articles};

use crate::failure::{CommandFailure, show_error, warn};

/// The articles of one or several files and folders.
pub(crate) struct ArticlesInput {
    /// Of several articles of one key, the last one.
    pub(crate) articles: Vec<Article>,
    /// Number of articles that could not be read; their errors were shown.
    pub(crate) unread: usize,
}

impl ArticlesInput {
    /// Reads all articles of `sources`.
    ///
    /// An unreadable article is shown and counted; an unreadable source is an error.
    pub(crate) fn read(sources: &[PathBuf]) -> Result<Self, CommandFailure> {
        let mut input = Self { articles: Vec::new(), unread: 0 };
        let mut places = HashMap::new();
        for source in sources {
            for article in read_articles(source) {
                match article {
                    Ok(article) => input.push(article, &mut places),
                    Err(Error::Read { path, source: cause }) if path == *source => {
                        return Err(Error::Read { path, source: cause }.into());
                    }
                    Err(Error::FileKind { path }) if path == *source => {
                        return Err(Error::FileKind { path }.into());
                    }
                    Err(error) => {
                        show_error(&error);
                        input.unread += 1;
                    }
                }
            }
        }
        Ok(input)
    }

    fn push(&mut self, article: Article, places: &mut HashMap<String, usize>) {
        if let Some(place) = places.get(&article.key) {
            warn(&format!("several articles are called `{}`: the last one counts", article.key));
            self.articles[*place] = article;
        } else {
            places.insert(article.key.clone(), self.articles.len());
            self.articles.push(article);
        }
    }

    /// Returns a failure if some articles could not be read.
    pub(crate) fn check_all_read(&self) -> Result<(), CommandFailure> {
        match self.unread {
            0 => Ok(()),
            count => Err(CommandFailure::Unread { count, what: "articles" }),
        }
    }
}
