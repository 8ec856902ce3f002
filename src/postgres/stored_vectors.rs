//! Vectors of stored passages: an article that is replaced keeps those of the texts that stay.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use super::{
    candidate_row::damaged,
    connection::{Connection, Params},
    prepared_article::PreparedArticle,
    schema::Schema,
};
use crate::{
    Result, Vectors,
    vector::{VectorRow, to_row},
};

const VECTORS: &str = "SELECT text_hash, embedding::float4[] FROM {s}.passages \
    WHERE article = ANY({keys}) AND text_hash = ANY({hashes})";

/// The vector of a stored passage.
pub(super) struct TextVector {
    /// Of the text that was embedded.
    text_hash: u128,
    vector: Vec<f32>,
}

/// Vectors by the hash of the text that was embedded.
pub(super) struct StoredVectors {
    rows: FxHashMap<u128, u32>,
    vectors: Vectors,
}

impl TextVector {
    /// Reads the vectors of a shard for those passages of `articles` whose text the stored article
    /// of the same key has, too.
    pub(super) fn read(
        connection: &mut Connection,
        schema: &Schema,
        articles: &[&PreparedArticle],
    ) -> Result<Vec<Self>> {
        let mut params = Params::default();
        let keys = articles.iter().map(|article| article.article.key.as_str());
        let keys = params.texts(keys.collect());
        let passages = articles.iter().flat_map(|article| &article.passages);
        let hashes = passages.map(|passage| passage.text_hash.to_be_bytes().to_vec());
        let hashes = params.byte_strings(hashes.collect());
        let statement = VECTORS.replace("{keys}", &keys).replace("{hashes}", &hashes);
        let rows = connection.query(&schema.sql(&statement), &params)?;
        let stored = rows.iter().map(|row| {
            let hash: &[u8] = row.get(0)?;
            let hash = hash.try_into().map_err(|_| damaged("the hash of a text is invalid"))?;
            Ok(Self { text_hash: u128::from_be_bytes(hash), vector: row.get(1)? })
        });
        stored.collect()
    }
}

impl StoredVectors {
    /// Collects vectors of dimension `dim`.
    pub(super) fn new(stored: impl IntoIterator<Item = TextVector>, dim: usize) -> Result<Self> {
        let mut rows = FxHashMap::default();
        let mut values = Vec::new();
        for TextVector { text_hash, vector } in stored {
            let next = to_row(rows.len());
            if let Entry::Vacant(entry) = rows.entry(text_hash) {
                entry.insert(next);
                values.extend(vector);
            }
        }
        let vectors = Vectors::stored(dim, values);
        let vectors = vectors.ok_or_else(|| damaged("a vector is invalid"))?;
        Ok(Self { rows, vectors })
    }

    /// Whether the vector of a text is known.
    pub(super) fn contains(&self, text_hash: u128) -> bool {
        self.rows.contains_key(&text_hash)
    }

    /// Returns the vector of a text.
    pub(super) fn get(&self, text_hash: u128) -> Option<VectorRow<'_>> {
        self.rows.get(&text_hash).map(|row| VectorRow { vectors: &self.vectors, row: *row })
    }
}
