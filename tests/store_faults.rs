//! Writers that are killed, have no room, no right or no turn: the last commit is there, whole.

use std::{
    fs,
    io::{BufRead, BufReader, Lines, Write},
    path::Path,
    process::{Child, ChildStdout, Stdio},
    thread,
    time::{Duration, Instant},
};

use passim::{Article, Error, Retriever};

use passim_testkit::{
    Seeded,
    child::{self, Task},
    index_model::{IndexState, builder},
};

const SEED: u64 = 20;
/// Commits in which a writer is killed.
const KILLS: usize = 300;

/// What the other tests run in a process of its own.
#[test]
#[ignore = "other tests run it in a process of its own"]
fn in_child() {
    let Some(Task { name, folder }) = child::task() else { return };
    match name.as_str() {
        "commit for ever" => commit_for_ever(&folder),
        "hold the lock" => {
            let _writer = builder().open(&folder).unwrap();
            say("held");
            thread::sleep(Duration::from_mins(1));
        }
        "write too much" => say(&too_much(&folder)),
        "write where it is not allowed" => say(&not_allowed(&folder)),
        "open" => say(&told(builder().open(&folder).map(drop))),
        name => panic!("no task {name:?}"),
    }
}

/// A line on the standard output, at once.
fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "\n> {line}").unwrap();
    output.flush().unwrap();
}

/// The next line that a child has [said](say).
fn heard(lines: &mut Lines<BufReader<ChildStdout>>) -> Option<String> {
    let mut lines = lines.map_while(Result::ok);
    lines.find_map(|line| line.strip_prefix("> ").map(str::to_owned))
}

/// The kind of an error, with that of its cause.
fn told(outcome: passim::Result<()>) -> String {
    match outcome {
        Ok(()) => "fine".to_owned(),
        Err(Error::Write { source, .. }) => format!("Write {:?}", source.kind()),
        Err(error) => format!("{error:?}").split([' ', '(']).next().unwrap_or_default().to_owned(),
    }
}

