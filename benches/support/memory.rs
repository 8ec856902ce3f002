//! The memory that this process needs.

#![allow(dead_code, reason = "no file uses all of it")]

use std::fs;

/// The most memory that was resident so far, in MiB; `None` where the system does not tell.
pub fn peak_mib() -> Option<u64> {
    mib("VmHWM:")
}

/// The memory of its own that is resident now, in MiB.
pub fn own_mib() -> Option<u64> {
    mib("RssAnon:")
}

/// The part of mapped files that is resident now, the program's own included, in MiB: memory
/// that processes share, and that the system takes back when it is short of it.
pub fn mapped_mib() -> Option<u64> {
    mib("RssFile:")
}

fn mib(field: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib / 1024)
}
