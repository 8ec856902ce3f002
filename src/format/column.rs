//! Columns: arrays of numbers, in memory or in a mapped file, read through one type.

use std::{fmt, marker::PhantomData, ops::Deref, ops::Range, path::Path, sync::Arc};

use bytemuck::Pod;

pub(crate) use super::mapped_file::MappedFile;

#[cfg(target_endian = "big")]
compile_error!("index files are little-endian and are mapped without conversion");

/// Array of numbers; dereferences to a slice.
pub(crate) enum Column<T> {
    /// Numbers in memory.
    Owned(Vec<T>),
    /// Numbers in a mapped file.
    Mapped(MappedSlice<T>),
}

/// Byte range of a mapped file that holds aligned values of type `T`.
///
/// Invariant: the range lies within the file, and casts to `[T]`.
pub(crate) struct MappedSlice<T> {
    file: Arc<MappedFile>,
    bytes: Range<usize>,
    values: PhantomData<fn() -> T>,
}

impl<T: Pod> Column<T> {
    /// Maps `bytes` of `file` as numbers. Returns `None` if the range exceeds the file, is not a
    /// whole number of values, or is not aligned.
    pub(crate) fn mapped(file: &Arc<MappedFile>, bytes: Range<usize>) -> Option<Self> {
        let slice = MappedSlice { file: Arc::clone(file), bytes, values: PhantomData };
        slice.get().is_some().then_some(Self::Mapped(slice))
    }

    /// Returns the numbers for modification. Mapped numbers are copied into memory first.
    pub(crate) fn to_mut(&mut self) -> &mut [T] {
        if let Self::Mapped(_) = self {
            *self = Self::Owned(self.to_vec());
        }
        match self {
            Self::Owned(numbers) => numbers,
            Self::Mapped(_) => unreachable!("mapped numbers were copied into memory"),
        }
    }

    /// Returns the numbers as bytes, which are the same in memory and in a file.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        bytemuck::cast_slice(self)
    }

    /// Returns the path of the mapped file; `None` in memory.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Owned(_) => None,
            Self::Mapped(slice) => Some(slice.file.path()),
        }
    }
}

impl<T: Pod> MappedSlice<T> {
    fn get(&self) -> Option<&[T]> {
        bytemuck::try_cast_slice(self.file.get(self.bytes.clone())?).ok()
    }
}

impl<T: Pod> Deref for Column<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match self {
            Self::Owned(numbers) => numbers,
            Self::Mapped(slice) => slice.get().expect("`mapped` checked range and alignment"),
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
            Self::Mapped(slice) => Self::Mapped(MappedSlice {
                file: Arc::clone(&slice.file),
                bytes: slice.bytes.clone(),
                values: PhantomData,
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
