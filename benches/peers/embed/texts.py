"""The texts that all arms embed: sets of them, seeded or given, in files of one text a line."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

# Least and most tokens of a seeded text, with the two special ones.
LENGTHS = {"short": (5, 20), "120 tokens": (120, 120), "mixed": (5, 250)}
SPECIAL = 2

# A word and its number of tokens.
Words = list[tuple[str, int]]


@dataclass(frozen=True)
class TextSet:
    """A file of texts; `shortest` and `longest` are in tokens, with the special ones."""

    name: str
    path: Path
    count: int
    shortest: int
    longest: int

    def __str__(self) -> str:
        return f"{self.name}: {self.count:,} of {self.shortest} to {self.longest} tokens"


def counting_tokenizer(path: Path) -> Tokenizer:
    """The model's tokenizer, without the padding and the cutting that its file asks for."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def write_set(name: str, texts: list[str], folder: Path, tokenizer: Tokenizer) -> TextSet:
    lengths = [len(one.ids) for one in tokenizer.encode_batch(texts)]
    path = folder / f"{name}.txt"
    path.write_text("".join(f"{text}\n" for text in texts))
    return TextSet(name, path, len(texts), min(lengths), max(lengths))


def given_sets(source: Path, folder: Path, tokenizer: Tokenizer) -> list[TextSet]:
    """Every `.txt` file of `source` is a set, every line that is not empty a text."""
    sets = {}
    for path in sorted(source.glob("*.txt")):
        # What some languages take for the end of a line becomes a space.
        lines = (" ".join(line.split()) for line in path.read_text().split("\n"))
        sets[path.stem] = [line for line in lines if line]
    return [write_set(name, texts, folder, tokenizer) for name, texts in sets.items() if texts]


def seeded_sets(articles: Path, count: int, folder: Path, tokenizer: Tokenizer) -> list[TextSet]:
    """`count` texts of every length, cut from the words of `articles`."""
    paths = sorted(path for path in articles.iterdir() if path.suffix in (".md", ".txt"))
    words = [counted_words(path.read_text(), tokenizer) for path in paths]
    return [write_set(name, list(runs(words, name, count)), folder, tokenizer) for name in LENGTHS]


def counted_words(article: str, tokenizer: Tokenizer) -> Words:
    words = article.split()
    encoded = tokenizer.encode_batch(words, add_special_tokens=False)
    return [(word, len(one.ids)) for word, one in zip(words, encoded)]


def runs(articles: list[Words], name: str, count: int) -> Iterator[str]:
    """Runs of words, each of a random length in tokens."""
    seeded = random.Random(name)
    for _ in range(count):
        tokens = seeded.randint(*LENGTHS[name]) - SPECIAL
        text = None
        while text is None:
            words = seeded.choice(articles)
            text = run_of(words, seeded.randrange(len(words)), tokens)
        yield text


def run_of(words: Words, start: int, tokens: int) -> str | None:
    """The words from `start` on that have exactly so many tokens together, if any have."""
    for end in range(start, len(words)):
        tokens -= words[end][1]
        if tokens == 0:
            return " ".join(word for word, _ in words[start : end + 1])
        if tokens < 0:
            return None
    return None
