"""Reads the labelled sentences beside this file."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sentence:
    """`said`: kept, uncertain, none, or why every term is dropped; `malignancy_class` of what is kept."""

    text: str
    said: str
    malignancy_class: str


def sentences(name: str) -> list[Sentence]:
    """Return the rows of a file of sentences; `#` begins a remark, the first row names the columns.

    `\\n` stands for a new line in a sentence.
    """
    lines = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
    _header, *rows = [line for line in lines if line.strip() and not line.startswith("#")]
    return [Sentence(*(cell.strip().replace("\\n", "\n") for cell in row.split("|"))) for row in rows]


ENGLISH = sentences("malignancy_sentences.txt")
OTHER_LANGUAGES = sentences("malignancy_sentences_other_languages.txt")
