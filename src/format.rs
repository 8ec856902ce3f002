//! File formats: columns of numbers, files made of sections, records, and decode errors.

pub(crate) mod codec;
pub(crate) mod column;
pub(crate) mod decode_error;
pub(crate) mod file_signature;
pub(crate) mod head_record;
pub(crate) mod lazy_checked;
pub(crate) mod locked_file;
pub(crate) mod mapped_file;
pub(crate) mod replaced_file;
pub(crate) mod sections;
pub(crate) mod settings_text;
pub(crate) mod tag;
