//! Files and records: columns of numbers, files made of sections, small records, decode errors.

pub(crate) mod codec;
pub(crate) mod column;
pub(crate) mod decode_error;
pub(crate) mod mapped_file;
pub(crate) mod sections;
