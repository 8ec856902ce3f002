//! A crate of its own because its tests run it again as processes, which are killed or restricted.
//!
//! A writer that is killed, or lacks space, permission or the lock, leaves the last commit whole.

use std::{
    fs,
    io::{BufRead, BufReader, Lines, Write},
    path::Path,
    process::{Child, ChildStdout, Stdio},
    thread,
    time::{Duration, Instant},
};

use passim::{
    Article, Error, HnswParams, IdSearchParams, IndexChoice, Retriever, VectorReader, VectorStore,
    Vectors,
};

use passim_testkit::{
    Seeded,
    child::{self, Task},
    index_model::{IndexState, builder},
};

const SEED: u64 = 20;
/// Number of commits during which a writer is killed.
const KILLS: usize = 300;

/// The tasks of child processes.
#[test]
#[ignore = "other tests run it as a child process"]
fn in_child() {
    let Some(Task { name, folder }) = child::task() else { return };
    match name.as_str() {
        "commit until killed" => commit_until_killed(&folder),
        "commit vectors until killed" => commit_vectors_until_killed(&folder),
        "hold the lock" => {
            let _writer = builder().open(&folder).unwrap();
            report("held");
            thread::sleep(Duration::from_mins(1));
        }
        "commit too much" => report(&commit_too_much(&folder)),
        "write to a read-only folder" => report(&write_to_read_only(&folder)),
        "open" => report(&outcome_name(builder().open(&folder).map(drop))),
        name => panic!("no task {name:?}"),
    }
}

/// Writes a line to standard output and flushes it.
fn report(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "\n> {line}").unwrap();
    output.flush().unwrap();
}

/// The next line that a child [reports](report).
fn next_report(lines: &mut Lines<BufReader<ChildStdout>>) -> Option<String> {
    let mut lines = lines.map_while(Result::ok);
    lines.find_map(|line| line.strip_prefix("> ").map(str::to_owned))
}

/// The variant of an error, with the kind of its cause; `Ok` for none.
fn outcome_name(outcome: passim::Result<()>) -> String {
    match outcome {
        Ok(()) => "Ok".to_owned(),
        Err(Error::Write { source, .. }) => format!("Write {:?}", source.kind()),
        Err(error) => format!("{error:?}").split([' ', '(']).next().unwrap_or_default().to_owned(),
    }
}

fn commit_until_killed(folder: &Path) {
    let mut writer = builder().open_or_create(folder).unwrap();
    let mut state = IndexState::default().at(SEED, writer.stats().generation);
    loop {
        let round = state.round(SEED);
        round.edit(&mut writer).unwrap();
        state = state.after(&round);
        report("begins");
        round.commit(&mut writer).unwrap();
        assert_eq!(writer.stats().generation, state.generation);
        report(&state.generation.to_string());
    }
}

/// Commits generations of a vector store. Generation `g` has the ids below `g % 50 + 20`, all with the
/// vector of `g`; each ninth one is compacted.
fn commit_vectors_until_killed(folder: &Path) {
    let graph = IndexChoice::Hnsw(HnswParams { m: 4, ef_construction: 12 });
    let mut writer = VectorStore::builder().index(graph).open_or_create(folder, 2).unwrap();
    loop {
        let generation = writer.generation() + 1;
        let present = ids_of(generation);
        let absent: Vec<u64> =
            writer.ids().unwrap().into_iter().filter(|id| !present.contains(id)).collect();
        let values = vector_of(generation).repeat(present.len());
        writer.add(&present, Vectors::normalized(2, values).unwrap()).unwrap();
        writer.remove(&absent).unwrap();
        report("begins");
        let committed =
            if generation.is_multiple_of(9) { writer.compact() } else { writer.commit() }.unwrap();
        report(&committed.to_string());
    }
}

fn ids_of(generation: u64) -> Vec<u64> {
    if generation == 0 { Vec::new() } else { (0..generation % 50 + 20).collect() }
}

fn vector_of(generation: u64) -> [f32; 2] {
    let angle = f32::from(u16::try_from(generation % 600).unwrap()) / 100.0;
    [angle.cos(), angle.sin()]
}

