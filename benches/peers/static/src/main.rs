//! Embeds the lines of a file several times on one thread, with passim or with model2vec-rs.
//!
//! `passim-static-peers LIBRARY MODEL TEXTS VECTORS PASSES`: the vectors are written as rows of
//! little-endian `f32`. The line out is `{"load": seconds, "cpu": seconds, "peak": KiB}`, as that of
//! `arms.py`: the wall time of loading and the CPU time of one pass.

use std::{
    env,
    error::Error,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use cpu_time::ProcessTime;
use model2vec_rs::model::StaticModel;
use passim::{EmbedStage, Embedder, Interrupt, Role, StaticEmbedder};
use serde_json::json;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The vectors, concatenated, and the times.
struct Answer {
    rows: Vec<f32>,
    load: Duration,
    /// CPU time of all passes.
    cpu: Duration,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [library, model, texts, vectors, passes] = arguments.as_slice() else {
        return Err("expected LIBRARY MODEL TEXTS VECTORS PASSES".into());
    };
    let lines = fs::read_to_string(texts)?;
    let texts: Vec<&str> = lines.lines().collect();
    let model = Path::new(model);
    let passes = passes.parse()?;
    let answer = match library.as_str() {
        "passim" => passim(model, &texts, passes)?,
        "passim stage" => passim_stage(model, &texts, passes)?,
        "model2vec-rs" => model2vec(model, &texts, passes, false)?,
        "model2vec-rs int8" => model2vec(model, &texts, passes, true)?,
        _ => return Err(format!("no such library: {library}").into()),
    };
    let bytes: Vec<u8> = answer.rows.iter().flat_map(|value| value.to_le_bytes()).collect();
    let load = answer.load.as_secs_f64();
    let cpu = answer.cpu.as_secs_f64() / f64::from(passes);
    println!("{}", json!({"load": load, "cpu": cpu, "peak": peak_kib()?}));
    Ok(fs::write(vectors, bytes)?)
}

/// One call for all texts.
fn passim(model: &Path, texts: &[&str], passes: u32) -> Result<Answer> {
    let (embedder, load) = loaded(|| Ok(StaticEmbedder::from_file(model)?))?;
    let embed = |texts: &[&str]| Ok(embedder.embed(Role::Passage, texts, Interrupt::none())?);
    let (vectors, cpu) = timed(texts, passes, embed)?;
    Ok(Answer { rows: vectors.as_slice().to_vec(), load, cpu })
}

/// The stage with which the crate embeds passages.
fn passim_stage(model: &Path, texts: &[&str], passes: u32) -> Result<Answer> {
    let (embedder, load) = loaded(|| Ok(StaticEmbedder::from_file(model)?))?;
    let stage = EmbedStage::new(&embedder).embed_threads(1);
    let embed = |texts: &[&str]| Ok(stage.run(Role::Passage, texts)?.0);
    let (vectors, cpu) = timed(texts, passes, embed)?;
    Ok(Answer { rows: vectors.as_slice().to_vec(), load, cpu })
}

/// The call that allocates least; it requires owned texts.
fn model2vec(model: &Path, texts: &[&str], passes: u32, int8: bool) -> Result<Answer> {
    let open = || -> Result<_> {
        let model = StaticModel::from_pretrained(model, None, None, None)?;
        Ok(if int8 { model.quantize_int8() } else { model })
    };
    let (model, load) = loaded(open)?;
    let owned: Vec<String> = texts.iter().map(ToString::to_string).collect();
    let embed = |texts: &[String]| Ok(model.encode_flat_with_args(texts, None));
    let (rows, cpu) = timed(&owned, passes, embed)?;
    Ok(Answer { rows, load, cpu })
}

fn loaded<M>(open: impl FnOnce() -> Result<M>) -> Result<(M, Duration)> {
    let started = Instant::now();
    let model = open()?;
    Ok((model, started.elapsed()))
}

/// Embeds all texts once, then `passes` times; the time is that of the latter.
fn timed<T, V>(
    texts: &[T],
    passes: u32,
    mut embed: impl FnMut(&[T]) -> Result<V>,
) -> Result<(V, Duration)> {
    let vectors = embed(texts)?;
    let started = ProcessTime::now();
    for _ in 0..passes {
        embed(texts)?;
    }
    Ok((vectors, started.elapsed()))
}

fn peak_kib() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let line = line.ok_or("the system does not report the peak")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
