//! Reads and writes the messages of an ONNX file.
//!
//! # Source
//!
//! The encoding of Protocol Buffers.

/// A field of a message.
pub(super) struct Field<'b> {
    pub(super) number: u64,
    pub(super) value: FieldValue<'b>,
    /// The whole field with its number.
    pub(super) encoded: &'b [u8],
}

pub(super) enum FieldValue<'b> {
    Integer(u64),
    /// A message, a text or a number of fixed width.
    Bytes(&'b [u8]),
}

/// Returns the messages or texts in the fields `number` of a message.
pub(super) fn messages(bytes: &[u8], number: u64) -> impl Iterator<Item = &[u8]> {
    fields(bytes).filter_map(move |field| match field.value {
        FieldValue::Bytes(bytes) if field.number == number => Some(bytes),
        _ => None,
    })
}

/// Returns the fields of a message, up to the first damaged one.
pub(super) fn fields(mut bytes: &[u8]) -> impl Iterator<Item = Field<'_>> {
    std::iter::from_fn(move || {
        let message = bytes;
        let key = varint(&mut bytes)?;
        let number = key >> 3;
        let value = match key & 7 {
            0 => FieldValue::Integer(varint(&mut bytes)?),
            1 => FieldValue::Bytes(take(&mut bytes, 8)?),
            2 => {
                let length = varint(&mut bytes)?;
                FieldValue::Bytes(take(&mut bytes, usize::try_from(length).ok()?)?)
            }
            5 => FieldValue::Bytes(take(&mut bytes, 4)?),
            _ => return None,
        };
        Some(Field { number, value, encoded: &message[..message.len() - bytes.len()] })
    })
}

/// Takes `length` bytes from the front of `bytes`.
fn take<'b>(bytes: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (front, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(front)
}

/// Takes an integer of seven bits a byte, lowest first, from the front of `bytes`.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Appends the field `number`, an integer.
pub(super) fn push_integer(message: &mut Vec<u8>, number: u64, value: u64) {
    push_varint(message, number << 3);
    push_varint(message, value);
}

/// Appends the field `number`, a message or a text.
pub(super) fn push_bytes(message: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    push_varint(message, number << 3 | 2);
    push_varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

/// Appends an integer of seven bits a byte, lowest first.
fn push_varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    message.push(value.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_they_were_written() {
        let mut message = Vec::new();
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            push_integer(&mut message, 14, value);
        }
        push_bytes(&mut message, 9, &[7; 300]);
        let read: Vec<Field> = fields(&message).collect();
        let integers = read.iter().filter_map(|field| match field.value {
            FieldValue::Integer(value) if field.number == 14 => Some(value),
            _ => None,
        });
        let expected = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        assert_eq!(integers.collect::<Vec<_>>(), expected);
        assert_eq!(messages(&message, 9).collect::<Vec<_>>(), [&[7; 300][..]]);
        assert_eq!(
            read.iter().flat_map(|field| field.encoded).copied().collect::<Vec<_>>(),
            message
        );
    }
}
