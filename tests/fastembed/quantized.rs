//! Laws of a dynamically quantized model, all-MiniLM-L6-v2 in eight bits: `PASSIM_TEST_MODEL_INT8`.

use std::path::PathBuf;
use std::thread;

use passim::{EmbedStage, Embedder, FastEmbedder, FastEmbedderBuilder, Interrupt, Role, Vectors};

use crate::{TEXTS, cosine_of, minilm, model_in};

fn int8() -> Option<PathBuf> {
    model_in("PASSIM_TEST_MODEL_INT8")
}

/// Returns different texts, many of which have the same length in tokens.
fn texts() -> Vec<String> {
    let subjects = ["otters", "banks", "judges", "trains", "bees", "glaciers", "engines"];
    let verbs = ["sleep", "collapse", "explode", "sing", "argue"];
    let sentences = subjects.iter().flat_map(|subject| {
        verbs.map(|verb| format!("Most {subject} {verb} when nobody looks, 7 % of them at night."))
    });
    sentences.chain(TEXTS.map(str::to_owned)).collect()
}

fn rows(vectors: &Vectors) -> Vec<Vec<u32>> {
    vectors.rows().map(|row| row.iter().map(|x| x.to_bits()).collect()).collect()
}

#[test]
fn vectors_are_independent_of_batch_order_and_sessions() {
    let Some(model) = int8() else { return };
    let open =
        |sessions| FastEmbedderBuilder::from_folder(&model).sessions(sessions).build().unwrap();
    let one = open(1);
    let many = open(thread::available_parallelism().unwrap().get());
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let lengths: Vec<_> = texts.iter().map(|text| one.count_tokens(text).unwrap()).collect();
    let commonest = lengths.iter().map(|a| lengths.iter().filter(|b| *b == a).count()).max();
    assert!(commonest.unwrap() >= 10, "{lengths:?}");

    let alone =
        texts.iter().map(|text| one.embed(Role::Passage, &[text], Interrupt::none()).unwrap());
    let alone: Vec<_> = alone.flat_map(|vectors| rows(&vectors)).collect();
    for embedder in [&one, &many] {
        assert_eq!(rows(&embedder.embed(Role::Passage, &texts, Interrupt::none()).unwrap()), alone);
        for (batch, expected) in texts.chunks(7).zip(alone.chunks(7)) {
            assert_eq!(
                rows(&embedder.embed(Role::Passage, batch, Interrupt::none()).unwrap()),
                expected
            );
        }
        let reversed: Vec<&str> = texts.iter().rev().copied().collect();
        let mut vectors =
            rows(&embedder.embed(Role::Passage, &reversed, Interrupt::none()).unwrap());
        vectors.reverse();
        assert_eq!(vectors, alone);
        let (vectors, _) = EmbedStage::new(embedder).run(Role::Passage, &texts).unwrap();
        assert_eq!(rows(&vectors), alone);
    }
}

#[test]
fn vectors_in_eight_bits_are_close_to_the_original() {
    let (Some(int8), Some(model)) = (int8(), minilm()) else { return };
    let [int8, full] = [int8, model].map(|folder| FastEmbedder::from_folder(folder).unwrap());
    assert_ne!(int8.identity().hash, full.identity().hash);
    let embed =
        |embedder: &FastEmbedder| embedder.embed(Role::Passage, &TEXTS, Interrupt::none()).unwrap();
    let int8 = embed(&int8);
    let full = embed(&full);
    for (row, text) in TEXTS.iter().enumerate() {
        let cosine = cosine_of(int8.row(row), full.row(row));
        assert!(cosine > 0.97, "{cosine}: {text}");
    }
}
