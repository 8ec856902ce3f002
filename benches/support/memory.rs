//! Memory of this process.

use std::fs;

/// Peak of resident memory in MiB; `None` where the system does not report it.
pub fn peak_mib() -> Option<u64> {
    mib("VmHWM:")
}

/// Private resident memory in MiB.
pub fn own_mib() -> Option<u64> {
    mib("RssAnon:")
}

/// Resident part of mapped files in MiB, including the executable. Processes share this memory,
/// and the system can reclaim it.
pub fn mapped_mib() -> Option<u64> {
    mib("RssFile:")
}

fn mib(field: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib / 1024)
}
