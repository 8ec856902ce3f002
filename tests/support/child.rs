//! Running this test program again, as a process that can be killed or lacks a right.

#![allow(dead_code, reason = "no test uses all of it")]

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

const TASK: &str = "PASSIM_TEST_TASK";
const FOLDER: &str = "PASSIM_TEST_FOLDER";

/// The task and the folder that this process was started with; `None` if it was not by
/// [`command`].
pub fn asked() -> Option<(String, PathBuf)> {
    let task = env::var(TASK).ok()?;
    Some((task, PathBuf::from(env::var_os(FOLDER)?)))
}

/// The test `in_child` in a process of its own, started by the program and arguments `by`, if
/// there are any.
pub fn command(by: &[&str], task: &str, folder: &Path) -> Command {
    let program = env::current_exe().unwrap();
    let mut command = match by {
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
