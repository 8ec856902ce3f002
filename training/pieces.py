"""Text to word pieces: the algorithm of docs/MODEL_FORMAT.md, and learning its vocabulary.

src/embed/bundled/pieces.rs is the same algorithm; tests/data/bundled_parity.jsonl
holds the two together.
"""

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

# Turns each character that does not belong to a word into blanks around it.
_SEPARATED = {code: "" for first, last in IGNORED for code in range(first, last + 1)}
_SEPARATED |= {code: " " for first, last in SPACE for code in range(first, last + 1)}
_SEPARATED |= {code: f" {chr(code)} " for first, last in SYMBOL for code in range(first, last + 1)}


def split_words(text):
    """Words and single symbols, in NFC and lower case.

    Lower case is taken character by character, so that no context (the final
    sigma) matters.
    """
    lower = "".join(map(str.lower, unicodedata.normalize("NFC", text)))
    return lower.translate(_SEPARATED).split(" ")


class Pieces:
    """A vocabulary: pieces that start a word, pieces that continue one, and the unknown piece.

    Rows: the starts in byte order, then the continuations in byte order, then
    one row for texts without any known piece.
    """

    def __init__(self, starts, continuations):
        self.starts = sorted(starts, key=str.encode)
        self.continuations = sorted(continuations, key=str.encode)
        self.rows = len(self.starts) + len(self.continuations) + 1
        self.unknown = self.rows - 1
        inner = range(len(self.starts), self.unknown)
        self._tables = dict(zip(self.starts, range(self.rows))), dict(zip(self.continuations, inner))
        self._longest = max(map(len, [*starts, *continuations]))
        self._words = {}

    def tokens_of_word(self, word):
        """Rows of the longest pieces from left to right; None for a character without any piece, which is skipped."""
        found, at = [], 0
        while at < len(word):
            table = self._tables[at > 0]
            for end in range(min(len(word), at + self._longest), at, -1):
                row = table.get(word[at:end])
                if row is not None:
                    break
            else:
                end = at + 1
            found.append(row)
            at = end
        return found

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
        """The length of `text`: its pieces, and the characters without any."""
        return sum(len(self.tokens_of_word(word)) for word in split_words(text))

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


def learn_pieces(texts, size):
    """`size` word pieces of `texts` (WordPiece training), as {(is continuation, text)}."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordPieceTrainer(vocab_size=size, min_frequency=5, special_tokens=["[UNK]"], show_progress=False)
    tokenizer.train_from_iterator((" ".join(split_words(text)) for text in texts), trainer)
    learned = (token for token in tokenizer.get_vocab() if token != "[UNK]")
    pieces = {(token.startswith("##"), token.removeprefix("##")) for token in learned}
    return {(continues, text) for continues, text in pieces if text and all(map(is_latin, text))}


def vocabulary(teacher, german_texts, rows):
    """The teacher's pieces with as many German ones as fit into `rows`, the most used ones.

    More are learned than fit: training leaves steps on the way to longer
    pieces in its vocabulary, which longest match then hardly ever uses.
    """
    german_texts = list(german_texts)
    learned = learn_pieces(german_texts, rows) - teacher.keys()
    letters = {(continues, letter) for _, text in learned for letter in text for continues in (False, True)}
    learned |= letters - teacher.keys()
    trial = pieces_from(teacher.keys() | learned)
    uses = np.asarray(trial.counts(german_texts).sum(axis=0)).ravel()
    used = Counter()
    for row, text in enumerate(trial.starts + trial.continuations):
        piece = (row >= len(trial.starts), text)
        if piece in learned:
            used[piece] = np.inf if piece in letters else uses[row]
    kept = sorted(used, key=lambda piece: (-used[piece], piece))[: rows - 1 - len(teacher)]
    return pieces_from(teacher.keys() | set(kept))


def pieces_from(pieces):
    return Pieces([text for continues, text in pieces if not continues], [text for continues, text in pieces if continues])
