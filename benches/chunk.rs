//! Bytes per second of sentence splitting and chunking, by size of the text, where words serve as tokens;
//! and of chunking, embedding and indexing data and long lines, by the bundled model.

use std::{hint::black_box, time::Duration};

use cpu_time::ProcessTime;
use criterion::{Bencher, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use passim::{
    Article, Chunker, Embedder, Interrupt, Markup, Retriever, Role, StaticEmbedder, sentences,
};

use passim_testkit::{FakeEmbedder, Seeded};

/// Building blocks of the texts.
const PARAGRAPHS: [&str; 6] = [
    "## Netze im Umbau\n\nDer Ausbau der Stromnetze kommt voran, z. B. in Schleswig-Holstein. Am 3. Oktober ging \
     dort der 2. Abschnitt der neuen Leitung in Betrieb; er kostete 1,5 Mrd. Euro. „Das war kein leichter Weg“, \
     sagte Prof. Dr. Anke Wolters. „Aber er hat sich gelohnt.“",
    "Nach § 43 Abs. 2 Satz 1 gilt die Frist von sechs Monaten, d. h. die Behörde muss bis zum 31. März 2026 \
     entscheiden. Ob sie das schafft? Die Kammer hat Zweifel (vgl. S. 12 ff. des Berichts).",
    "The first trains left at 6.40 a.m. and reached the coast before noon. According to the U.S. Department of \
     Energy, roughly 3.5 percent of all freight now moves at night. Dr. J. R. Lane, who led the study, was not \
     surprised: \"We expected it.\" Others were.",
    "Die Anlage besteht aus drei Teilen:\n\n- der Pumpe, die das Wasser hebt,\n- dem Speicher (ca. 3.500 m³),\n- der \
     Turbine; sie liefert bis zu 12 MW.\n\nAlles wird über config.toml gesteuert. Wer mag, liest das Handbuch unter \
     https://example.org/handbuch.pdf nach.",
    "Die alte Mühle steht seit dem 17. Jahrhundert am Bach. Ludwig XIV. regierte damals in Frankreich, und niemand \
     ahnte, dass hier einmal Strom erzeugt würde … Heute versorgt sie 40 Haushalte. Das ist nicht viel, aber mehr \
     als nichts!",
    "Most of the debate turns on cost. A battery of that size was priced at $400 in 2019; by 2024 it had fallen \
     below $150, i.e. by almost two thirds. Will it fall further? Nobody knows for sure, but analysts at three \
     banks think so.",
];

/// A text of about `bytes` bytes.
fn text(bytes: usize) -> String {
    let mut seeded = Seeded(7);
    let mut text = String::with_capacity(bytes + 1_000);
    while text.len() < bytes {
        text.push_str(PARAGRAPHS[seeded.below(PARAGRAPHS.len())]);
        text.push_str("\n\n");
    }
    text
}

fn chunk(criterion: &mut Criterion) {
    let embedder = FakeEmbedder::new(1).limit(512);
    let chunker = Chunker::default();
    let mut group = criterion.benchmark_group("chunk");
    for bytes in [4_000, 100_000, 2_000_000] {
        let article = Article::new("a", text(bytes)).title("Strom und Wasser");
        group.throughput(Throughput::Bytes(article.text.len() as u64));
        group.bench_with_input(
            BenchmarkId::new("sentences", bytes),
            &article.text,
            |bencher, text| {
                bencher.iter(|| sentences(black_box(text)).count());
            },
        );
        group.bench_with_input(
            BenchmarkId::new("passages", bytes),
            &article,
            |bencher, article| {
                bencher.iter(|| {
                    chunker.passages(black_box(article), &embedder).expect("words are counted")
                });
            },
        );
        let markdown = article.clone().markup(Markup::Markdown);
        group.bench_with_input(
            BenchmarkId::new("Markdown passages", bytes),
            &markdown,
            |bencher, article| {
                bencher.iter(|| {
                    chunker.passages(black_box(article), &embedder).expect("words are counted")
                });
            },
        );
        group.bench_with_input(
            BenchmarkId::new("count tokens", bytes),
            &article.text,
            |bencher, text| {
                bencher.iter(|| black_box(text).split_whitespace().count());
            },
        );
    }
    group.finish();
}

/// Length of the texts of data and long lines in bytes.
const LINE_BYTES: usize = 1_000_000;
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const HEX: &str = "0123456789abcdef";

/// Random characters of `alphabet`, about [`LINE_BYTES`] bytes.
fn random(alphabet: &str) -> String {
    let alphabet: Vec<char> = alphabet.chars().collect();
    let mut seeded = Seeded(19);
    let mut text = String::with_capacity(LINE_BYTES + 4);
    while text.len() < LINE_BYTES {
        text.push(alphabet[seeded.below(alphabet.len())]);
    }
    text
}

/// `text`, which is ASCII, in lines of `len` bytes.
fn wrapped(text: &str, len: usize) -> String {
    let lines = text.as_bytes().chunks(len).map(|line| str::from_utf8(line).expect("ASCII"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Keys of 1,600 to 1,699 characters as certificates wrap them; the last line of each is short.
fn keys() -> String {
    let mut seeded = Seeded(3);
    let digits = random(BASE64);
    let mut rest = &*digits;
    let mut text = String::new();
    while let Some((key, after)) = rest.split_at_checked(1_600 + seeded.below(100)) {
        let key = wrapped(key, 64);
        text.extend(["-----BEGIN KEY-----\n", &key, "\n-----END KEY-----\n\n"]);
        rest = after;
    }
    text
}

/// Identifiers of 36 characters, one per line.
fn uuids() -> String {
    let digits = random(HEX);
    let digits = digits.as_bytes().chunks_exact(32);
    let digits = digits.map(|digits| str::from_utf8(digits).expect("ASCII"));
    let uuid =
        |hex: &str| [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
    digits.map(uuid).collect::<Vec<_>>().join("\n")
}

/// One clause of one letter after the other.
fn short_clauses() -> String {
    let letters = random("abcdefghijklmnopqrstuvwxyz");
    letters[..LINE_BYTES / 3].chars().flat_map(|letter| [letter, ',', ' ']).collect()
}

/// Texts of about a megabyte: prose, data, and long lines.
fn lines() -> [(&'static str, String); 17] {
    [
        ("prose", text(LINE_BYTES)),
        ("base64", random(BASE64)),
        ("base64 by 76", wrapped(&random(BASE64), 76)),
        ("base64 by 48", wrapped(&random(BASE64), 48)),
        ("base64 by 32", wrapped(&random(BASE64), 32)),
        ("keys", keys()),
        ("hex", random(HEX)),
        ("hex by 64", wrapped(&random(HEX), 64)),
        ("hex by 40", wrapped(&random(HEX), 40)),
        ("UUIDs", uuids()),
        ("digits", random("0123456789")),
        ("numbers", "1,2,".repeat(LINE_BYTES / 4)),
        ("words", "MoorUndWaldSpeichernKohlenstoff".repeat(LINE_BYTES / 31)),
        ("Cyrillic", random("абвгдежзийклмнопрстуфхцчшщъыьэюя")),
        ("umlauts", random("äöüß")),
        ("short clauses", short_clauses()),
        ("short lines", "Moor\n".repeat(LINE_BYTES / 5)),
    ]
}

/// Measures the CPU time of `work`, of which other programs take little even where they share the CPUs.
fn measure(bencher: &mut Bencher, work: impl Fn()) {
    bencher.iter_custom(|iterations| {
        let start = ProcessTime::now();
        (0..iterations).for_each(|_| work());
        start.elapsed()
    });
}

fn data(criterion: &mut Criterion) {
    let embedder = StaticEmbedder::bundled().expect("the model is part of the crate");
    let mut group = criterion.benchmark_group("data and long lines");
    group.sample_size(10);
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for (name, text) in lines() {
        let article = Article::new("a", text);
        group.throughput(Throughput::Bytes(article.text.len() as u64));
        group.bench_function(BenchmarkId::new("passages", name), |bencher| {
            measure(bencher, || {
                let passages = Chunker::default().passages(black_box(&article), &embedder);
                black_box(passages.expect("the model counts tokens"));
            });
        });
        group.bench_function(BenchmarkId::new("embed", name), |bencher| {
            let texts = [&*article.text];
            measure(bencher, || {
                let vectors = embedder.embed(Role::Passage, black_box(&texts), Interrupt::none());
                black_box(vectors.expect("the model embeds any text"));
            });
        });
        group.bench_function(BenchmarkId::new("add", name), |bencher| {
            measure(bencher, || {
                let mut retriever = Retriever::in_memory().expect("the model is part of the crate");
                retriever.add([article.clone()]).expect("the article is small");
                black_box(retriever);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, chunk, data);
criterion_main!(benches);
