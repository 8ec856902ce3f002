//! Outputs and external weight files that a graph declares, read without loading the graph.
//!
//! # Source
//!
//! The field numbers of `onnx.proto`.

use std::collections::BTreeSet;

use memchr::memmem;

use super::{
    model_folder::is_file_name,
    protobuf::{FieldValue, fields, messages},
};
use crate::Cause;

/// Returns the names of the weight files beside the graph, for example `model.onnx_data`. Graphs
/// over 2 GB have such files.
///
/// The graph is a protocol buffer, in which such a name is the value of the key `location`.
///
/// # Errors
///
/// If a name is unreadable or leads outside of the graph's folder.
pub(super) fn external_names(graph: &[u8]) -> Result<BTreeSet<String>, Cause> {
    const KEY: &[u8] = b"\x0a\x08location\x12";
    let mut names = BTreeSet::new();
    for at in memmem::find_iter(graph, KEY) {
        // A name has fewer than 128 bytes, so its length is one byte.
        let value = &graph[at + KEY.len()..];
        let name = value.split_first().and_then(|(length, rest)| rest.get(..usize::from(*length)));
        let name = name.and_then(|name| std::str::from_utf8(name).ok());
        let Some(name) = name else {
            return Err("it names external weights without a readable file name".into());
        };
        if !is_file_name(name) {
            return Err(format!("it names weights outside its folder: {name}").into());
        }
        names.insert(name.to_owned());
    }
    Ok(names)
}

/// Returns the size of each dimension of the output `name`; a variable size is `None`. Returns
/// `None` if the graph does not declare the shape or is not a graph.
pub(crate) fn output_shape(onnx: &[u8], name: &str) -> Option<Vec<Option<u64>>> {
    const GRAPH: u64 = 7;
    const OUTPUT: u64 = 12;
    let mut outputs = messages(onnx, GRAPH).flat_map(|graph| messages(graph, OUTPUT));
    let output = outputs.find(|output| messages(output, 1).any(|own| own == name.as_bytes()))?;
    // Fields of an output: 2 is its type; of a type: 1 is a tensor; of a tensor: 2 is its shape.
    let shape =
        [2, 1, 2].into_iter().try_fold(output, |message, field| messages(message, field).next())?;
    Some(messages(shape, 1).map(size).collect())
}

/// Returns the size that a dimension declares.
fn size(dimension: &[u8]) -> Option<u64> {
    fields(dimension).find_map(|field| match field.value {
        FieldValue::Integer(size) if field.number == 1 => Some(size),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodes the field `number` with the joined `parts` as its bytes.
    fn field(number: u8, parts: &[&[u8]]) -> Vec<u8> {
        let bytes = parts.concat();
        let length = u16::try_from(bytes.len()).unwrap();
        let low = u8::try_from(length & 0x7f).unwrap() | 0x80;
        let high = u8::try_from(length >> 7).unwrap();
        [&[number << 3 | 2, low, high][..], &bytes].concat()
    }

    fn output(name: &str, dimensions: &[&[u8]]) -> Vec<u8> {
        let shape: Vec<_> = dimensions.iter().map(|dimension| field(1, &[dimension])).collect();
        let shape = field(2, &[&shape.concat()]);
        // A tensor of 32-bit floats.
        let tensor = field(1, &[&[8, 1], &shape]);
        field(12, &[&field(1, &[name.as_bytes()]), &field(2, &[&tensor])])
    }

    #[test]
    fn the_shape_of_a_named_output_is_read() {
        let batch = field(2, &[b"batch"]);
        let outputs = [
            output("hidden", &[&batch, &[8, 5], &[8, 0x80, 3]]),
            output("logits", &[&batch, &[8, 1]]),
            output("flat", &[&batch]),
        ];
        let weights = field(5, &[&[7; 300]]);
        let graph = field(7, &[&weights, &outputs.concat()]);
        let onnx = [&[8, 10][..], &graph, &field(8, &[&[16, 20]])].concat();
        for (name, expected) in [
            ("hidden", Some(vec![None, Some(5), Some(384)])),
            ("logits", Some(vec![None, Some(1)])),
            ("flat", Some(vec![None])),
            ("other", None),
        ] {
            assert_eq!(output_shape(&onnx, name), expected, "{name}");
        }
        // Damage never makes it panic.
        for end in 0..onnx.len() {
            output_shape(&onnx[..end], "logits");
            for flip in [1, 0x80, 0xff] {
                let mut damaged = onnx.clone();
                damaged[end] ^= flip;
                output_shape(&damaged, "logits");
            }
        }
    }
}
