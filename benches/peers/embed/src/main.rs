//! Embeds the lines of a file once, with passim or with fastembed alone.
//!
//! `passim-embed-peers LIBRARY MODEL TEXTS VECTORS THREADS`: the model is a folder, and the
//! vectors are written as rows of little-endian `f32`. The line out is `{"wall": seconds,
//! "cpu": seconds, "peak": KiB}`: the times of the embedding alone, after loading and a first text,
//! and the peak of resident memory.

use std::{env, error::Error, fs, path::Path, time::Instant};

use cpu_time::ProcessTime;
use fastembed::{
    InitOptionsUserDefined, Pooling, TextEmbedding, TokenizerFiles, UserDefinedEmbeddingModel,
};
use passim::{EmbedStage, FastEmbedderBuilder, Role};
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Limit of a text in all arms, in tokens.
const MAX_LENGTH: usize = 256;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [library, model, texts, vectors, threads] = arguments.as_slice() else {
        return Err("expected LIBRARY MODEL TEXTS VECTORS THREADS".into());
    };
    let model = Path::new(model);
    let threads = threads.parse()?;
    let lines = fs::read_to_string(texts)?;
    let texts: Vec<&str> = lines.lines().collect();
    let (rows, answer) = match library.as_str() {
        "passim" => passim(model, &texts, threads)?,
        "fastembed" => fastembed(model, &texts, threads, None)?,
        "fastembed 32" => fastembed(model, &texts, threads, Some(32))?,
        _ => return Err(format!("no such library: {library}").into()),
    };
    let bytes: Vec<u8> = rows.iter().flat_map(|value| value.to_le_bytes()).collect();
    fs::write(vectors, bytes)?;
    println!("{answer}");
    Ok(())
}

fn passim(model: &Path, texts: &[&str], threads: usize) -> Result<(Vec<f32>, Value)> {
    let builder = FastEmbedderBuilder::from_folder(model).max_length(MAX_LENGTH);
    let embedder = builder.sessions(threads).threads(1).build()?;
    let stage = EmbedStage::new(&embedder).embed_threads(threads);
    let (vectors, answer) = timed(texts, |texts| Ok(stage.run(Role::Passage, texts)?.0))?;
    Ok((vectors.as_slice().to_vec(), answer))
}

/// The loop of fastembed, in batches of `batch` texts; `None` is its default.
fn fastembed(
    model: &Path,
    texts: &[&str],
    threads: usize,
    batch: Option<usize>,
) -> Result<(Vec<f32>, Value)> {
    let read = |name: &str| fs::read(model.join(name));
    let tokenizer = TokenizerFiles {
        tokenizer_file: read("tokenizer.json")?,
        config_file: read("config.json")?,
        special_tokens_map_file: read("special_tokens_map.json")?,
        tokenizer_config_file: read("tokenizer_config.json")?,
    };
    let model = UserDefinedEmbeddingModel::new(read("model.onnx")?, tokenizer);
    let options =
        InitOptionsUserDefined::new().with_max_length(MAX_LENGTH).with_intra_threads(threads);
    let mut embedding =
        TextEmbedding::try_new_from_user_defined(model.with_pooling(Pooling::Mean), options)?;
    let (vectors, answer) = timed(texts, |texts| Ok(embedding.embed(texts, batch)?))?;
    Ok((vectors.concat(), answer))
}

/// Embeds the first text, then all texts; the answer has the times of the latter.
fn timed<V>(texts: &[&str], mut embed: impl FnMut(&[&str]) -> Result<V>) -> Result<(V, Value)> {
    embed(&texts[..1])?;
    let cpu = ProcessTime::now();
    let wall = Instant::now();
    let vectors = embed(texts)?;
    let cpu = cpu.elapsed().as_secs_f64();
    let wall = wall.elapsed().as_secs_f64();
    Ok((vectors, json!({"wall": wall, "cpu": cpu, "peak": peak_kib()?})))
}

fn peak_kib() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let line = line.ok_or("the system does not report the peak")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
