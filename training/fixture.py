#!/usr/bin/env python3
"""Texts with the vectors of the Python code, for the Rust test that both agree.

usage: fixture.py MODEL.psm FIXTURE.jsonl
"""

import json
import random
import sys
from pathlib import Path

# Every piece changes all values: some of them show any difference and keep the fixture small.
EVERY = 16
TEXTS = 1000

WRITTEN = [
    "", " ", "\t\n", "?", "...", "!?!", "-", "a", "ß", "ẞ", "Ä", "İstanbul", "DŽ", "\u200b", "\u00ad", "\ufeffBeginn",
    "Der Fluss führt im Frühjahr Hochwasser.", "The river floods in spring.", "DER FLUSS FÜHRT HOCHWASSER", "GROẞE STRASSE, große Straße",
    "U\u0308bergro\u00dfe A\u0308pfel scho\u0308n verpackt", "Übergroße Äpfel schön verpackt", "cafe\u0301 naïve résumé Zoe\u0308",
    "e\u0323\u0302 und ê\u0323", "\u1e9b\u0323 alte Schrift", "ﬁnden, eﬃzient", "Donaudampfschifffahrtsgesellschaftskapitän",
    "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz", "Schiff\u00adfahrt, Haus\u200btür", "non\u00a0breaking\u2009spaces\u3000here",
    "3.500 Euro, 1,5 Mio., 0x7f, 1e-9, 100%", "1234567890123456789", "Am 3. Oktober 1990 um 9:30 Uhr", "§ 7 Abs. 2 Nr. 3a SGB V",
    "https://example.org/a_b?c=d&e=f#g", "jemand@example.org", "C:\\Ordner\\datei.txt", "/etc/hosts", "foo_bar::baz<T>() -> Result<(), E>",
    "rot, rot, rot, rot, rot", "rot rot grün", "word " * 300, "Der Satz ist lang. " * 200, "x" * 5000, "ü" * 3000, "!" * 1000,
    "日本語のテキスト", "Привет, мир", "مرحبا بالعالم", "שלום", "नमस्ते दुनिया", "안녕하세요", "ΟΔΥΣΣΕΥΣ", "α + β = γ", "ไทย", "中文 und Deutsch",
    "🙂", "👩‍👩‍👧‍👦 Familie", "👍🏽 gut", "❤️ Herz", "🇩🇪🇬🇧", "a🙂b", "„Zitat“ »so« “or so” ‘this’", "don't, don’t", "rock’n’roll", "E-Mail-Adresse",
    "m² km³ H₂O x⁻¹", "½ ¼ ¾", "№ 5 ™ ® ©", "20 °C ± 0,5 µm", "€ 5, $ 6, £ 7, ¥ 8", "→ ← ↔ ⇒", "∑ ∫ √ ∞ ≠ ≤", "ａｂｃ１２３", "𝔉𝔯𝔞𝔨𝔱𝔲𝔯",
    "ab" * 99, "ß" * 100, "straßenbahn" * 10, "donau" * 41, "zalgo z\u0351\u036b\u0343a\u0321\u0348", "\u0301 allein", "a\u0300\u0301\u0302", "\U0010ffff", "\u2028Zeile\u2029Absatz", "tab\tund\r\nZeile",
    "eUK98iEG8IR3YvDzy012TccHIFEVmg+J8sbayuNE ist ein Moor", "Moor 3f786850e387550fdab836ed7e6dc881de23001b", "550e8400-e29b-41d4-a716-446655440000",
    "iPhone14ProMax256GB 123456789012345", "/usr/lib/x86_64-linux-gnu/libc6-2.36/",
    "künstliche Intelligenz und offene Modelle", "artificial intelligence and open models", "Warum hält der Anbieter das Modell zurück?",
]

GERMAN = ("Das Gericht|Die Bäckerei|Ein Imker|Der alte Leuchtturm|Die Gemeinde Straßdorf|Mein Fahrrad", "prüft|übersieht|verkauft|erklärt|missversteht",
          "den Haushaltsplan|die Wärmepumpe|sieben Äpfel|das Datenschutzgesetz|keine Züge|den Chip-Export", "im Frühling|trotz Regens|ab 2025|für 3,20 €|ohne Grund")
ENGLISH = ("The court|A bakery|The beekeeper|An old lighthouse|Our village|My bicycle", "examines|overlooks|sells|explains|misreads",
           "the budget|a heat pump|seven apples|the privacy act|no trains|the chip export", "in spring|despite rain|from 2025|for $3.20|without reason")


# Put together to words that nobody wrote, so that they have to be cut.
PARTS = ("bund daten schutz kraft werk fahr rad strom preis wasser stand über straßen bahn gesetz es s n t en ung heit lich un ver ent auf ge äpfel öl "
         "müll größe haus tür sprach modell chip halb leiter merz energie wende ex press under stand ing re port er net work ﬁ ß x q ž 7 42").split()


def texts():
    """The written texts, sentences put together from phrases, and words put together from parts."""
    rng = random.Random(5)
    built = []
    for at in range(TEXTS - len(WRITTEN)):
        phrases = (GERMAN, ENGLISH, None)[at % 3]
        if phrases:
            sentence = " ".join(rng.choice(part.split("|")) for part in phrases) + "."
        else:
            sentence = " ".join("".join(rng.choices(PARTS, k=rng.randint(2, 9))) for _ in range(4))
        built.append(rng.choice([str, str, str.upper, str.title])(sentence))
    return WRITTEN + built


def write(model, path):
    """One JSON object a line: the text, its number of tokens, some values of its vector."""
    with path.open("w", encoding="utf-8") as lines:
        for text, vector in zip(texts(), model.embed(texts())):
            values = [round(float(value), 7) for value in vector[::EVERY]]
            record = {"text": text, "tokens": model.vocabulary.count_tokens(text), "values": values}
            lines.write(json.dumps(record, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    from model_file import StaticModel

    write(StaticModel.read(Path(sys.argv[1])), Path(sys.argv[2]))
