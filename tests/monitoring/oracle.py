"""Rules 2 and 3 a second time, day by day and from the sentences only, to judge the rules by.

It shares no code with the rules: one entry per day of a course, plain loops, no cleverness.
"""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

LOW = {"ANC": Decimal("1.0"), "PLT": Decimal(50), "HGB": Decimal(80)}
HIDES = {
    "ANC": {"g_csf": 6, "peg_g_csf": 13},
    "PLT": {"platelet_transfusion": 6, "tpo_ra": 6},
    "HGB": {"rbc_transfusion": 29},
}


def states(history, as_of, day_zero, lineage):
    """`L`, `S`, `N` or `.` for each day from day 0 to the last day seen (CYT-1 to CYT-3)."""
    later = [on for on in history.day_zeros if day_zero < on <= as_of]
    ends = [as_of, *(on - timedelta(days=1) for on in later)]
    if history.follow_up_ended_on:
        ends.append(history.follow_up_ended_on)
    drawn = ""
    for number in range((min(ends) - day_zero).days + 1):
        on = day_zero + timedelta(days=number)
        state = "."
        for point in history.labs.get(lineage, ()):
            if point.collected_on != on:
                continue
            low = point.value < LOW[lineage] if not point.comparator else point.value <= LOW[lineage]
            if point.comparator == "<":
                state = "L" if low else state
            elif point.comparator == ">":
                state = "N" if state == "." and point.value >= LOW[lineage] else state
            else:
                state = "L" if low or state == "L" else "N"
        hidden = any(
            0 <= (on - support.given_on).days <= HIDES[lineage].get(support.kind, -1)
            for support in history.supports
        )
        drawn += "S" if state == "N" and hidden else state
    return drawn


def recovery(drawn, first, last):
    """The first recovery day from `first` to `last`, its confirming days wherever they lie (CYT-4)."""
    for day in range(max(first, 0), min(last, len(drawn) - 1) + 1):
        run = drawn[day:].replace(".", "").replace("S", "").split("L")[0]
        if drawn[day] == "N" and len(run) >= 3:
            return day
    return None


def episodes(history, as_of, day_zero, lineage):
    """Tuples of first, last, certain days, possible days, outcome, recovery day (CYT-5 to CYT-9)."""
    drawn = states(history, as_of, day_zero, lineage)
    groups = []
    for day in [day for day, state in enumerate(drawn) if state == "L"]:
        if groups and day - groups[-1][-1] <= 35 and recovery(drawn, groups[-1][-1], day) is None:
            groups[-1].append(day)
        else:
            groups.append([day])
    found = []
    for group, following in pairwise([*groups, None]):
        first, last = group[0], group[-1]
        before = [day for day in range(first) if drawn[day] == "N"]
        after = [day for day in range(last, len(drawn)) if drawn[day] == "N"]
        possible = (after[0] - 1 if after else len(drawn) - 1) - (before[-1] + 1 if before else 0)
        until = following[0] if following else len(drawn)
        recovered = recovery(drawn, last, until)
        ended = history.follow_up_ended_on is not None and history.follow_up_ended_on <= as_of
        infused = any(day_zero < on <= as_of for on in history.day_zeros)
        if recovered is not None:
            outcome = "recovered"
        elif following is None and (ended or infused):
            outcome = "censored"
        elif "N" in drawn[last:until]:
            outcome = "recovering"
        else:
            outcome = "ongoing"
        found.append((first, last, last - first, possible, outcome, recovered))
    return found


def cytopenias(history, as_of):
    """Findings of rule 2: day 0, lineage, certainty, then the episode."""
    return [
        (day_zero, lineage, "certain" if episode[2] > 28 else "possible", *episode)
        for day_zero in sorted(history.day_zeros)
        if day_zero <= as_of and history.enrolled_on <= as_of
        for lineage in LOW
        for episode in episodes(history, as_of, day_zero, lineage)
        if episode[2] > 28 or episode[3] > 28
    ]


def landmarks(history, as_of):
    """Findings of rule 3: day 0, lineage, reading, last low day (LMK-1 to LMK-4)."""
    found = []
    for day_zero in sorted(history.day_zeros):
        day_28 = day_zero + timedelta(days=28)
        ends = [on for on in (*history.day_zeros, history.follow_up_ended_on) if on and on > day_zero]
        ended_before = history.follow_up_ended_on is not None and history.follow_up_ended_on <= day_zero
        if as_of <= day_28 or history.enrolled_on > as_of:
            continue
        if ended_before or any(end <= day_28 for end in ends):
            continue
        for lineage in LOW:
            drawn = states(history, as_of, day_zero, lineage)
            last = drawn[:29].rfind("L")
            if last < 0:
                continue
            bridges = [day for day in range(29, min(43, len(drawn))) if drawn[day] == "L"]
            if last >= 21 and "N" not in drawn[last:29]:
                reading = "landmark"
            elif last >= 14 and any(recovery(drawn, last, day) is None for day in bridges):
                reading = "bridge"
            elif recovery(drawn, last, 28) is not None:
                continue
            else:
                reading = "missing_count" if "N" not in drawn[last:29] else "unconfirmed_recovery"
            found.append((day_zero, lineage, reading, last))
    return found
