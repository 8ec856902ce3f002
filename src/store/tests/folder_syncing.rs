//! Makes every step of a sync of files fail, and lets the files be unreadable afterwards.

use std::{collections::BTreeMap, fs, path::Path};

use tempfile::TempDir;

use super::{
    FaultPlan, Faults, FolderStep, LOSS_PATTERNS, Observed, file_names, loss, scenarios,
    temporary_folder,
};
use crate::{Article, Error, Result, Retriever, SyncReport, read_articles};

/// Lines of a file, and the whole files after a change.
const BEFORE: [(&str, &str); 3] = [
    ("a.jsonl", "{\"id\": 1, \"text\": \"alpha\"}\n"),
    ("b.txt", "beta"),
    ("c.jsonl", "{\"id\": 5, \"text\": \"gamma\"}\n"),
];
const AFTER: [(&str, &str); 3] = [
    ("a.jsonl", "{\"id\": 1, \"text\": \"delta\"}\n{\"id\": 2, \"text\": \"alpha\"}\n"),
    ("c.jsonl", "{\"id\": 6, \"text\": \"beta\"}\n"),
    ("d.jsonl", "{\"id\": 3, \"text\": \"gamma\"}\n{\"id\": 4, \"text\": \"zeta\"}\n"),
];

type Articles = BTreeMap<String, Article>;

/// A folder of files, and the index of their earlier content.
struct ChangedFiles {
    files: TempDir,
    index: TempDir,
    faults: Faults,
}

impl ChangedFiles {
    fn new() -> Self {
        let files = temporary_folder();
        write(files.path(), &BEFORE);
        let index = temporary_folder();
        let faults = Faults::plan(index.path());
        let scenario = &scenarios::SYNC;
        let mut retriever = scenario.builder().create(index.path()).unwrap();
        retriever.sync_folder(files.path()).unwrap();
        drop(retriever);
        write(files.path(), &AFTER);
        fs::remove_file(files.path().join("b.txt")).unwrap();
        Self { files, index, faults }
    }

    /// Syncs the files with the steps of `plan` failing.
    fn sync(&self, plan: FaultPlan) -> Result<SyncReport> {
        let mut retriever = scenarios::SYNC.builder().checkpoint(1).open(self.index.path())?;
        self.faults.start(plan);
        let report = retriever.sync_folder(self.files.path());
        drop(retriever);
        report
    }

    fn articles(&self) -> Articles {
        let searcher = scenarios::SYNC.builder().open_searcher(self.index.path()).unwrap();
        by_key(Observed::by(&searcher).content.articles)
    }

    /// Syncs while the files are unreadable, then while they are whole, and checks that nothing is
    /// lost and nothing is left over.
    fn check(&self, what: &str) {
        let committed = self.articles();
        let bad = ["a.jsonl", "c.jsonl", "d.jsonl"].map(|name| (name, "{\n"));
        write(self.files.path(), &bad);
        let report = self.sync(FaultPlan::Never).unwrap();
        let mut kept = self.articles();
        assert_eq!(report.unread.len(), 3, "{what}");
        // Only the article of the file that is gone may be removed.
        kept.extend(
            committed.get_key_value("b.txt").map(|(key, article)| (key.clone(), article.clone())),
        );
        assert_eq!(kept, committed, "{what}: {report:?}");

        write(self.files.path(), &AFTER);
        self.sync(FaultPlan::Never).unwrap();
        let fresh = read_articles(self.files.path()).map(Result::unwrap);
        assert_eq!(self.articles(), by_key(fresh), "{what}");
        let report = self.sync(FaultPlan::Never).unwrap();
        assert_eq!((report.files.parsed, report.unchanged), (0, 5), "{what}");
        // Old stamps may remain beside them, and have no effect.
        let names = file_names(self.index.path()).into_iter();
        let is_current = |name: &String| name.starts_with("stamps-") && name.ends_with(".passim");
        assert_eq!(names.filter(is_current).count(), 1, "{what}");
    }
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
}

fn by_key(articles: impl IntoIterator<Item = Article>) -> Articles {
    articles.into_iter().map(|article| (article.key.clone(), article)).collect()
}

#[test]
fn syncing_files_survives_each_failing_step() {
    let changed = ChangedFiles::new();
    changed.sync(FaultPlan::Never).unwrap();
    let steps = changed.faults.steps();
    let renames = steps.iter().filter(|step| **step == FolderStep::Rename).count();
    assert!(renames >= 3, "the old stamps, a manifest, the new stamps: {steps:?}");
    changed.check("no fault");
    let mut errors = 0;
    for step in 0..steps.len() {
        let changed = ChangedFiles::new();
        let outcome = changed.sync(FaultPlan::Once(step));
        errors += usize::from(outcome.is_err());
        assert!(matches!(outcome, Ok(_) | Err(Error::Write { .. })), "{step}: {outcome:?}");
        changed.faults.start(FaultPlan::Never);
        changed.check(&format!("step {step} failed"));
        for pattern in 0..LOSS_PATTERNS {
            let changed = ChangedFiles::new();
            let outcome = changed.sync(FaultPlan::From(step));
            changed.faults.cut_power(loss(pattern, step));
            changed.faults.start(FaultPlan::Never);
            assert!(outcome.is_err() || changed.articles().len() == 5, "{step}: a commit is lost");
            changed.check(&format!("step {step}, pattern {pattern}"));
        }
    }
    assert!(errors > steps.len() / 2, "{errors} errors");
    println!("{} steps failed, {errors} of them with an error", steps.len());
}

/// The writer goes on after an error, as a service does.
#[test]
fn a_writer_goes_on_after_a_failed_sync_of_files() {
    let steps = {
        let changed = ChangedFiles::new();
        changed.sync(FaultPlan::Never).unwrap();
        changed.faults.steps().len()
    };
    for step in 0..steps {
        let changed = ChangedFiles::new();
        let mut retriever = scenarios::SYNC.builder().open(changed.index.path()).unwrap();
        changed.faults.start(FaultPlan::Once(step));
        _ = retriever.sync_folder(changed.files.path());
        let before: Vec<String> = keys(&retriever);
        write(changed.files.path(), &[("a.jsonl", "{\n")]);
        retriever.sync_folder(changed.files.path()).unwrap();
        let after = keys(&retriever);
        let lost =
            before.iter().find(|key| ["1", "2"].contains(&key.as_str()) && !after.contains(key));
        assert_eq!(lost, None, "step {step}");
        write(changed.files.path(), &AFTER);
        retriever.sync_folder(changed.files.path()).unwrap();
        assert_eq!(keys(&retriever), ["1", "2", "3", "4", "6"], "step {step}");
    }
}

fn keys(retriever: &Retriever) -> Vec<String> {
    retriever.keys().map(|key| key.unwrap().to_owned()).collect()
}
