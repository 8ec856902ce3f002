//! Arrays of plain numbers that are in memory or in a mapped file: nobody who reads them has
//! to know which.

use std::{fmt, marker::PhantomData, ops::Deref, ops::Range, path::Path, sync::Arc};

use bytemuck::Pod;

pub(crate) use super::mapped_file::MappedFile;

#[cfg(target_endian = "big")]
compile_error!("the files of an index are little-endian, and mapped as they are");

/// An array of numbers, as a slice.
pub(crate) enum Column<T> {
    /// In memory.
    Owned(Vec<T>),
    /// In a file.
    Mapped(MappedSlice<T>),
}

/// A part of a mapped file, which holds whole numbers at addresses that suit them.
pub(crate) struct MappedSlice<T> {
    map: Arc<MappedFile>,
    bytes: Range<usize>,
    kind: PhantomData<fn() -> T>,
}

impl<T: Pod> Column<T> {
    /// The numbers in `bytes` of `map`; `None` if those do not exist, are no whole number of
    /// them, or lie where none can begin.
    pub(crate) fn mapped(map: &Arc<MappedFile>, bytes: Range<usize>) -> Option<Self> {
        let piece = MappedSlice { map: Arc::clone(map), bytes, kind: PhantomData };
        piece.numbers().is_some().then_some(Self::Mapped(piece))
    }

    /// The numbers, to be changed; those of a file are copied first.
    pub(crate) fn to_mut(&mut self) -> &mut [T] {
        if let Self::Mapped(_) = self {
            *self = Self::Owned(self.to_vec());
        }
        match self {
            Self::Owned(numbers) => numbers,
            Self::Mapped(_) => &mut [],
        }
    }

    /// The numbers as they are in memory, and in files.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        bytemuck::cast_slice(self)
    }

    /// The file that they are in.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Owned(_) => None,
            Self::Mapped(piece) => Some(piece.map.path()),
        }
    }
}

impl<T: Pod> MappedSlice<T> {
    fn numbers(&self) -> Option<&[T]> {
        bytemuck::try_cast_slice(self.map.get(self.bytes.clone())?).ok()
    }
}

impl<T: Pod> Deref for Column<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match self {
            Self::Owned(numbers) => numbers,
            // It was checked when it was mapped.
            Self::Mapped(piece) => piece.numbers().unwrap_or_default(),
        }
    }
}

impl<T> From<Vec<T>> for Column<T> {
    fn from(numbers: Vec<T>) -> Self {
        Self::Owned(numbers)
    }
}

impl<T> FromIterator<T> for Column<T> {
    fn from_iter<I: IntoIterator<Item = T>>(numbers: I) -> Self {
        Self::Owned(numbers.into_iter().collect())
    }
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self::Owned(Vec::new())
    }
}

impl<T: Clone> Clone for Column<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Owned(numbers) => Self::Owned(numbers.clone()),
            Self::Mapped(MappedSlice { map, bytes, kind }) => Self::Mapped(MappedSlice {
                map: Arc::clone(map),
                bytes: bytes.clone(),
                kind: *kind,
            }),
        }
    }
}

impl<T: Pod + PartialEq> PartialEq for Column<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Pod> fmt::Debug for Column<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}; {}]", std::any::type_name::<T>(), self.len())
    }
}