/// Checks all that `reader` finds, and returns its generation.
fn check_vectors(reader: &VectorReader) -> u64 {
    let generation = reader.generation();
    assert_eq!(reader.ids().unwrap(), ids_of(generation));
    let params = IdSearchParams { k: 100, ..IdSearchParams::default() };
    let found = reader.search(&vector_of(generation), &params).unwrap().neighbors;
    assert_eq!(found.len(), reader.len());
    assert!(found.iter().all(|neighbor| neighbor.similarity > 0.999_99));
    generation
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Opens the index for writing and checks all of it; returns the number of its files.
fn check_index(folder: &Path, state: &IndexState, random: &mut Seeded) -> usize {
    let writer = builder().open(folder).unwrap();
    state.check(&writer.searcher(), random).unwrap();
    let report = writer.verify().unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(names(folder).len(), report.files + 1, "{:?}", names(folder));
    report.files
}

/// How many writers were killed, and when.
#[derive(Debug, Default)]
struct KillCounts {
    in_commits: usize,
    between_commits: usize,
    /// After the commit was published, before the writer reported it.
    after_publishing: usize,
    /// With files left of an unpublished commit.
    with_leftovers: usize,
    commits: u64,
}

/// A writer that was killed.
struct KilledWriter {
    /// The last generation that it reported.
    reported: Option<u64>,
    in_commit: bool,
}

/// Lets the writer of `task` commit a few times and kills it during a commit. `commit_time` is the
/// mean time of a commit, which is updated.
fn kill_writer(
    task: &str,
    folder: &Path,
    random: &mut Seeded,
    commit_time: &mut Duration,
) -> KilledWriter {
    let mut command = child::command(&[], task, folder);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut reported = None;
    let mut next_line = |lines: &mut _| {
        let line = next_report(lines);
        reported = line.as_ref().and_then(|line| line.parse().ok()).or(reported);
        line
    };
    for _ in 0..random.below(3) {
        assert_eq!(next_line(&mut lines).as_deref(), Some("begins"));
        let begun = Instant::now();
        next_line(&mut lines).unwrap();
        *commit_time = (*commit_time * 7 + begun.elapsed()) / 8;
    }
    assert_eq!(next_line(&mut lines).as_deref(), Some("begins"));
    let per_mille = u32::try_from(random.below(1_200)).unwrap();
    thread::sleep(*commit_time * per_mille / 1_000);
    kill(&mut child);
    let mut in_commit = true;
    while let Some(line) = next_line(&mut lines) {
        in_commit = line == "begins";
    }
    KilledWriter { reported, in_commit }
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
}

#[test]
fn a_killed_writer_leaves_its_last_commit() {
    let folder = tempfile::tempdir().unwrap();
    drop(builder().create(folder.path()).unwrap());
    let mut state = IndexState::default();
    let mut random = Seeded(7);
    let mut count = KillCounts::default();
    let mut commit_time = Duration::from_millis(10);
    let mut files = 0;
    while count.in_commits < KILLS {
        let task = "commit until killed";
        let killed = kill_writer(task, folder.path(), &mut random, &mut commit_time);
        let reported = killed.reported.unwrap_or(state.generation);
        let files_left = names(folder.path()).len();
        let reader = builder().open_searcher(folder.path()).unwrap();
        let found = reader.generation();
        let is_published = killed.in_commit && found == reported + 1;
        assert!(found == reported || is_published, "{found}, reported was {reported}");
        state = state.at(SEED, found);
        state.check(&reader, &mut random).unwrap();
        drop(reader);
        files = check_index(folder.path(), &state, &mut random);
        count.in_commits += usize::from(killed.in_commit);
        count.between_commits += usize::from(!killed.in_commit);
        count.after_publishing += usize::from(is_published);
        count.with_leftovers += usize::from(files_left > files + 1);
    }
    count.commits = state.generation;
    println!("{count:?}, {files} files at the end");
    assert!(count.after_publishing > 0 && count.with_leftovers > 0, "at all points: {count:?}");
}

/// Number of commits during which a writer of vectors is killed.
const VECTOR_KILLS: usize = 60;

#[test]
fn a_killed_writer_of_vectors_leaves_its_last_commit() {
    let folder = tempfile::tempdir().unwrap();
    drop(VectorStore::create(folder.path(), 2).unwrap());
    // This process reads beside the writer, which is another one.
    let mut beside = VectorReader::open(folder.path()).unwrap();
    let mut random = Seeded(11);
    let mut last = 0;
    let mut commit_time = Duration::from_millis(5);
    for _ in 0..VECTOR_KILLS {
        let task = "commit vectors until killed";
        let killed = kill_writer(task, folder.path(), &mut random, &mut commit_time);
        let reported = killed.reported.unwrap_or(last);
        last = check_vectors(&VectorReader::open(folder.path()).unwrap());
        let is_published = killed.in_commit && last == reported + 1;
        assert!(last == reported || is_published, "{last}, reported was {reported}");
        beside.reload().unwrap();
        assert_eq!(check_vectors(&beside), last);
        let writer = VectorStore::open(folder.path()).unwrap();
        let report = writer.verify().unwrap();
        assert!(report.is_sound(), "{report:?}");
        assert_eq!(names(folder.path()).len(), report.files + 1, "{:?}", names(folder.path()));
    }
    println!("{VECTOR_KILLS} writers of vectors killed, {last} commits");
    assert!(last > 60);
}

#[test]
fn an_index_has_one_writer_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let writer = builder().create(folder.path()).unwrap();
    assert!(matches!(builder().open(folder.path()), Err(Error::Locked { .. })));
    assert!(matches!(builder().create(folder.path()), Err(Error::Locked { .. })));
    let open_in_child = || report_of(&[], "open", folder.path());
    assert_eq!(open_in_child(), "Locked");
    drop(writer);
    assert_eq!(open_in_child(), "Ok");

    let mut command = child::command(&[], "hold the lock", folder.path());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(next_report(&mut lines).as_deref(), Some("held"));
    assert!(matches!(builder().open(folder.path()), Err(Error::Locked { .. })));
    assert_eq!(builder().open_searcher(folder.path()).unwrap().generation(), 0);
    kill(&mut child);
    builder().open(folder.path()).unwrap();
}

