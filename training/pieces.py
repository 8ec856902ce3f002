"""Text to word pieces: the algorithm of docs/MODEL_FORMAT.md, and learning its vocabulary.

src/embed/static_model/pieces.rs is the same algorithm; tests/data/bundled_parity.jsonl
holds the two together.
"""

import math
import re
import unicodedata
from collections import Counter

import numpy as np
from scipy.sparse import csr_matrix
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

IGNORED = [(0xAD, 0xAD), (0x200B, 0x200D), (0x2060, 0x2060), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)]
SPACE = [(0x00, 0x20), (0x7F, 0xA0), (0x2000, 0x200A), (0x2028, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000)]
# ASCII, Latin-1 (but not the letters ª µ º), punctuation, currency, arrows to
# dingbats, CJK punctuation, emoji.
SYMBOL = [(0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E), (0xA1, 0xA9), (0xAB, 0xAC), (0xAE, 0xB4), (0xB6, 0xB9), (0xBB, 0xBF),
          (0xD7, 0xD7), (0xF7, 0xF7), (0x2010, 0x2027), (0x2030, 0x205E), (0x20A0, 0x20CF), (0x2190, 0x2BFF),
          (0x3001, 0x303F), (0x1F000, 0x1FAFF)]

COST_STEPS = 16  # steps of cost for a factor e of probability
MAX_PIECE = 64  # bytes
PART = 100  # characters of a word that are cut at once
MAX_WORD = 256  # characters of a word; longer words are data
MIN_RUN = 32  # bytes of data without white space
LONG_RUN = 64  # bytes of data below which bytes besides letters and digits count
PUNCTUATION = 8  # bytes of a short run for each that is no letter or digit
MIN_DATA_WORD = 16  # bytes of a word of data
CODE_PART = 4  # bytes of the parts of a word of data, on average
ASCII_PER_TOKEN = 4  # characters of data
SKIPPED = 1024  # the cost of a character that no piece covers: more than any four pieces

# Turns each character that does not belong to a word into blanks around it.
_SEPARATED = {code: "" for first, last in IGNORED for code in range(first, last + 1)}
_SEPARATED |= {code: " " for first, last in SPACE for code in range(first, last + 1)}
_SEPARATED |= {code: f" {chr(code)} " for first, last in SYMBOL for code in range(first, last + 1)}


CONJUNCTIONS = {"als", "and", "bis", "bzw", "et", "nor", "oder", "or", "sowie", "to", "und", "wie"}
DIGRAPHS = {"ae": "ä", "oe": "ö", "ue": "ü", "ss": "ß"}
MAX_DIGRAPHS = 4  # digraphs of a word that are replaced independently

_LINE_BREAK = re.compile(
    "(?<=[^\\W\\d_])[-\u2010\xad][ \t\xa0]*(?:\r?\n|[\x85\u2028])[ \t\xa0]*([^\\W_]+)"
)
_LAST_WORD = re.compile("[^\\W_]+$")
MIN_CAPITALS = 4  # characters of the rest of a broken word in capitals


def join_broken_words(text):
    """`text` without the hyphens and line ends that break a word."""

    def rest_of_word(match):
        rest = match[1]
        word = _LAST_WORD.search(match.string, 0, match.start())[0]
        in_capitals = (
            len(rest) >= MIN_CAPITALS
            and len(word) >= 2
            and all(letter.isupper() for letter in word + rest)
        )
        continues = rest[0].islower() or in_capitals
        return rest if continues and rest.lower() not in CONJUNCTIONS else match[0]

    return _LINE_BREAK.sub(rest_of_word, text)


_RUN = re.compile("[^\x00-\x20]+")


def is_data(run):
    """Whether at least half of the bytes of a run without white space differ in kind from the one before,
    and a short run has few bytes besides letters and digits."""
    kinds = [4 if byte >= 0x80 else 0 if chr(byte).islower() else 1 if chr(byte).isupper() else 2 if chr(byte).isdigit() else 3
             for byte in run.encode()]
    is_mixed = 2 * sum(a != b for a, b in zip(kinds, kinds[1:])) >= len(kinds)
    others = sum(kind >= 3 for kind in kinds)
    return len(kinds) >= MIN_RUN and is_mixed and (len(kinds) >= LONG_RUN or PUNCTUATION * others <= len(kinds))


def is_data_word(word):
    """Whether a word in lower case is data: digits, or letters among which digits stand."""
    digits = [0x30 <= byte <= 0x39 for byte in word.encode()]
    changes = sum(a != b for a, b in zip(digits, digits[1:]))
    return len(digits) >= MIN_DATA_WORD and (all(digits) or CODE_PART * changes >= len(digits))


