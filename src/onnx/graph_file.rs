//! The file of a graph: what its sessions are opened from.

use std::path::{Path, PathBuf, absolute};

use memchr::memmem;

use super::{
    ExecutionProvider,
    model_folder::{file_name, model_file_error},
    onnx_graph::{external_names, output_shape},
    weight_references::refer_to_weights,
};
use crate::{Result, format::mapped_file::MappedFile};

/// A graph, with references in place of its large weights.
pub(crate) struct GraphFile {
    /// The path that the user or the cache of the hub has given.
    path: PathBuf,
    /// Folder of the file itself, to which `path` may be a link.
    folder: PathBuf,
    onnx: Vec<u8>,
    /// Names of further weight files beside the graph.
    external: Vec<String>,
}

/// The source that ONNX Runtime opens a session from.
pub(crate) enum GraphSource<'g> {
    /// The graph in memory, and the folder of the weights that it refers to.
    Memory {
        onnx: &'g [u8],
        folder: &'g str,
    },
    File(&'g Path),
}

impl GraphFile {
    /// Reads the graph at `path`.
    ///
    /// # Errors
    ///
    /// [`Error::ModelFile`](crate::Error::ModelFile) if it cannot be read, or names weights outside
    /// its folder.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let failed = |error| model_file_error(path, error);
        // ONNX Runtime refuses weights behind a link that leads out of the folder, as in the cache
        // of the hub.
        let target = if path.is_symlink() { path.canonicalize() } else { absolute(path) };
        let target = target.map_err(failed)?;
        let map = MappedFile::open(&target).map_err(failed)?;
        let onnx = refer_to_weights(&map, &file_name(&target));
        let external = external_names(&onnx).map_err(|fault| model_file_error(path, fault))?;
        Ok(Self {
            path: path.to_owned(),
            folder: target.parent().unwrap_or(&target).to_owned(),
            onnx,
            external: external.into_iter().collect(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the paths of the weight files beside the graph.
    pub(super) fn external(&self) -> Vec<PathBuf> {
        self.external.iter().map(|name| self.path.with_file_name(name)).collect()
    }

    /// Returns whether the graph quantizes activations by the range of the whole run.
    pub(super) fn is_dynamically_quantized(&self) -> bool {
        // The file contains operator names as plain bytes.
        memmem::find(&self.onnx, b"DynamicQuantize").is_some()
    }

    /// Returns the declared shape of the output `name`, as [`output_shape`] does.
    pub(super) fn output_shape(&self, name: &str) -> Option<Vec<Option<u64>>> {
        output_shape(&self.onnx, name)
    }

    /// Returns the source of a session on `providers`.
    ///
    /// Weight files beside a graph are found by its path. Devices copy weights into their own memory.
    pub(super) fn source(&self, providers: &[ExecutionProvider]) -> GraphSource<'_> {
        match self.folder.to_str() {
            Some(folder) if self.external.is_empty() && providers.is_empty() => {
                GraphSource::Memory { onnx: &self.onnx, folder }
            }
            _ => GraphSource::File(&self.path),
        }
    }
}
