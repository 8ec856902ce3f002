//! A crate of its own because it runs the program.
//!
//! Laws of the program `passim`: its commands, output, exit codes and help.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, SystemTime},
};

use serde_json::Value;
use tempfile::TempDir;

/// Text of the article `moor.txt`.
const MOOR: &str = "Moore speichern mehr Kohlenstoff als alle Wälder der Erde.";
/// Text of the article `en/train.txt`.
const TRAIN: &str = "The night train leaves Vienna at eight and reaches Paris before ten.";

/// A folder with articles and a place for an index.
struct Workplace(TempDir);

impl Workplace {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("articles/en")).unwrap();
        let workplace = Self(folder);
        workplace.write("moor.txt", MOOR);
        workplace.write("en/train.txt", TRAIN);
        workplace
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path("articles").join(name), text).unwrap();
    }

    /// Runs a command on the index and the articles.
    fn run(&self, command: &str, arguments: &[&str]) -> Output {
        let mut all = vec![command, "--index", "index"];
        if ["index", "sync"].contains(&command) {
            all.push("articles");
        }
        passim(self.0.path(), &[&all, arguments].concat(), "")
    }
}

/// Runs the program in `folder` with `input` as standard input.
fn passim(folder: &Path, arguments: &[&str], input: impl AsRef<[u8]>) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_passim"));
    program.current_dir(folder).args(arguments);
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    // A program that fails early does not read it.
    _ = child.stdin.take().unwrap().write_all(input.as_ref());
    child.wait_with_output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