def without_data(text):
    """`text` without its data, such as base64."""
    return _RUN.sub(lambda run: "" if is_data(run[0]) else run[0], text)


def data_tokens(data):
    """The number of tokens of `data`, a run or a word."""
    ascii = sum(map(str.isascii, data))
    return -(-ascii // ASCII_PER_TOKEN) + len(data) - ascii


def spellings(word):
    """The spellings of `word` with any of its digraphs replaced by an umlaut or ß, except itself."""
    found, at, digraphs = [""], 0, 0
    while at < len(word):
        single = DIGRAPHS.get(word[at : at + 2]) if digraphs < MAX_DIGRAPHS else None
        step = 2 if single else 1
        written = [spelling + word[at : at + step] for spelling in found]
        found = written + [spelling + single for spelling in found] if single else written
        digraphs, at = digraphs + bool(single), at + step
    return found[1:]


def split_words(text):
    """Words and single symbols, in NFC and lower case, with broken words joined and without data.

    Lower case is taken character by character, so that no context (the final
    sigma) matters.
    """
    lower = "".join(map(str.lower, unicodedata.normalize("NFC", join_broken_words(without_data(text)))))
    return lower.translate(_SEPARATED).split(" ")


class Pieces:
    """A vocabulary: pieces that start a word, pieces that continue one, and the unknown piece.

    Rows: the starts in byte order, then the continuations in byte order, then
    one row for texts without any known piece. Each piece has a cost from 0 to
    255: a word is cut into the pieces of the least sum.
    """

    def __init__(self, starts, continuations, costs=None):
        self.starts = sorted(starts, key=str.encode)
        self.continuations = sorted(continuations, key=str.encode)
        self.rows = len(self.starts) + len(self.continuations) + 1
        self.unknown = self.rows - 1
        self.costs = [128] * self.unknown if costs is None else [int(cost) for cost in costs]
        inner = range(len(self.starts), self.unknown)
        self._tables = dict(zip(self.starts, range(self.rows))), dict(zip(self.continuations, inner))
        self._longest = max(map(len, [*starts, *continuations]))
        self.forget_words()

    def forget_words(self):
        """Forgets how words were cut, after a change of costs."""
        self._words = {}

    def tokens_of_word(self, word):
        """Rows of the cheapest pieces of a word; None for a character that no piece covers.

        A word that is a piece is not cut. A word of more than `MAX_WORD`
        characters is data, and so is one of digits or of letters with digits between them. A word is cut in
        parts of at most `PART` characters. Of cuts of one that cost the same, the one whose last
        piece is longest is taken, and so on to the left.
        """
        whole = self._tables[0].get(word)
        if whole is not None:
            return [whole]
        if len(word) > MAX_WORD or is_data_word(word):
            return [None] * data_tokens(word)
        # Bytes, so that equal costs are decided as in Rust.
        cost, spelled = min(((self._cost(other), other) for other in spellings(word)), default=(math.inf, word),
                            key=lambda costed: (costed[0], costed[1].encode()))
        if cost < self._cost(word):
            return self.tokens_of_word(spelled) if spelled in self._tables[0] else self._parts(spelled)
        return self._parts(word)

    def _cost(self, word):
        """The cost of `word`, of which at most `PART` characters count."""
        whole = self._tables[0].get(word)
        if whole is not None:
            return self.costs[whole]
        return sum(SKIPPED if row is None else self.costs[row] for row in self._cut(word[:PART], False))

    def _parts(self, word):
        return [row for at in range(0, len(word), PART) for row in self._cut(word[at : at + PART], at > 0)]

    def _cut(self, part, continues):
        best = [(0, 0, None)] + [(math.inf, 0, None)] * len(part)
        for at in range(len(part)):
            cost, table = best[at][0], self._tables[continues or at > 0]
            for end in range(at + 1, min(len(part), at + self._longest) + 1):
                row = table.get(part[at:end])
                if row is not None:
                    best[end] = min(best[end], (cost + self.costs[row], at, row))
            best[at + 1] = min(best[at + 1], (cost + SKIPPED, at, None))
        return self._walked_back(best)

    @staticmethod
    def _walked_back(best):
        rows, end = [], len(best) - 1
        while end > 0:
            _, end, row = best[end]
            rows.append(row)
        return rows[::-1]

    def of_text(self, text):
        """Rows of all pieces of `text` in order; empty if it has none that is known."""
        rows = []
        for word in split_words(text):
            known = self._words.get(word)
            if known is None:
                known = self._words[word] = [row for row in self.tokens_of_word(word) if row is not None]
            rows += known
        return rows

    def count_tokens(self, text):
        """The length of `text`: its pieces, the characters without any, and its data."""
        data = sum(data_tokens(run) for run in _RUN.findall(text) if is_data(run))
        return data + sum(len(self.tokens_of_word(word)) for word in split_words(text))

    def counts(self, texts):
        """How often each text has each piece: f32 CSR [len(texts), rows]."""
        rows, ends = [], [0]
        for text in texts:
            rows += self.of_text(text) or [self.unknown]
            ends.append(len(rows))
        ones = np.ones(len(rows), dtype=np.float32)
        matrix = csr_matrix((ones, np.array(rows, dtype=np.int32), np.array(ends)), shape=(len(texts), self.rows))
        matrix.sum_duplicates()
        return matrix


def weighted(counts):
    """The pooling weights `1 + ln(count)` of a matrix of counts."""
    weights = counts.copy()
    weights.data = np.where(counts.data > 0, 1 + np.log(np.maximum(counts.data, 1)), 0).astype(np.float32)
    return weights


def teacher_pieces(tokenizer):
    """The teacher's pieces in our alphabet, as {(is continuation, text): token id}."""
    pieces = {}
    by_id = sorted(tokenizer.get_vocab(with_added_tokens=False).items(), key=lambda item: item[1])
    for token, token_id in by_id:
        continues, text = token.startswith("##"), token.removeprefix("##")
        if token.startswith("[") and token.endswith("]") and len(token) > 1:
            continue
        if split_words(text) == [text] and not continues and all(map(is_latin, text)):
            pieces[False, text] = token_id
        elif split_words(text) == [text] and continues and all(map(is_latin, text)):
            pieces[True, text] = token_id
        elif len(text) == 1 and not continues and split_words(text) == ["", text, ""]:
            pieces[False, text] = token_id
    return pieces


def is_latin(letter):
    """Latin or Greek: the alphabets of German, English and their formulas."""
    return letter.isascii() or unicodedata.name(letter, "").startswith(("LATIN", "GREEK"))


def learn_pieces(words, size):
    """`size` word pieces of counted words (WordPiece training), as {(is continuation, text)}."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordPieceTrainer(vocab_size=size, min_frequency=5, special_tokens=["[UNK]"], show_progress=False)
    tokenizer.train_from_iterator((" ".join([word] * count) for word, count in words.items()), trainer)
    learned = (token for token in tokenizer.get_vocab() if token != "[UNK]")
    pieces = {(token.startswith("##"), token.removeprefix("##")) for token in learned}
    return {(continues, text) for continues, text in pieces if 0 < len(text.encode()) <= MAX_PIECE and all(map(is_latin, text))}


def vocabulary(teacher, german_texts, english_texts, rows):
    """The teacher's pieces with as many German ones as fit into `rows`, the most used ones.

    More are learned than fit: training leaves steps on the way to longer
    pieces in its vocabulary, which are hardly ever used.
    """
    words = [word_counts(texts) for texts in (german_texts, english_texts)]
    learned = learn_pieces(words[0], rows) - teacher.keys()
    letters = {(continues, letter) for _, text in learned for letter in text for continues in (False, True)}
    letters -= teacher.keys()
    trial = pieces_from(teacher.keys() | learned | letters)
    uses = estimate_costs(trial, words[0] + words[1])
    of_piece = dict(zip([(False, text) for text in trial.starts] + [(True, text) for text in trial.continuations], uses))
    order = sorted((learned | letters), key=lambda piece: (piece not in letters, -of_piece[piece], piece))
    kept = pieces_from(teacher.keys() | set(order[: rows - 1 - len(teacher)]))
    estimate_costs(kept, words[0] + words[1])
    return kept


def pieces_from(pieces):
    return Pieces([text for continues, text in pieces if not continues], [text for continues, text in pieces if continues])


def word_counts(texts):
    words = Counter()
    for text in texts:
        words.update(filter(None, split_words(text)))
    return words


def estimate_costs(pieces, words, rounds=3):
    """Sets the costs of `pieces` from how often `words` use them, and returns these uses.

    Costs are negative logarithms of probabilities, as of a unigram model (Kudo
    2018); each round cuts the words by the costs of the round before.
    """
    for _ in range(rounds):
        uses = np.zeros(pieces.unknown)
        for word, count in words.items():
            for row in pieces.tokens_of_word(word):
                if row is not None:
                    uses[row] += count
        probabilities = (uses + 0.5) / (uses.sum() + 0.5 * len(uses))
        pieces.costs = np.minimum(np.rint(-COST_STEPS * np.log(probabilities)), 255).astype(int).tolist()
    pieces.forget_words()
    return uses
