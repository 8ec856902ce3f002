//! Search for the library of ONNX Runtime.

use std::cmp::Reverse;
use std::env;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::NEEDED;
use crate::{Cause, Error, Result};

/// Names a library file or its folder; if set, no other place is searched.
const VARIABLE: &str = "ORT_DYLIB_PATH";

/// Folders of package managers and of unpacked archives.
const FOLDERS: [&str; 7] = [
    "/usr/local/lib",
    "/usr/lib",
    "/usr/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/opt/onnxruntime/lib",
    "/opt/homebrew/lib",
];

/// The reason why a library cannot be used.
pub(super) struct Failure {
    /// Whether the file exists.
    pub(super) found: bool,
    pub(super) cause: Cause,
}

impl<E: Into<Cause>> From<E> for Failure {
    fn from(cause: E) -> Self {
        Self { found: true, cause: cause.into() }
    }
}

/// Opens the first library in `places` that works, with `open`.
///
/// # Errors
///
/// [`Error::OnnxRuntime`] with all places tried if none works.
pub(super) fn first_that_opens<T>(
    places: Vec<PathBuf>,
    open: impl Fn(&Path) -> Result<T, Failure>,
) -> Result<T> {
    let mut tried = Vec::new();
    let mut last = Failure { found: false, cause: io::Error::from(io::ErrorKind::NotFound).into() };
    for place in places {
        let libraries = libraries_at(&place);
        if libraries.is_empty() {
            tried.push(place);
        }
        for library in libraries {
            let opened = check_complete(&library).map_err(Failure::from);
            match opened.and_then(|()| open(&library)) {
                Ok(opened) => return Ok(opened),
                // A broken library is a better explanation than a missing one.
                Err(failure) if failure.found || !last.found => last = failure,
                Err(_) => {}
            }
            tried.push(library);
        }
    }
    Err(Error::OnnxRuntime { needed: NEEDED, tried, source: last.cause })
}

/// Returns the places to search, in order: the environment variable alone if it is set; else the
/// program's folder, the system's loader, Python packages and [`FOLDERS`].
pub(super) fn places() -> Vec<PathBuf> {
    if let Some(given) = env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        return vec![given.into()];
    }
    let program = env::current_exe().ok();
    let program_folder = program.as_deref().and_then(Path::parent).map(Path::to_owned);
    let name = format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}");
    let names = [name.clone(), format!("{name}.1")].map(PathBuf::from);
    let folders = FOLDERS.iter().map(PathBuf::from).filter(|folder| folder.is_dir());
    program_folder.into_iter().chain(names).chain(python_folders()).chain(folders).collect()
}

/// Returns the library folders of the Python package `onnxruntime`.
fn python_folders() -> Vec<PathBuf> {
    let active = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(env::var_os);
    let user = env::home_dir().map(|home| home.join(".local"));
    let roots = active.map(PathBuf::from).chain(user).chain(["/usr/local".into(), "/usr".into()]);
    roots.flat_map(|root| packages_under(&root)).collect()
}

/// Returns the library folders of that package in the Python environment at `root`.
fn packages_under(root: &Path) -> Vec<PathBuf> {
    let versions = fs::read_dir(root.join("lib")).into_iter().flatten().flatten();
    let mut homes: Vec<_> = versions
        .filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"python3"))
        .map(|entry| entry.path())
        .collect();
    homes.sort();
    homes.push(root.join("Lib"));
    let packages = homes.iter().flat_map(|home| {
        ["site-packages", "dist-packages"].map(|folder| home.join(folder).join("onnxruntime/capi"))
    });
    packages.filter(|folder| folder.is_dir()).collect()
}

/// Returns the libraries in a folder, newest first. Any other place is returned as it is.
fn libraries_at(place: &Path) -> Vec<PathBuf> {
    if !place.is_dir() {
        // `dlopen` looks up a bare name in the system's folders, not in the working folder.
        let absolute = place.exists().then(|| std::path::absolute(place).ok()).flatten();
        return vec![absolute.unwrap_or_else(|| place.to_owned())];
    }
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| is_library(path)).collect();
    found.sort_by_cached_key(|path| Reverse((version(path), path.clone())));
    found
}

