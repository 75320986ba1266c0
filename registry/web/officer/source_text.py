"""The text a malignancy candidate was found in, cut so that the words found can be shown in place."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from registry.models import AdverseEvent, AdverseEventFollowUp, Visit
from registry.queries.alert_file import AlertFile


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of the text; `is_found` when it holds the words."""

    text: str
    is_found: bool


@dataclass(frozen=True, slots=True)
class Passage:
    """One field of the source, in pieces: `Narrative`, `Reported term`, `Code`."""

    name: str
    pieces: tuple[Piece, ...]


def passages_of(*, file: AlertFile, words: Sequence[str]) -> tuple[Passage, ...]:
    """The fields of the alert's source, in the order in which they were reported."""
    kind, _, name = file.alert.subject.partition(":")
    if kind == "adverse_event":
        event = next((event for event in file.events if event.event_id == name), None)
        fields = list(_event_fields(event, file.dictionary_terms)) if event else []
    elif kind == "visit_question":
        code, _, day_zero = name.partition("@")
        fields = [
            passage
            for visit in file.visits
            if visit.code == code and visit.course.day_zero.isoformat() == day_zero
            for passage in (
                (f"New malignancy since the visit before? Answer at {visit.code}", _answer(visit)),
                ("In words", visit.new_malignancy_text),
            )
        ]
    elif kind == "cause_of_death":
        fields = [("Cause of death", file.alert.patient.cause_of_death)]
    else:
        fields = []
    return tuple(Passage(label, pieces(text=text, words=words)) for label, text in fields if text)


def pieces(*, text: str, words: Sequence[str]) -> tuple[Piece, ...]:
    """The text in pieces, those that hold one of the words marked.

    Words were kept with their signs folded into one hyphen, so any sign or space may stand between them.
    """
    patterns = [pattern for pattern in map(_pattern, words) if pattern]
    if not patterns:
        return (Piece(text, False),)
    found = re.compile("|".join(sorted(patterns, key=len, reverse=True)), re.IGNORECASE)
    made: list[Piece] = []
    end = 0
    for hit in found.finditer(text):
        made += [Piece(text[end : hit.start()], False), Piece(hit[0], True)]
        end = hit.end()
    made.append(Piece(text[end:], False))
    return tuple(piece for piece in made if piece.text)


def _pattern(words: str) -> str:
    runs = re.findall(r"[^\W_]+", words)
    return r"[\W_]{1,3}".join(re.escape(run) for run in runs)


def _answer(visit: Visit) -> str:
    return "Not answered" if visit.new_malignancy is None else "Yes" if visit.new_malignancy else "No"


def _event_fields(event: AdverseEvent, terms: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield from _report_fields(event, "", terms)
    for follow_up in event.follow_ups.all():
        yield from _report_fields(follow_up, f", follow-up {follow_up.number}", terms)


def _report_fields(
    report: AdverseEvent | AdverseEventFollowUp, which: str, terms: Mapping[str, str]
) -> Iterable[tuple[str, str]]:
    code = f"{report.code_system} {report.code}".strip()
    term = terms.get(report.code, "") if report.code_system == "MedDRA" else ""
    if term and term != report.coded_term:
        code = f"{code}, in the dictionary: {term}"
    return (
        (f"Reported term{which}", report.term),
        (f"Coded term{which}", report.coded_term),
        (f"Code{which}", code),
        (f"Narrative{which}", report.narrative),
    )
