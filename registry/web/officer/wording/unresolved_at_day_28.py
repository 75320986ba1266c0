"""A cytopenia not resolved by day 28 in words (rules.md LMK-2, LMK-3)."""

from datetime import date, timedelta

from registry.clinical.spoken_dates import spoken
from registry.web.officer.wording.cytopenia import lineage, low_limit, recovery, were
from registry.web.officer.wording.told import Part, Told, sentence

_SHORT = {
    "landmark": "no count above it up to day {landmark}",
    "bridge": "low again by day {bridge_to} without a recovery",
    "missing_count": "count near day {landmark} missing",
    "unconfirmed_recovery": "recovery by day {landmark} not confirmed",
}


def line(told: Told) -> str:
    last = told.on("last_low_on")
    return f"{lineage(told)} < {low_limit(told)}, last low {told.when(last)}, {_filled(told, _SHORT)}"


def why(told: Told) -> tuple[Part, ...]:
    landmark = told.limit("landmark_day")
    said = {
        "landmark": f", and no count at or above that limit came after it up to day {landmark} "
        f"({spoken(_landmark_on(told))}), leaving out those lifted by a support: not resolved by day "
        f"{landmark}.",
        "bridge": f", was low again by day {told.limit('bridge_to_day')}, and no recovery lies between: "
        f"not resolved by day {landmark}.",
        "missing_count": f", and no count came after it up to day {landmark} "
        f"({spoken(_landmark_on(told))}), leaving out those lifted by a support. "
        "Whether it resolved by then cannot be told.",
        "unconfirmed_recovery": f", rose by day {landmark}, and the recovery was not confirmed. Whether it "
        f"resolved by day {landmark} cannot be told.",
    }
    return sentence(
        f"{were(told)} below {low_limit(told)} on ",
        told.where(told.on("last_low_on")),
        said[told.text("reading")],
    )


def what_would_change(told: Told) -> tuple[str, ...]:
    last = told.on("last_low_on")
    if last >= _landmark_on(told):
        return (
            f"No later result settles it, as {spoken(last)} is day {told.limit('landmark_day')} itself; "
            "a correction of that count can.",
        )
    return (
        f"A result that begins {recovery(told)} after {told.when(last)} and by day "
        f"{told.limit('landmark_day')} ({spoken(_landmark_on(told))}) settles it; the confirming counts "
        "may be later.",
    )


def labels(told: Told) -> tuple[str, ...]:
    return (
        "This is the landmark of the product labels; an episode of more than 28 days is another rule.",
        *told.labels,
    )


def _landmark_on(told: Told) -> date:
    return told.on("day_zero") + timedelta(days=told.limit_days("landmark_day"))


def _filled(told: Told, words: dict[str, str]) -> str:
    return words[told.text("reading")].format(
        landmark=told.limit("landmark_day"), bridge_to=told.limit("bridge_to_day")
    )