/// The line that a child reports, which `wrapper` starts.
fn report_of(wrapper: &[&str], task: &str, folder: &Path) -> String {
    let output = child::command(wrapper, task, folder).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("> "));
    assert!(output.status.success() && line.is_some(), "{wrapper:?} {task}: {output:?}");
    line.unwrap().to_owned()
}

/// Creates an index with a few commits.
fn create_index(folder: &Path) -> IndexState {
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

/// Commits more than there is space for, then little; returns the outcome of the first commit.
fn commit_too_much(folder: &Path) -> String {
    if !folder.join("manifest.passim").exists() {
        create_index(folder);
    }
    let mut writer = builder().open(folder).unwrap();
    let mut state = IndexState::default().at(SEED, writer.stats().generation);
    let mut random = Seeded(3);
    let mut outcome = Ok(());
    // Uncommitted articles stay in memory over the attempts.
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
    check_index(folder, &state, &mut random);
    outcome_name(outcome)
}

#[cfg(unix)]
mod unix {
    use std::{env, os::unix::fs::PermissionsExt, process::Command};

    use super::*;

    /// Whether a program runs and exits with success.
    fn succeeds(program: &str, arguments: &[&str]) -> bool {
        let status = Command::new(program).args(arguments).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    #[test]
    fn a_file_size_limit_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let state = create_index(folder.path());
        // A block has 512 bytes in some shells and 1,024 in others.
        let limited = "trap '' XFSZ; ulimit -f 200; exec \"$0\" \"$@\"";
        let report = report_of(&["sh", "-c", limited], "commit too much", folder.path());
        assert_eq!(report, "Write FileTooLarge");
        let state = state.clone().at(SEED, state.generation + 1);
        check_index(folder.path(), &state, &mut Seeded(1));
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let mount = "mount -t tmpfs -o size=400k none \"$PASSIM_TEST_FOLDER\"";
        let wrapper = ["unshare", "--map-root-user", "--mount", "sh", "-c"];
        let folder = tempfile::tempdir().unwrap();
        let mut trial = Command::new(wrapper[0]);
        trial.args(&wrapper[1..]).arg(mount).env("PASSIM_TEST_FOLDER", folder.path());
        if !trial.stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
            eprintln!("NOT RUN: a small tmpfs cannot be mounted here");
            return;
        }
        let then = format!("{mount} && exec \"$0\" \"$@\"");
        let wrapper = [&wrapper[..], &[then.as_str()]].concat();
        assert_eq!(report_of(&wrapper, "commit too much", folder.path()), "Write StorageFull");
    }

    #[test]
    fn a_read_only_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let state = create_index(folder.path());
        let set_mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        // Root can write anywhere.
        let is_root = succeeds("sh", &["-c", "test \"$(id -u)\" = 0"]);
        let wrapper: &[&str] = if is_root { &nobody } else { &[] };
        let program = env::current_exe().unwrap();
        if is_root
            && !succeeds(
                wrapper[0],
                &[&wrapper[1..], &["test", "-x", program.to_str().unwrap()]].concat(),
            )
        {
            eprintln!("NOT RUN: `setpriv` is not here, or nobody may not run this program");
            return;
        }
        for name in names(folder.path()) {
            set_mode(&folder.path().join(name), 0o444);
        }
        set_mode(folder.path(), 0o555);
        let report = |lock| {
            set_mode(&folder.path().join("lock"), lock);
            report_of(wrapper, "write to a read-only folder", folder.path())
        };
        assert_eq!(report(0o444), "open: Write PermissionDenied");
        assert_eq!(report(0o666), "commit: Write PermissionDenied");
        set_mode(folder.path(), 0o755);
        check_index(folder.path(), &state, &mut Seeded(1));
    }
}

/// Reads an index in a read-only folder and tries to write to it; returns the outcome.
fn write_to_read_only(folder: &Path) -> String {
    let reader = builder().open_searcher(folder).unwrap();
    let state = IndexState::default().at(SEED, reader.generation());
    state.check(&reader, &mut Seeded(2)).unwrap();
    assert_eq!(
        outcome_name(builder().create(folder.join("new")).map(drop)),
        "Write PermissionDenied"
    );
    let mut writer: Retriever = match builder().open(folder) {
        Ok(writer) => writer,
        Err(error) => return format!("open: {}", outcome_name(Err(error))),
    };
    state.round(SEED).edit(&mut writer).unwrap();
    let outcome = writer.commit().map(drop);
    state.check(&writer.searcher(), &mut Seeded(2)).unwrap();
    state.check(&builder().open_searcher(folder).unwrap(), &mut Seeded(2)).unwrap();
    format!("commit: {}", outcome_name(outcome))
}
