"""The rules in force, and the words that every rule uses.

- **G-1 Day.** A date is a calendar date at the patient's site. Every infusion opens a *course*; the date of
  infusion is that course's day 0. A course runs to the day before the next infusion. A comparator patient
  has one course, from the index date. Infusions after the as-of date are not seen. Day numbers are
  differences of dates: `day(d) = d − day 0`.
- **G-2 As-of.** A rule is a function of the record and an as-of date. It sees nothing dated after the as-of
  date. Given the same record and as-of date it returns the same findings, in any order of entry. When no
  as-of date is given it is today at the patient's site.
- **G-3 Under follow-up.** A patient is under follow-up from enrolment until follow-up ended (death,
  withdrawal, lost to follow-up, transfer out, completed), or without end while that date is empty. The end
  date itself is the last day under follow-up.
- **G-4 Months and years** are calendar arithmetic from day 0, never chained and never a number of days:
  month end is clamped (31 Jan + 1 month = 28 or 29 Feb; 29 Feb + 1 year = 28 Feb; 29 Feb + 4 years = 29 Feb).
- **G-5 Current facts only.** A superseded, retracted or draft value is not seen by any rule.
- **G-6 Certainty.** A finding is `certain` when the record proves it, `possible` when the record cannot
  exclude it. `possible` findings are requests for data: they go to the site's worklist and to the officer's
  *cannot be excluded* box, not to the main queue.
- **G-7 Identity.** A finding has a `subject`. Findings of one rule, patient and subject that overlap in time
  are the same alert: a re-run changes nothing, a changed record extends, shortens or *withdraws* that alert,
  and never makes a twin.
- **G-8 Nothing vanishes.** A withdrawn alert stays, says which change withdrew it, and if a person had
  already decided on it waits for that person. New evidence on a decided alert re-opens that alert with a
  mark *new since your decision*.
- **G-9 Failure is visible.** A rule that raises for one patient is recorded against that patient and that
  run; the other patients are judged; the run counts as incomplete.

A rule is one file beside this one and one line below.

Source: rules.md section 0.
"""

import sys

from registry.monitoring import (
    overdue_visit,
    prolonged_cytopenia,
    secondary_malignancy,
    unresolved_at_day_28,
)
from registry.monitoring.rule import Rule, flat

RULES: tuple[Rule, ...] = (
    overdue_visit.RULE,
    prolonged_cytopenia.RULE,
    unresolved_at_day_28.RULE,
    secondary_malignancy.RULE,
)


# Versions with other limits that are not in force; `scan --shadow` says what each would change.
CANDIDATES: tuple[Rule, ...] = (
    *overdue_visit.CANDIDATES,
    *prolonged_cytopenia.CANDIDATES,
    *unresolved_at_day_28.CANDIDATES,
    *secondary_malignancy.CANDIDATES,
)


class UnknownRule(KeyError):
    """No rule in force has this key, or no version this name."""


def by_key(key: str) -> Rule:
    """Return the rule in force with this key; raises UnknownRule."""
    for rule in RULES:
        if rule.key == key:
            return rule
    raise UnknownRule(key)


def by_name(name: str) -> Rule:
    """Return the candidate, or the rule in force, with this name (`key:version`); raises UnknownRule."""
    for rule in (*CANDIDATES, *RULES):
        if rule.name == name:
            return rule
    raise UnknownRule(name)


def definition_of(rule: Rule) -> str:
    """Return the definition that a clinician signs: the docstring of the rule's module."""
    return (sys.modules[rule.judge.__module__].__doc__ or "").strip()


def as_markdown() -> str:
    """Return docs/rules.md: the words, then each rule with its version, definition and limits."""
    lines = [
        "# The rule book",
        "",
        "Generated from the rules in `registry/monitoring/`; change them there.",
        "",
        "## Words",
        "",
        (__doc__ or "").strip(),
        "",
    ]
    for rule in RULES:
        lines += [
            f"## `{rule.key}` version {rule.version}",
            "",
            definition_of(rule),
            "",
            "| limit | value |",
            "|---|---|",
            *(f"| `{name}` | {value} |" for name, value in flat(rule.limits_as_json).items()),
            "",
            *(
                f"- Version {change.version}, {change.on.isoformat()}: {change.what}"
                for change in rule.changes
            ),
            "",
            *_candidates_of(rule),
        ]
    return "\n".join(lines)


def _candidates_of(rule: Rule) -> list[str]:
    """Versions that are proposed and not in force, with the limits in which they differ."""
    candidates = [candidate for candidate in CANDIDATES if candidate.key == rule.key]
    if not candidates:
        return []
    lines = ["Candidates, not in force (`scan --shadow` says what one would change):", ""]
    for candidate in candidates:
        change = candidate.changes[-1]
        unlike = ", ".join(
            f"`{name}` {values['shadow']} instead of {values['in_force']}"
            for name, values in candidate.limits_unlike(rule).items()
        )
        lines.append(f"- `{candidate.name}`, {change.on.isoformat()}: {unlike}. {change.what}")
    return [*lines, ""]