/// The JSON objects on standard output of a command that succeeded.
fn objects(output: &Output) -> Vec<Value> {
    assert_eq!(code(output), 0, "{}", stderr(output));
    stdout(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn help_lists_commands_options_and_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    let help = passim(folder.path(), &["--help"], "");
    assert_eq!(code(&help), 0);
    for command in ["index", "sync", "search", "evaluate", "verify"] {
        assert!(stdout(&help).contains(command), "{command}");
        let help = passim(folder.path(), &[command, "--help"], "");
        assert_eq!(code(&help), 0);
        for option in ["--index", "--model", "--json", "--help"] {
            assert!(stdout(&help).contains(option), "{command} {option}");
        }
    }
    for code in 0..=7 {
        assert!(stdout(&help).contains(&format!("\n  {code}  ")), "{code}");
    }
    let search = passim(folder.path(), &["search", "--help"], "");
    for part in ["--filter", "hybrid, lexical, dense", "time_limit_ms", "PASSIM_API_KEY"] {
        assert!(stdout(&search).contains(part), "{part}: {}", stdout(&search));
    }
    let version = passim(folder.path(), &["--version"], "");
    assert_eq!(stdout(&version).trim(), concat!("passim ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn sync_makes_the_index_equal_to_the_articles() {
    let workplace = Workplace::new();
    let report = &objects(&workplace.run("sync", &["--json"]))[0];
    assert_eq!((&report["added"], &report["embedded"]), (&2.into(), &2.into()));
    fs::remove_file(workplace.path("articles/moor.txt")).unwrap();
    let report = &objects(&workplace.run("sync", &["--json"]))[0];
    assert_eq!((&report["removed"], &report["unchanged"]), (&1.into(), &1.into()));
    let hits = objects(&workplace.run("search", &["--json", "Was speichern Moore?"]));
    assert!(hits.iter().all(|hit| hit["article"] == "en/train.txt"), "{hits:?}");
}

#[test]
fn index_keeps_the_other_articles() {
    let workplace = Workplace::new();
    let output = workplace.run("index", &[]);
    assert_eq!((code(&output), stdout(&output)), (0, ""));
    assert!(stderr(&output).contains("2 added"), "{}", stderr(&output));
    fs::remove_file(workplace.path("articles/moor.txt")).unwrap();
    workplace.write("en/train.txt", "The night train was cancelled.");
    let report = &objects(&workplace.run("index", &["--json"]))[0];
    assert_eq!((&report["changed"], &report["removed"]), (&1.into(), &0.into()));
    let hits = objects(&workplace.run("search", &["--json", "-k1", "Was speichern Moore?"]));
    assert_eq!(hits[0]["text"], MOOR);
}

#[test]
fn hits_cite_the_bytes_of_the_article() {
    let workplace = Workplace::new();
    workplace.run("sync", &[]);
    let question = "When does the night train leave?";
    let hits = objects(&workplace.run("search", &["--json", "-k1", question]));
    assert_eq!(hits.len(), 1);
    let hit = &hits[0];
    let bytes = |name: &str| usize::try_from(hit[name].as_u64().unwrap()).unwrap();
    assert_eq!(&TRAIN[bytes("start")..bytes("end")], hit["text"].as_str().unwrap());
    assert_eq!((&hit["query"], &hit["rank"]), (&question.into(), &1.into()));

    let output = workplace.run("search", &["-k1", question]);
    assert_eq!(code(&output), 0);
    let place = format!("en/train.txt:0..{}", TRAIN.len());
    assert!(stdout(&output).contains(&place), "{}", stdout(&output));
    assert!(!stdout(&output).contains('\u{1b}'), "no colours without a terminal");
    assert!(!stderr(&output).contains('\u{1b}'), "no colours without a terminal");
}

#[test]
fn questions_are_read_line_by_line() {
    let workplace = Workplace::new();
    let arguments = ["search", "--articles", "articles", "--json", "-k1", "--filter"];
    let search = |filter: &str, input: &str| {
        objects(&passim(workplace.0.path(), &[&arguments[..], &[filter]].concat(), input))
    };
    let hits = search("everything", "Was speichern Moore?\n\nnight train\n");
    let articles: Vec<&str> = hits.iter().map(|hit| hit["article"].as_str().unwrap()).collect();
    assert_eq!(articles, ["moor.txt", "en/train.txt"]);
    let hits = search("key starts with \"en/\"", "Was speichern Moore?\n");
    assert_eq!(hits[0]["article"], "en/train.txt");
    let all = [&arguments[..], &["everything"]].concat();
    let output = passim(workplace.0.path(), &all, b"Moore\nW\xE4lder\ntrain\n");
    assert_eq!((code(&output), stdout(&output).lines().count()), (7, 2), "{}", stderr(&output));
}

#[test]
fn options_become_settings_of_the_query() {
    let workplace = Workplace::new();
    workplace.run("sync", &["--settings", r#"{"chunker": {"max_tokens": 5}, "index": "exact"}"#]);
    let search = |arguments: &[&str]| {
        let json = [&["--json", "-k9", "--mode", "lexical"], arguments, &["Kohlenstoff Wälder"]];
        objects(&workplace.run("search", &json.concat())).len()
    };
    assert!(search(&[]) > 1, "passages of five tokens");
    assert_eq!(search(&["--query", r#"{"per_article": 1}"#]), 1);
    let query = ["search", "--index", "index", "--json", "--query", r#"{"k": 1}"#, "Moore"];
    assert_eq!(objects(&passim(workplace.0.path(), &query, "")).len(), 1);
    assert_eq!(search(&["--require", "Vienna"]), 0);
    assert_eq!(search(&["--exclude", "Kohlenstoff", "--phrase", "Wälder der Erde"]), 1);
    assert_eq!(search(&["--exclude", "Erde", "--phrase", "Wälder der Erde"]), 0);
}

#[test]
fn evaluate_measures_the_examples() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let arguments = [
        "evaluate",
        "--articles",
        "articles",
        "--questions",
        "queries.jsonl",
        "--judgments",
        "qrels.tsv",
        "--mode",
        "hybrid",
        "--mode",
        "lexical",
    ];
    let measured = objects(&passim(&folder, &[&arguments[..], &["--json"]].concat(), ""));
    assert_eq!(measured.len(), 2);
    for (object, mode) in measured.iter().zip(["hybrid", "lexical"]) {
        assert_eq!((&object["mode"], &object["k"]), (&mode.into(), &10.into()));
        let ndcg = object["ndcg"]["mean"].as_f64().unwrap();
        assert!(ndcg > 0.7 && ndcg <= 1.0, "{object}");
    }
    let table = passim(&folder, &arguments, "");
    assert_eq!(stdout(&table).lines().count(), 3, "{}", stdout(&table));
    assert!(stdout(&table).contains("nDCG@10"));
}

#[test]
fn verify_finds_damage() {
    let workplace = Workplace::new();
    workplace.run("sync", &[]);
    let report = &objects(&workplace.run("verify", &["--json"]))[0];
    assert_eq!((&report["is_sound"], &report["articles"]), (&true.into(), &2.into()));
    assert!(stdout(&workplace.run("verify", &[])).contains("2 articles"));
    let files = fs::read_dir(workplace.path("index")).unwrap().map(|entry| entry.unwrap().path());
    let largest = files.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let mut bytes = fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&largest, bytes).unwrap();
    let output = workplace.run("verify", &[]);
    assert_eq!(code(&output), 6, "{}", stderr(&output));
}

#[test]
fn exit_codes_tell_failures_apart() {
    let workplace = Workplace::new();
    let run = |arguments: &[&str]| passim(workplace.0.path(), arguments, "");
    for (wrong, named) in [
        (&[][..], "Usage"),
        (&["search", "x"], "--index"),
        (&["search", "--index", "a", "--articles", "b", "x"], "--articles"),
        (&["search", "--articles", "articles", "--filter", "year in 5..3", "x"], "--filter"),
        (&["search", "--articles", "articles", "--query", r#"{"top_k": 1}"#, "x"], "top_k"),
        (&["search", "--articles", "articles", "-k0", "x"], "`k`"),
        (&["search", "--articles", "articles", "--mode", "fuzzy", "x"], "fuzzy"),
        (&["search", "--articles", "articles", "--model", "gpt", "x"], "bundled"),
        (&["search", "--articles", "articles", "--dim", "3", "x"], "--dim"),
        (&["sync", "--index", "i", "--settings", r#"{"checkpoint": 0}"#, "articles"], "checkpoint"),
    ] {
        let output = run(wrong);
        assert_eq!(code(&output), 2, "{wrong:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(named), "{wrong:?}: {}", stderr(&output));
        assert_eq!(stdout(&output), "");
    }
    assert_eq!(code(&run(&["search", "--index", "nowhere", "x"])), 3);
    assert_eq!(code(&run(&["sync", "--index", "i", "nowhere"])), 3);
    assert!(!workplace.path("i").exists(), "no index of nothing");
}

#[test]
fn sync_keeps_an_article_that_cannot_be_read() {
    let workplace = Workplace::new();
    workplace.write("lines.jsonl", r#"{"id": "a", "text": "alpha"}"#);
    workplace.run("sync", &[]);
    workplace.write("moor.txt", b"W\xE4lder");
    fs::remove_file(workplace.path("articles/en/train.txt")).unwrap();
    let output = workplace.run("sync", &["--json"]);
    assert_eq!(code(&output), 7, "{}", stderr(&output));
    assert!(stderr(&output).contains("windows-1252"), "{}", stderr(&output));
    let report: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!((&report["removed"], &report["kept"]), (&1.into(), &1.into()));
    assert_eq!(report["unread"][0]["keys"][0], "moor.txt");

    // No earlier sync knows the articles of this file.
    workplace.write("new.jsonl", "{");
    fs::remove_file(workplace.path("articles/lines.jsonl")).unwrap();
    let output = workplace.run("sync", &[]);
    assert_eq!(code(&output), 7, "{}", stderr(&output));
    assert!(stderr(&output).contains("nothing is removed"), "{}", stderr(&output));
    assert!(stderr(&output).contains("0 removed, 2 kept"), "{}", stderr(&output));
    assert!(stderr(&output).contains("articles not read: 2"), "{}", stderr(&output));
}

#[test]
fn sync_reads_only_changed_files() {
    let workplace = Workplace::new();
    let old = SystemTime::now() - Duration::from_mins(1);
    for name in ["moor.txt", "en/train.txt"] {
        let path = workplace.path("articles").join(name);
        fs::File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
    }
    workplace.run("sync", &[]);
    let report = &objects(&workplace.run("sync", &["--json"]))[0];
    assert_eq!((&report["files"]["skipped"], &report["unchanged"]), (&2.into(), &2.into()));
    // Several folders are one set of articles, of which the last one of a key counts.
    fs::create_dir(workplace.path("more")).unwrap();
    fs::write(workplace.path("more/moor.txt"), "Torf.").unwrap();
    let output = workplace.run("sync", &["--json", "more"]);
    assert!(stderr(&output).contains("`moor.txt`: the last one counts"), "{}", stderr(&output));
    let report = &objects(&output)[0];
    assert_eq!((&report["changed"], &report["removed"]), (&1.into(), &0.into()));
    assert_eq!(code(&workplace.run("sync", &["missing"])), 3);
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_cannot_be_written_are_a_failure() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let workplace = Workplace::new();
    let mut program = Command::new(env!("CARGO_BIN_EXE_passim"));
    program.current_dir(workplace.0.path()).stdout(full).stderr(Stdio::piped());
    let search = ["search", "--articles", "articles", "--json", "Moore"];
    let output = program.args(search).output().unwrap();
    assert_eq!(code(&output), 5, "{}", stderr(&output));
}

#[cfg(feature = "http")]
#[test]
fn an_index_of_another_model_is_a_conflict() {
    let workplace = Workplace::new();
    workplace.run("sync", &[]);
    let served = ["--model", "http:m", "--url", "http://127.0.0.1:9/v1", "--dim", "8", "Moore"];
    assert_eq!(code(&workplace.run("search", &served)), 4);
    let incomplete = workplace.run("search", &["--model", "http:m", "Moore"]);
    assert_eq!(code(&incomplete), 2);
    assert!(stderr(&incomplete).contains("--url"));
}