fn commit_for_ever(folder: &Path) {
    let mut writer = builder().open_or_create(folder).unwrap();
    let mut state = IndexState::default().at(SEED, writer.stats().generation);
    loop {
        let round = state.round(SEED);
        round.edit(&mut writer).unwrap();
        state = state.after(&round);
        say("begins");
        round.commit(&mut writer).unwrap();
        assert_eq!(writer.stats().generation, state.generation);
        say(&state.generation.to_string());
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Opens the index for writing and looks at all of it; returns the number of its files.
fn whole(folder: &Path, state: &IndexState, random: &mut Seeded) -> usize {
    let writer = builder().open(folder).unwrap();
    state.check(&writer.searcher(), random).unwrap();
    let report = writer.verify().unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(names(folder).len(), report.files + 1, "{:?}", names(folder));
    report.files
}

/// What came of killing writers.
#[derive(Debug, Default)]
struct Killed {
    in_commits: usize,
    between: usize,
    /// The commit was published, but the writer could not say so any more.
    published: usize,
    /// Files were left of a commit that was not.
    with_strays: usize,
    commits: u64,
}

/// Lets a writer commit a few times and kills it after part of a commit; returns the last
/// generation that it told, if any, and whether it was in a commit.
fn killed(folder: &Path, random: &mut Seeded, usual: &mut Duration) -> (Option<u64>, bool) {
    let mut command = child::command(&[], "commit for ever", folder);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut last = None;
    let mut hear = |lines: &mut _| {
        let line = heard(lines);
        last = line.as_ref().and_then(|line| line.parse().ok()).or(last);
        line
    };
    for _ in 0..random.below(3) {
        assert_eq!(hear(&mut lines).as_deref(), Some("begins"));
        let begun = Instant::now();
        hear(&mut lines).unwrap();
        *usual = (*usual * 7 + begun.elapsed()) / 8;
    }
    assert_eq!(hear(&mut lines).as_deref(), Some("begins"));
    let share = random.below(1_200);
    thread::sleep(*usual * u32::try_from(share).unwrap() / 1_000);
    kill(&mut child);
    let mut in_commit = true;
    while let Some(line) = hear(&mut lines) {
        in_commit = line == "begins";
    }
    (last, in_commit)
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
}

#[test]
fn a_writer_may_be_killed_at_any_time() {
    let folder = tempfile::tempdir().unwrap();
    drop(builder().create(folder.path()).unwrap());
    let (mut state, mut random) = (IndexState::default(), Seeded(7));
    let (mut count, mut usual) = (Killed::default(), Duration::from_millis(10));
    let mut files = 0;
    while count.in_commits < KILLS {
        let (told, in_commit) = killed(folder.path(), &mut random, &mut usual);
        let told = told.unwrap_or(state.generation);
        let left = names(folder.path()).len();
        let reader = builder().open_searcher(folder.path()).unwrap();
        let found = reader.generation();
        assert!(found == told || in_commit && found == told + 1, "{found}, told was {told}");
        state = state.at(SEED, found);
        state.check(&reader, &mut random).unwrap();
        drop(reader);
        files = whole(folder.path(), &state, &mut random);
        count.in_commits += usize::from(in_commit);
        count.between += usize::from(!in_commit);
        count.published += usize::from(found > told);
        count.with_strays += usize::from(left > files + 1);
    }
    count.commits = state.generation;
    println!("{count:?}, {files} files at the end");
    assert!(count.published > 0 && count.with_strays > 0, "kills are at all points: {count:?}");
}

#[test]
fn one_writer_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let writer = builder().create(folder.path()).unwrap();
    assert!(matches!(builder().open(folder.path()), Err(Error::Locked { .. })));
    assert!(matches!(builder().create(folder.path()), Err(Error::Locked { .. })));
    let said = |by: &[&str], task: &str| output_of(by, task, folder.path());
    assert_eq!(said(&[], "open"), "Locked");
    drop(writer);
    assert_eq!(said(&[], "open"), "fine");

    let mut command = child::command(&[], "hold the lock", folder.path());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(heard(&mut lines).as_deref(), Some("held"));
    assert!(matches!(builder().open(folder.path()), Err(Error::Locked { .. })));
    assert_eq!(builder().open_searcher(folder.path()).unwrap().generation(), 0);
    kill(&mut child);
    builder().open(folder.path()).unwrap();
}

/// The line that a child says.
fn output_of(by: &[&str], task: &str, folder: &Path) -> String {
    let output = child::command(by, task, folder).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = text.lines().find_map(|line| line.strip_prefix("> "));
    assert!(output.status.success() && said.is_some(), "{by:?} {task}: {output:?}");
    said.unwrap_or_default().to_owned()
}

/// An index of a few commits.
fn index(folder: &Path) -> IndexState {
    let mut writer = builder().create(folder).unwrap();
    let mut state = IndexState::default();
    for _ in 0..5 {
        let round = state.round(SEED);
        round.edit(&mut writer).unwrap();
        round.commit(&mut writer).unwrap();
        state = state.after(&round);
    }
    state
}

/// Commits more than there is room for, and then little; says what came of the first.
fn too_much(folder: &Path) -> String {
    if !folder.join("manifest.passim").exists() {
        index(folder);
    }
    let mut writer = builder().open(folder).unwrap();
    let mut state = IndexState::default().at(SEED, writer.stats().generation);
    let mut random = Seeded(3);
    let mut outcome = Ok(());
    // Kept in memory over the attempts: what was not committed is not lost either.
    writer
        .add((0..4_000).map(|at| Article::new(format!("much {at}"), format!("Zug {at}."))))
        .unwrap();
    for _ in 0..3 {
        outcome = writer.commit().map(drop);
        assert_eq!(writer.stats().generation, state.generation);
        assert!(writer.article("much 3999").unwrap().is_some());
        state.check(&builder().open_searcher(folder).unwrap(), &mut random).unwrap();
        state.check(&writer.searcher(), &mut random).unwrap();
        assert!(outcome.is_err());
    }
    writer.rollback();
    let round = state.round(SEED);
    round.edit(&mut writer).unwrap();
    round.commit(&mut writer).unwrap();
    drop(writer);
    state = state.after(&round);
    whole(folder, &state, &mut random);
    told(outcome)
}

#[cfg(unix)]
mod unix {
    use std::{env, os::unix::fs::PermissionsExt, process::Command};

    use super::*;

    /// Whether a program runs and is content.
    fn runs(program: &str, arguments: &[&str]) -> bool {
        let status = Command::new(program).args(arguments).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    #[test]
    fn a_file_that_may_not_grow_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let state = index(folder.path());
        // Blocks of 512 bytes in some shells and of 1,024 in others.
        let limited = "trap '' XFSZ; ulimit -f 200; exec \"$0\" \"$@\"";
        let said = output_of(&["sh", "-c", limited], "write too much", folder.path());
        assert_eq!(said, "Write FileTooLarge");
        let state = state.clone().at(SEED, state.generation + 1);
        whole(folder.path(), &state, &mut Seeded(1));
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let mount = "mount -t tmpfs -o size=400k none \"$PASSIM_TEST_FOLDER\"";
        let by = ["unshare", "--map-root-user", "--mount", "sh", "-c"];
        let folder = tempfile::tempdir().unwrap();
        let mut trial = Command::new(by[0]);
        trial.args(&by[1..]).arg(mount).env("PASSIM_TEST_FOLDER", folder.path());
        if !trial.stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
            eprintln!("NOT RUN: a small tmpfs cannot be mounted here");
            return;
        }
        let then = format!("{mount} && exec \"$0\" \"$@\"");
        let by = [&by[..], &[then.as_str()]].concat();
        assert_eq!(output_of(&by, "write too much", folder.path()), "Write StorageFull");
    }

    #[test]
    fn a_folder_that_may_not_be_written_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let state = index(folder.path());
        let allow = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        // Root may write anywhere.
        let is_root = runs("sh", &["-c", "test \"$(id -u)\" = 0"]);
        let by: &[&str] = if is_root { &nobody } else { &[] };
        let program = env::current_exe().unwrap();
        if is_root && !runs(by[0], &[&by[1..], &["test", "-x", program.to_str().unwrap()]].concat())
        {
            eprintln!("NOT RUN: `setpriv` is not here, or nobody may not run this program");
            return;
        }
        for name in names(folder.path()) {
            allow(&folder.path().join(name), 0o444);
        }
        allow(folder.path(), 0o555);
        let said = |lock| {
            allow(&folder.path().join("lock"), lock);
            output_of(by, "write where it is not allowed", folder.path())
        };
        assert_eq!(said(0o444), "open: Write PermissionDenied");
        assert_eq!(said(0o666), "commit: Write PermissionDenied");
        allow(folder.path(), 0o755);
        whole(folder.path(), &state, &mut Seeded(1));
    }
}

/// Reads an index in a folder that may not be written, and tries to write to it.
fn not_allowed(folder: &Path) -> String {
    let reader = builder().open_searcher(folder).unwrap();
    let state = IndexState::default().at(SEED, reader.generation());
    state.check(&reader, &mut Seeded(2)).unwrap();
    assert_eq!(told(builder().create(folder.join("new")).map(drop)), "Write PermissionDenied");
    let mut writer: Retriever = match builder().open(folder) {
        Ok(writer) => writer,
        Err(error) => return format!("open: {}", told(Err(error))),
    };
    state.round(SEED).edit(&mut writer).unwrap();
    let outcome = writer.commit().map(drop);
    state.check(&writer.searcher(), &mut Seeded(2)).unwrap();
    state.check(&builder().open_searcher(folder).unwrap(), &mut Seeded(2)).unwrap();
    format!("commit: {}", told(outcome))
}
