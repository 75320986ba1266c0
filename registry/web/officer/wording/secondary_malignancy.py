"""A candidate second primary malignancy in words (rules.md MAL-1 to MAL-11)."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from registry.clinical.partial_dates import PartialDate
from registry.clinical.spoken_dates import spoken
from registry.monitoring.standing import DROPPED_WORDS
from registry.web.officer.wording.told import Part, Told, number, sentence

_ISO_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_CLASSES = {
    "t_cell": "T-cell malignancy",
    "myeloid": "myeloid malignancy",
    "lymphoid": "lymphoid malignancy",
    "solid": "solid tumour",
    "skin_non_melanoma": "non-melanoma skin cancer",
    "in_situ": "carcinoma in situ",
    "uncertain": "neoplasm of uncertain behaviour",
    "unspecified": "malignancy, kind not specified",
}
_TRIGGERS = {
    "T2": "two CAR transgene results that rose far above the lowest earlier one",
    "T4": "two lymphocyte counts above the limit after day 90",
    "L2": "a prolonged cytopenia with a low day after day 90, in two lineages or with a rising cell volume",
    "L3": "blasts in the blood",
}


def line(told: Told) -> str:
    if _kind(told) == "trigger":
        return _results(told)
    kind = _class(told)
    return f"{kind[0].upper()}{kind[1:]}: {_matched(told)} in {source(told)}, {_onset(told)}"


def why(told: Told) -> tuple[Part, ...]:
    if _kind(told) == "trigger":
        trigger = told.subject.partition(":")[2]
        return sentence(
            f"Laboratory trigger {trigger}, ",
            Part(_TRIGGERS.get(trigger, "laboratory results"), anchor="values"),
            f": {_results(told)}."
            + (
                " The record cannot exclude a malignancy, nor does it prove one."
                if _is_possible(told)
                else ""
            ),
        )
    where = source(told)
    return sentence(
        f"{where[0].upper()}{where[1:]} says ",
        Part(_matched(told), anchor="source-text"),
        f", read as {_class(told)}; {_onset(told)}. {_standing(told)}",
    )


def what_would_change(told: Told) -> tuple[str, ...]:
    if _kind(told) == "trigger":
        return ("Corrected results that no longer meet the trigger withdraw this alert.",)
    changes = [
        "A correction of the source that negates these words, names another person, or dates them before "
        "day 0 without a recurrence withdraws this alert.",
    ]
    if _is_possible(told):
        changes.append(
            "A code, or the category malignancy, on the event makes it certain, unless its words doubt it."
        )
    return tuple(changes)


def labels(told: Told) -> tuple[str, ...]:
    words = {
        "pre-existing": "Pre-existing: it began before day 0 and has come back, progressed or transformed"
    }
    return tuple(f"{words.get(label, label)}." for label in told.labels)


def source(told: Told) -> str:
    """Where it was found: `adverse event AE-12`, `the visit question of M6`."""
    name = str(told.evidence.get("source_id") or told.subject.partition(":")[2])
    if _kind(told) == "adverse_event":
        return f"adverse event {name}"
    if _kind(told) == "visit_question":
        return f"the visit question “new malignancy?” of {told.subject.partition(':')[2].partition('@')[0]}"
    if _kind(told) == "cause_of_death":
        return "the cause of death"
    return "the laboratory results"


def matched_words(evidence: Mapping[str, Any]) -> list[str]:
    """The words and codes of the evidence, or the results of a trigger, as they are stored."""
    return [str(words) for words in evidence.get("matched", ())]


def dropped_hits(evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The hits that were dropped, each with its reason and the words that gave it (MAL-4)."""
    return [
        (hit["words"], _dropped_because(hit["reason"], hit.get("cue") or ""))
        for hit in evidence.get("dropped", ())
    ]


def _dropped_because(reason: str, cue: str) -> str:
    words = DROPPED_WORDS.get(reason, reason)
    return f"{words} (“{cue}”)" if cue else words


def _results(told: Told) -> str:
    """The results of a trigger, each date with its study day."""
    return "; ".join(
        _ISO_DATE.sub(lambda found: told.when(date.fromisoformat(found[0])), words)
        for words in matched_words(told.evidence)
    )


def _kind(told: Told) -> str:
    return told.subject.partition(":")[0]


def _class(told: Told) -> str:
    return _CLASSES.get(told.text("class"), told.text("class"))


def _matched(told: Told) -> str:
    words = list(dict.fromkeys(filter(None, matched_words(told.evidence))))
    return ", ".join(f"“{word}”" for word in words) or "its category"


def _onset(told: Told) -> str:
    onset, latency = told.evidence.get("onset"), told.evidence.get("latency_days")
    if not onset:
        return "onset not known"
    partial = PartialDate.parse(str(onset))
    when = spoken(partial.earliest) if partial.is_complete else _partial(partial)
    if latency is None:
        return f"onset {when}"
    # A partial onset has its earliest possible day; saying "from" keeps it from being read as exact.
    day = f"day {number(int(latency))}" if partial.is_complete else f"from day {number(int(latency))}"
    return f"onset {when} ({day})"


def _partial(partial: PartialDate) -> str:
    return f"{partial.earliest:%b %Y}" if len(partial.text) == len("2026-03") else partial.text


# `malignancy_terms 3`, as the evidence names lists, is a name in words but for its stroke.
_NAMES = str.maketrans("_", " ")


def _is_possible(told: Told) -> bool:
    return told.certainty == "possible"


def _standing(told: Told) -> str:
    lists = f"Read with the lists {told.text('list_version').translate(_NAMES)}."
    return lists if not _is_possible(told) else f"The record cannot exclude it, nor does it prove it. {lists}"
