//! Running a test program again, as a process that can be killed or lacks a right.
//!
//! A test crate that uses it has an ignored test `in_child`, which runs the task.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

const TASK: &str = "PASSIM_TEST_TASK";
const FOLDER: &str = "PASSIM_TEST_FOLDER";

/// A task of a child process, and the folder that it works on.
#[derive(Clone, Debug)]
pub struct Task {
    /// The name of the task.
    pub name: String,
    /// The folder.
    pub folder: PathBuf,
}

/// The task that this process was started with; `None` if [`command`] did not start it.
pub fn task() -> Option<Task> {
    let name = env::var(TASK).ok()?;
    Some(Task { name, folder: PathBuf::from(env::var_os(FOLDER)?) })
}

/// A command that runs the test `in_child` of this program.
///
/// `wrapper` is a program with arguments that starts it; empty for none.
pub fn command(wrapper: &[&str], task: &str, folder: &Path) -> Command {
    let program = env::current_exe().expect("a test program has a path");
    let mut command = match wrapper {
        [] => Command::new(program),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
    };
    command.args(["--exact", "in_child", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(TASK, task).env(FOLDER, folder);
    command
}
