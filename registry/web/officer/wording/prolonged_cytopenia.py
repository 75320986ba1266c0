"""A prolonged cytopenia in words (rules.md CYT-5 to CYT-10)."""

from datetime import timedelta

from registry.clinical.analytes import ANALYTES
from registry.web.officer.wording.cytopenia import grade_words, lineage, low_limit, recovery, were
from registry.web.officer.wording.told import (
    Part,
    Told,
    anchor_of,
    days_in_words,
    sentence,
    with_unit,
)

_GRADES = {"ctcae_v5": "CTCAE v5.0 ", "ctcae_v6": "CTCAE v6.0 "}


def line(told: Told) -> str:
    proven, span = told.days("certain_days"), told.span(told.on("first_low_on"), told.on("last_low_on"))
    lasting = f"for {days_in_words(proven)}, {span}" if proven else f"on {span}"
    if told.certainty == "possible":
        lasting += f", possibly for {days_in_words(told.days('possible_days'))}"
    depth = f"deepest {with_unit(told.text('deepest_value'), lineage(told))}"
    return f"{lineage(told)} < {low_limit(told)} {lasting}, {depth}, {_outcome_in_short(told)}"


def _outcome_in_short(told: Told) -> str:
    """Whether it is over, as a queue tells it: what goes on is looked at before what has healed."""
    if told.text("outcome") == "recovered":
        return f"recovered {told.when(told.on('recovered_on'))}"
    return {"recovering": "rising", "censored": "recovery not seen"}.get(
        told.text("outcome"), "no rise seen since"
    )


def why(told: Told) -> tuple[Part, ...]:
    first, last = told.on("first_low_on"), told.on("last_low_on")
    deepest = Part(
        f"{with_unit(told.text('deepest_value'), lineage(told))} on {told.when(told.on('deepest_on'))}",
        anchor=anchor_of(told.on("deepest_on")),
    )
    over = told.limit("prolonged_over_days")
    seen: tuple[str | Part, ...] = (
        (f"{were(told)} below {low_limit(told)} on ", told.where(first), ". ")
        if first == last
        else (
            f"{were(told)} below {low_limit(told)} from ",
            told.where(first),
            " to ",
            told.where(last),
            ": ",
        )
    )
    proven = days_in_words(told.days("certain_days"))
    if told.certainty == "certain":
        return sentence(
            *seen, f"{proven}, more than the limit of {over}. Deepest: ", deepest, ".", _outcome(told)
        )
    possible = (
        f"From {told.when(told.on('earliest_start_on'))} to {told.when(told.on('latest_end_on'))} no count "
        f"shows otherwise, so {days_in_words(told.days('possible_days'))}, more than the limit of {over}, "
        "cannot be excluded. Deepest: "
    )
    told_so_far = possible if first == last else f"{proven} are proven. {possible}"
    return sentence(*seen, told_so_far, deepest, ".", _outcome(told))


def _outcome(told: Told) -> str:
    last = told.on("last_low_on")
    if told.text("outcome") == "recovered":
        return f" Recovered on {told.when(told.on('recovered_on'))}."
    if told.text("outcome") == "recovering":
        return " Counts have risen since; a recovery is not proven yet."
    if told.text("outcome") == "censored":
        return " Follow-up ended, or a new infusion was given, before a recovery was seen."
    waited = (told.on("latest_end_on") - last).days  # no value ends it: the last day seen
    name = ANALYTES[lineage(told)].name.lower()
    return (
        f" No value of {name} that proves otherwise since {told.when(last)}, for {days_in_words(waited)}: "
        "the episode may still be going on."
    )


def what_would_change(told: Told) -> tuple[str, ...]:
    over = told.limit_days("prolonged_over_days")
    first, last = told.on("first_low_on"), told.on("last_low_on")
    gap = told.limit("longest_gap_days")
    if told.certainty == "certain":
        return (
            f"A correction that leaves {over} days or fewer between the first and the last low count "
            "withdraws this alert.",
            f"A late result that proves {recovery(told)} between them parts the episode in two, as does a "
            f"gap of more than {gap} days without a low count.",
            f"A further low count within {gap} days after {told.when(last)}, before a recovery, lengthens "
            "it.",
        )
    settled_by = told.on("earliest_start_on") + timedelta(days=over + 1)
    proven_from = first + timedelta(days=over + 1)
    changes = [
        f"A low count on or after {told.when(proven_from)}, with no gap of more than {gap} days and no "
        "recovery before it, makes it certain."
    ]
    if settled_by > last:
        changes.insert(
            0,
            f"A count at or above {low_limit(told)} dated after {told.when(last)} and up to "
            f"{told.when(settled_by)}, not lifted by a support, settles it; a later one no longer can.",
        )
    else:
        changes.insert(
            0,
            f"A count at or above {low_limit(told)}, not lifted by a support, that leaves "
            f"{over} days or fewer for the episode settles it.",
        )
    return tuple(changes)


def labels(told: Told) -> tuple[str, ...]:
    grades = [_GRADES[name] + grade_words(value) for name, value in _named(told) if name in _GRADES]
    others = [_label(told, label) for label in told.labels if label.partition(":")[0] not in _GRADES]
    return (*others, *([f"Deepest value: {', '.join(grades)}."] if grades else []))


def _named(told: Told) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (label.partition(":") for label in told.labels)]


def _label(told: Told, label: str) -> str:
    name, _, value = label.partition(":")
    if name == "baseline_low":
        return f"Low already in the {told.limit('baseline_days')} days before day 0."
    if name == "supported":
        return "A support (growth factor or transfusion) lifted at least one count inside the episode."
    if name == "largest_gap":
        return f"Largest gap between two values inside the episode: {days_in_words(int(value))}."
    return label