/// Returns whether the file is named like ONNX Runtime itself, with or without a version.
fn is_library(path: &Path) -> bool {
    file_name(path)
        .and_then(|name| name.strip_prefix(DLL_PREFIX))
        .and_then(|name| name.strip_prefix("onnxruntime."))
        .is_some_and(|rest| format!(".{rest}").contains(DLL_SUFFIX))
}

/// Returns the numbers in the name of a library.
fn version(path: &Path) -> Vec<u32> {
    let parts = file_name(path).into_iter().flat_map(|name| name.split('.'));
    parts.filter_map(|part| part.parse().ok()).collect()
}

/// Returns the name of a file; `None` if it is not UTF-8.
fn file_name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

/// Checks that a library is not truncated, for example by a full disk. The system's loader would
/// map a truncated file, and the process would receive SIGBUS.
///
/// An ELF file ends with its section table, and its header has the table's position. Other files,
/// and names that only the loader resolves, are not checked.
fn check_complete(library: &Path) -> Result<(), Cause> {
    let Ok(mut file) = File::open(library) else { return Ok(()) };
    let mut header = [0; 64];
    if file.read_exact(&mut header).is_err() || !header.starts_with(b"\x7fELF\x02\x01") {
        return Ok(());
    }
    let number = |field: Range<usize>| {
        header[field].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    let table_at = number(40..48);
    let entry_bytes = number(58..60);
    let entries = number(60..62);
    let len = file.metadata()?.len();
    match table_at.checked_add(entry_bytes * entries) {
        Some(needed) if needed <= len => Ok(()),
        Some(needed) => {
            Err(format!("the file is truncated: it has {len} of {needed} bytes").into())
        }
        None => Err(format!("its section table starts at {table_at}, beyond any file").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provider_libraries_are_not_the_runtime() {
        let named =
            |version: &str| PathBuf::from(format!("{DLL_PREFIX}onnxruntime{version}{DLL_SUFFIX}"));
        assert!(is_library(&named("")));
        assert!(is_library(Path::new("/x").join(named("")).as_path()));
        for other in [named("_providers_shared"), named("4j"), "onnxruntime.py".into()] {
            assert!(!is_library(&other), "{}", other.display());
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_newest_library_of_a_folder_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["libonnxruntime.so.1.24.2", "libonnxruntime.so.1.9.0", "libonnxruntime.so"];
        for name in ["libonnxruntime_providers_shared.so"].iter().chain(&names) {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let expected = names.map(|name| folder.path().join(name));
        assert_eq!(libraries_at(folder.path()), expected);
    }

    #[test]
    fn a_python_environment_is_searched() {
        let root = tempfile::tempdir().unwrap();
        let package = root.path().join("lib/python3.13/site-packages/onnxruntime/capi");
        fs::create_dir_all(&package).unwrap();
        assert_eq!(packages_under(root.path()), [package]);
        assert!(packages_under(&root.path().join("lib")).is_empty());
    }

    #[test]
    fn the_error_names_every_place_tried() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty");
        let text = folder.path().join("text.so");
        fs::create_dir(&empty).unwrap();
        fs::write(&text, "this is no library").unwrap();
        let places = vec![empty, text.clone(), folder.path().join("missing.so")];
        let open = |library: &Path| {
            let failed = |cause: &str| Failure { found: library.exists(), cause: cause.into() };
            Err::<(), _>(failed(if library == text { "no library" } else { "not there" }))
        };
        let Err(Error::OnnxRuntime { tried, source, .. }) = first_that_opens(places.clone(), open)
        else {
            panic!("something was opened")
        };
        assert_eq!(tried, places);
        // The cause is that of the existing file.
        assert_eq!(source.to_string(), "no library");
        let opened = first_that_opens(places, |library| {
            if library.exists() { Ok(library.to_owned()) } else { Err("not there".into()) }
        });
        assert_eq!(opened.unwrap(), text);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_truncated_library_is_not_mapped() {
        let whole = fs::read(env::current_exe().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut.so");
        for (len, complete) in [(whole.len(), true), (whole.len() / 2, false), (64, false)] {
            fs::write(&path, &whole[..len]).unwrap();
            assert_eq!(check_complete(&path).is_ok(), complete, "{len} bytes");
        }
    }
}
