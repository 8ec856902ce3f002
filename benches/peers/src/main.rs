//! Builds and searches one Rust index, as commands on standard input request.
//!
//! `passim-peers embed TEXT COUNT BASE QUERIES` writes the vectors of lines of text to two files.
//!
//! `passim-peers LIBRARY BASE QUERIES DIM`, where the files hold unit rows of
//! little-endian `f32`. The first line out is `{}`: ready. Then each line in has one line out:
//!
//! - `build THREADS M EF_CONSTRUCTION`: `{"cpu": seconds, "wall": seconds}`
//! - `round EF K`: `{"cpu": seconds, "ids": rows found for each query}`

mod embed;

use std::{
    env,
    error::Error,
    fs::File,
    io::{self, BufReader, Read},
    sync::Arc,
    time::Instant,
};

use cpu_time::ProcessTime;
use hnsw_rs::prelude::{DistDot, Hnsw};
use passim::{HnswIndex, HnswParams, SearchEffort, SearchParams, VectorIndex, Vectors};
use rayon::ThreadPoolBuilder;
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["embed", text, count, base, queries] => {
            println!("{}", embed::embed_lines(text, count.parse()?, base, queries)?);
            Ok(())
        }
        [library, base, queries, dim] => answer_requests(library, base, queries, dim.parse()?),
        _ => Err("expected embed TEXT COUNT BASE QUERIES, or LIBRARY BASE QUERIES DIM".into()),
    }
}

fn answer_requests(library: &str, base: &str, queries: &str, dim: usize) -> Result<()> {
    let queries = read_rows(queries)?;
    let mut index = None;
    println!("{{}}");
    for line in io::stdin().lines() {
        let line = line?;
        let mut words = line.split(' ');
        let command = words.next();
        let numbers = words.map(str::parse).collect::<std::result::Result<Vec<usize>, _>>()?;
        let answer = match (command, numbers.as_slice(), &index) {
            (Some("build"), &[threads, m, ef_construction], _) => {
                let shape = Shape { dim, m, ef_construction };
                let (built, answer) = timed_build(library, read_rows(base)?, shape, threads)?;
                index = Some(built);
                answer
            }
            (Some("round"), &[ef, k], Some(index)) => round(index, queries.chunks(dim), ef, k)?,
            _ => return Err(format!("no such command: {line}").into()),
        };
        println!("{answer}");
    }
    Ok(())
}

fn read_rows(path: &str) -> Result<Vec<f32>> {
    let mut file = File::open(path)?;
    let len = usize::try_from(file.metadata()?.len())? / size_of::<f32>();
    let mut reader = BufReader::new(&mut file);
    let mut rows = Vec::with_capacity(len);
    let mut value = [0; size_of::<f32>()];
    for _ in 0..len {
        reader.read_exact(&mut value)?;
        rows.push(f32::from_le_bytes(value));
    }
    Ok(rows)
}

/// The settings of a graph.
#[derive(Clone, Copy)]
struct Shape {
    dim: usize,
    m: usize,
    ef_construction: usize,
}

enum Index {
    Passim(Box<HnswIndex>),
    HnswRs(Hnsw<'static, f32, DistDot>),
}

/// Builds the index of `library` on `threads` threads; the answer has its times.
fn timed_build(
    library: &str,
    base: Vec<f32>,
    shape: Shape,
    threads: usize,
) -> Result<(Index, Value)> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
    let cpu = ProcessTime::now();
    let wall = Instant::now();
    let index = match library {
        "passim" => Index::Passim(Box::new(pool.install(|| build_passim(base, shape))?)),
        "hnsw_rs" => Index::HnswRs(pool.install(|| build_hnsw_rs(&base, shape))),
        _ => return Err(format!("no such library: {library}").into()),
    };
    let answer = json!({"cpu": cpu.elapsed().as_secs_f64(), "wall": wall.elapsed().as_secs_f64()});
    drop(pool);
    // SAFETY: the call returns free pages to the system and touches no allocation.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
    Ok((index, answer))
}

fn build_passim(base: Vec<f32>, shape: Shape) -> passim::Result<HnswIndex> {
    let vectors = Arc::new(Vectors::normalized(shape.dim, base)?);
    let params = HnswParams { m: shape.m, ef_construction: shape.ef_construction };
    HnswIndex::build(vectors, params)
}

fn build_hnsw_rs(base: &[f32], shape: Shape) -> Hnsw<'static, f32, DistDot> {
    const MAX_LAYERS: usize = 16;
    let rows: Vec<Vec<f32>> = base.chunks(shape.dim).map(<[f32]>::to_vec).collect();
    let numbered: Vec<(&Vec<f32>, usize)> = rows.iter().zip(0..).collect();
    let mut hnsw = Hnsw::new(shape.m, rows.len(), MAX_LAYERS, shape.ef_construction, DistDot);
    hnsw.parallel_insert(&numbered);
    hnsw.set_searching_mode(true);
    hnsw
}

/// Searches once for every query; extracting the rows is not measured.
fn round<'q>(
    index: &Index,
    queries: impl Iterator<Item = &'q [f32]>,
    ef: usize,
    k: usize,
) -> Result<Value> {
    let cpu = ProcessTime::now();
    let (cpu, ids) = match index {
        Index::Passim(index) => {
            let found: Vec<_> =
                queries.map(|query| search_passim(index, query, ef, k)).collect::<Result<_>>()?;
            (cpu.elapsed(), rows_of(&found, |neighbor| neighbor.row as usize))
        }
        Index::HnswRs(hnsw) => {
            let found: Vec<_> = queries.map(|query| hnsw.search(query, k, ef)).collect();
            (cpu.elapsed(), rows_of(&found, |neighbor| neighbor.d_id))
        }
    };
    Ok(json!({"cpu": cpu.as_secs_f64(), "ids": ids}))
}

fn search_passim(
    index: &HnswIndex,
    query: &[f32],
    ef: usize,
    k: usize,
) -> Result<Vec<passim::Neighbor>> {
    let params = SearchParams { k, effort: SearchEffort::Ef(ef), ..SearchParams::default() };
    Ok(index.search(query, &params)?.neighbors)
}

fn rows_of<N>(found: &[Vec<N>], row: impl Fn(&N) -> usize) -> Vec<Vec<usize>> {
    found.iter().map(|neighbors| neighbors.iter().map(&row).collect()).collect()
}
