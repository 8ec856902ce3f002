//! Where ONNX Runtime's library may be, and the first one there that works.

use std::cmp::Reverse;
use std::env;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::NEEDED;
use crate::{Cause, Error, Result};

/// Set to a library file or its folder, this is the only place looked at.
const VARIABLE: &str = "ORT_DYLIB_PATH";

/// Folders of package managers and of archives unpacked by hand.
const FOLDERS: [&str; 7] = [
    "/usr/local/lib",
    "/usr/lib",
    "/usr/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/opt/onnxruntime/lib",
    "/opt/homebrew/lib",
];

/// Why a library was not taken.
pub(super) struct Failure {
    /// Whether there is a library at all.
    pub(super) found: bool,
    pub(super) cause: Cause,
}

impl<E: Into<Cause>> From<E> for Failure {
    fn from(cause: E) -> Self {
        Self { found: true, cause: cause.into() }
    }
}

/// What `open` makes of the first library that it can open, looking at `places` in order.
///
/// # Errors
///
/// [`Error::OnnxRuntime`] with all that was tried if there is none.
pub(super) fn first_that_opens<T>(
    places: Vec<PathBuf>,
    open: impl Fn(&Path) -> Result<T, Failure>,
) -> Result<T> {
    let mut tried = Vec::new();
    let mut told = Failure { found: false, cause: io::Error::from(io::ErrorKind::NotFound).into() };
    for place in places {
        let libraries = libraries_at(&place);
        if libraries.is_empty() {
            tried.push(place);
        }
        for library in libraries {
            let opened = check_complete(&library).map_err(Failure::from);
            match opened.and_then(|()| open(&library)) {
                Ok(opened) => return Ok(opened),
                // A library that is there and does not work tells more than one that is not.
                Err(failure) if failure.found || !told.found => told = failure,
                Err(_) => {}
            }
            tried.push(library);
        }
    }
    Err(Error::OnnxRuntime { needed: NEEDED, tried, source: told.cause })
}

/// Places to look at, in order: what the user set, beside the program, where the system's
/// loader looks, what `pip install` wrote, and the usual folders.
pub(super) fn places() -> Vec<PathBuf> {
    if let Some(given) = env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        return vec![given.into()];
    }
    let program = env::current_exe().ok();
    let beside = program.as_deref().and_then(Path::parent).map(Path::to_owned);
    let plain = format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}");
    let names = [plain.clone(), format!("{plain}.1")].map(PathBuf::from);
    let folders = FOLDERS.iter().map(PathBuf::from).filter(|folder| folder.is_dir());
    beside.into_iter().chain(names).chain(python_folders()).chain(folders).collect()
}

/// Folders in which Python's package `onnxruntime` keeps its library.
fn python_folders() -> Vec<PathBuf> {
    let active = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(env::var_os);
    let user = env::home_dir().map(|home| home.join(".local"));
    let roots = active.map(PathBuf::from).chain(user).chain(["/usr/local".into(), "/usr".into()]);
    roots.flat_map(|root| packages_under(&root)).collect()
}

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

/// The libraries of a folder, newest first; of anything else, itself.
fn libraries_at(place: &Path) -> Vec<PathBuf> {
    if !place.is_dir() {
        // `dlopen` takes a bare name for one of its own folders, not for a file that is here.
        let here = place.exists().then(|| std::path::absolute(place).ok()).flatten();
        return vec![here.unwrap_or_else(|| place.to_owned())];
    }
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| is_library(path)).collect();
    found.sort_by_cached_key(|path| Reverse((version(path), path.clone())));
    found
}

/// Whether the name is that of ONNX Runtime itself, with or without a version in it.
fn is_library(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.strip_prefix(DLL_PREFIX)
        .and_then(|name| name.strip_prefix("onnxruntime."))
        .is_some_and(|rest| format!(".{rest}").contains(DLL_SUFFIX))
}

/// The numbers in a library's name.
fn version(path: &Path) -> Vec<u32> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.split('.').filter_map(|part| part.parse().ok()).collect()
}

/// Refuses a library that was cut short, as by a full disk: the system's loader would map
/// it, and the process would die on touching what is not there.
///
/// An ELF file ends with its table of sections, whose place is in the header. What is no
/// ELF file, and what only the loader can find, is left to the loader.
fn check_complete(library: &Path) -> Result<(), Cause> {
    let Ok(mut file) = File::open(library) else { return Ok(()) };
    let mut header = [0; 64];
    if file.read_exact(&mut header).is_err() || !header.starts_with(b"\x7fELF\x02\x01") {
        return Ok(());
    }
    let number = |field: Range<usize>| {
        header[field].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    let (table, entry_bytes, entries) = (number(40..48), number(58..60), number(60..62));
    let needed = table.saturating_add(entry_bytes * entries);
    let len = file.metadata()?.len();
    if len < needed {
        return Err(format!("the file was cut short: {len} of {needed} bytes are there").into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_runtime_itself_is_a_library() {
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
    fn every_place_tried_is_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let (empty, text) = (folder.path().join("empty"), folder.path().join("text.so"));
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
        // What is said of the file that is there.
        assert_eq!(source.to_string(), "no library");
        let opened = first_that_opens(places, |library| {
            if library.exists() { Ok(library.to_owned()) } else { Err("not there".into()) }
        });
        assert_eq!(opened.unwrap(), text);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_library_cut_short_is_refused_before_it_is_mapped() {
        let whole = fs::read(env::current_exe().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut.so");
        for (len, complete) in [(whole.len(), true), (whole.len() / 2, false), (64, false)] {
            fs::write(&path, &whole[..len]).unwrap();
            assert_eq!(check_complete(&path).is_ok(), complete, "{len} bytes");
        }
    }
}
