//! Parameters of statements.

use std::borrow::Cow;

use ::postgres::types::{ToSql, Type};

use crate::{Error, Result};

/// Maximum number of parameters of a statement, by the protocol.
const MAX_PARAMS: usize = u16::MAX as usize;

/// The parameters of a statement.
#[derive(Default)]
pub(in crate::postgres) struct Params<'p>(pub(super) Vec<TypedParam<'p>>);

/// A value with its type.
pub(super) struct TypedParam<'p> {
    pub(super) value: Box<dyn ToSql + Sync + 'p>,
    pub(super) sql_type: Type,
}

/// Each method adds a parameter and returns its place in the statement, such as `$1`.
impl<'p> Params<'p> {
    pub(in crate::postgres) fn text(&mut self, value: impl Into<Cow<'p, str>>) -> String {
        self.push(value.into(), Type::TEXT)
    }

    pub(in crate::postgres) fn texts(&mut self, values: Vec<&'p str>) -> String {
        self.push(values, Type::TEXT_ARRAY)
    }

    pub(in crate::postgres) fn owned_texts(&mut self, values: Vec<String>) -> String {
        self.push(values, Type::TEXT_ARRAY)
    }

    pub(in crate::postgres) fn boolean(&mut self, value: bool) -> String {
        self.push(value, Type::BOOL)
    }

    pub(in crate::postgres) fn int4(&mut self, value: i32) -> String {
        self.push(value, Type::INT4)
    }

    pub(in crate::postgres) fn optional_int4(&mut self, value: Option<i32>) -> String {
        self.push(value, Type::INT4)
    }

    pub(in crate::postgres) fn optional_text(&mut self, value: Option<&'p str>) -> String {
        self.push(value, Type::TEXT)
    }

    pub(in crate::postgres) fn int8(&mut self, value: i64) -> String {
        self.push(value, Type::INT8)
    }

    pub(in crate::postgres) fn int2s(&mut self, values: Vec<i16>) -> String {
        self.push(values, Type::INT2_ARRAY)
    }

    pub(in crate::postgres) fn int8s(&mut self, values: Vec<i64>) -> String {
        self.push(values, Type::INT8_ARRAY)
    }

    pub(in crate::postgres) fn float4s(&mut self, values: &'p [f32]) -> String {
        self.push(values, Type::FLOAT4_ARRAY)
    }

    pub(in crate::postgres) fn bytes(&mut self, value: Vec<u8>) -> String {
        self.push(value, Type::BYTEA)
    }

    pub(in crate::postgres) fn byte_strings(&mut self, values: Vec<Vec<u8>>) -> String {
        self.push(values, Type::BYTEA_ARRAY)
    }

    /// Adds a vector in the binary form of pgvector, for [`Connection::copy_rows`]: its dimension, 2
    /// bytes of zeros, and the values.
    pub(in crate::postgres) fn copied_vector(&mut self, values: &[f32]) -> String {
        let dim = u16::try_from(values.len()).expect("the dimension was checked at the creation");
        let header = [dim.to_be_bytes(), [0; 2]].concat();
        let values = values.iter().flat_map(|value| value.to_be_bytes());
        self.bytes(header.into_iter().chain(values).collect())
    }

    fn push(&mut self, value: impl ToSql + Sync + 'p, sql_type: Type) -> String {
        self.0.push(TypedParam { value: Box::new(value), sql_type });
        format!("${}", self.0.len())
    }

    /// Returns the parameters for the client.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] if there are more than [`MAX_PARAMS`].
    pub(super) fn checked(&self) -> Result<Vec<(&(dyn ToSql + Sync), Type)>> {
        let got = self.0.len();
        if got > MAX_PARAMS {
            return Err(Error::TooLarge {
                what: "values in one statement",
                got,
                limit: MAX_PARAMS,
            });
        }
        Ok(self.0.iter().map(|param| (&*param.value as _, param.sql_type.clone())).collect())
    }
}
