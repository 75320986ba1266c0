"""Drugs for the disease, prophylaxis and vaccines over time: doses, equivalents, drug-free or not.

A treatment is taken from its start up to, not including, the day of its stop: on the day a dose changes the
old period ends and the new one begins. Start and stop on one day are a single dose, given that day.

Source: prednisolone equivalents by glucocorticoid potency, Liu et al., Allergy Asthma Clin Immunol 2013;9:30,
table 1 (doi 10.1186/1710-1492-9-30); clinical-reference.md 6 (drug-free) and 9.3 (R12, R15, R16).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import combinations
from types import MappingProxyType
from typing import Literal

from registry.clinical.code_lists import CodeList
from registry.clinical.entry_checks import Life, check_listed, check_text
from registry.clinical.partial_dates import PartialDate
from registry.clinical.refusals import Problem, shortened
from registry.clinical.spoken_dates import spoken

Group = Literal[
    "glucocorticoid",
    "antimalarial",
    "immunosuppressant",
    "biologic",
    "targeted",
    "immunoglobulin",
    "prophylaxis",
    "vaccine",
]

GROUPS: Mapping[Group, str] = MappingProxyType(
    {
        "glucocorticoid": "Glucocorticoids",
        "antimalarial": "Antimalarials",
        "immunosuppressant": "Immunosuppressants",
        "biologic": "Biologics",
        "targeted": "Targeted synthetic drugs",
        "immunoglobulin": "Immunoglobulin",
        "prophylaxis": "Prophylaxis",
        "vaccine": "Vaccines",
    }
)
# What keeps a remission from being drug-free. Antimalarials and replaced immunoglobulin are told apart.
_COUNTS: frozenset[Group] = frozenset({"glucocorticoid", "immunosuppressant", "biologic", "targeted"})


@dataclass(frozen=True, slots=True)
class Agent:
    """A drug, prophylaxis or vaccine that can be recorded. `needs_name`: which one must be written out.

    `mg_as_5_prednisolone`: of a glucocorticoid, the dose in mg that equals 5 mg of prednisolone.
    """

    name: str
    group: Group
    needs_name: bool = False
    mg_as_5_prednisolone: Decimal | None = None
    covers_pneumococcus: bool = False


def _agents(group: Group, **named: str) -> dict[str, Agent]:
    return {key: Agent(name, group, needs_name=key.startswith("other")) for key, name in named.items()}


def _glucocorticoid(name: str, equals_5: str) -> Agent:
    return Agent(name, "glucocorticoid", mg_as_5_prednisolone=Decimal(equals_5))


AGENTS: Mapping[str, Agent] = MappingProxyType(
    {
        "prednisolone": _glucocorticoid("Prednisolone", "5"),
        "prednisone": _glucocorticoid("Prednisone", "5"),
        "methylprednisolone": _glucocorticoid("Methylprednisolone", "4"),
        "dexamethasone": _glucocorticoid("Dexamethasone", "0.75"),
        "hydrocortisone": _glucocorticoid("Hydrocortisone", "20"),
        "cortisone": _glucocorticoid("Cortisone", "25"),
        **_agents(
            "antimalarial",
            hydroxychloroquine="Hydroxychloroquine",
            chloroquine="Chloroquine",
        ),
        **_agents(
            "immunosuppressant",
            mycophenolate="Mycophenolate",
            azathioprine="Azathioprine",
            methotrexate="Methotrexate",
            cyclophosphamide="Cyclophosphamide",
            tacrolimus="Tacrolimus",
            ciclosporin="Ciclosporin",
            voclosporin="Voclosporin",
            leflunomide="Leflunomide",
            ivig_high_dose="Immunoglobulin, high dose to modulate",
            other_immunosuppressant="Other immunosuppressant",
        ),
        **_agents(
            "biologic",
            belimumab="Belimumab",
            rituximab="Rituximab",
            obinutuzumab="Obinutuzumab",
            anifrolumab="Anifrolumab",
            tocilizumab="Tocilizumab",
            abatacept="Abatacept",
            other_biologic="Other biologic",
        ),
        **_agents("targeted", jak_inhibitor="JAK inhibitor", other_targeted="Other targeted drug"),
        **_agents(
            "immunoglobulin",
            ivig_replacement="Immunoglobulin replacement, intravenous",
            scig_replacement="Immunoglobulin replacement, subcutaneous",
        ),
        **_agents(
            "prophylaxis",
            aciclovir="Aciclovir",
            valaciclovir="Valaciclovir",
            cotrimoxazole="Co-trimoxazole",
            pentamidine="Pentamidine",
            atovaquone="Atovaquone",
            dapsone="Dapsone",
            penicillin="Penicillin",
            antifungal="Antifungal",
            other_prophylaxis="Other prophylaxis",
        ),
        "pneumococcal_conjugate": Agent("Pneumococcal, conjugate (PCV)", "vaccine", covers_pneumococcus=True),
        "pneumococcal_polysaccharide": Agent(
            "Pneumococcal, polysaccharide (PPSV23)", "vaccine", covers_pneumococcus=True
        ),
        **_agents(
            "vaccine",
            influenza="Influenza",
            covid_19="COVID-19",
            hepatitis_b="Hepatitis B",
            zoster_recombinant="Zoster, recombinant",
            rsv="RSV",
            other_vaccine="Other vaccine",
        ),
    }
)
AGENT_NAMES: CodeList = MappingProxyType({key: agent.name for key, agent in AGENTS.items()})
SECTION_GROUPS: Mapping[str, tuple[Group, ...]] = MappingProxyType(
    {
        "treatments": (
            "glucocorticoid",
            "antimalarial",
            "immunosuppressant",
            "biologic",
            "targeted",
            "immunoglobulin",
        ),
        "prevention": ("prophylaxis", "vaccine"),
    }
)
TEXT_LIMIT = 200
_HIGHEST_DOSE = Decimal(2_000)  # mg a day; a pulse of methylprednisolone is 1,000
_DOSE = re.compile(r"(\d{1,4}(?:[.,]\d{1,3})?)\s*(?:mg(?:\s*(?:/|per|a)\s*(?:d|day))?)?", re.ASCII | re.I)


@dataclass(frozen=True, slots=True)
class Span:
    """A treatment over time. `stopped` None: ongoing. `mg_per_day`: of glucocorticoids."""

    agent: str
    started: PartialDate
    stopped: PartialDate | None = None
    name: str = ""
    mg_per_day: Decimal | None = None

    @property
    def words(self) -> str:
        return self.name or AGENTS[self.agent].name

    @property
    def is_one_dose(self) -> bool:
        return self.stopped is not None and self.stopped.text == self.started.text

    def certainly_on(self, on: date) -> bool:
        """Whether it was taken on the day, whatever unknown days and months turn out to be."""
        if self.stopped is None:
            return self.started.latest <= on
        if self.is_one_dose:
            return self.started.is_complete and self.started.earliest == on
        return self.started.latest <= on < self.stopped.earliest

    def possibly_on(self, on: date) -> bool:
        """Whether it may have been taken on the day."""
        if on < self.started.earliest:
            return False
        if self.stopped is None:
            return True
        return on <= self.stopped.latest if self.is_one_dose else on < self.stopped.latest

    def certain_days(self) -> tuple[date, date | None] | None:
        """The first day it was certainly taken and the first day it may not have been; None: no such day."""
        if self.stopped is None:
            return self.started.latest, None
        if self.started.latest < self.stopped.earliest:
            return self.started.latest, self.stopped.earliest
        return None


@dataclass(frozen=True, slots=True)
class DrugFree:
    """Whether a day was free of drugs for the disease; `since` in words, of a yes. `why` says it."""

    state: Literal["yes", "no", "unknown"]
    why: str
    since: str = ""

    @property
    def words(self) -> str:
        if self.state == "yes":
            return f"drug-free {self.since}".strip()
        return (
            f"not drug-free, since {self.why}" if self.state == "no" else f"cannot be said, since {self.why}"
        )


def prednisolone_equivalent(*, agent: str, mg_per_day: Decimal) -> Decimal:
    """Return the dose as mg of prednisolone a day: 4 mg of methylprednisolone are 5.

    Raises KeyError for an agent that is no glucocorticoid.
    """
    equal = AGENTS[agent].mg_as_5_prednisolone
    if equal is None:
        raise KeyError(agent)
    return mg_per_day * 5 / equal


def read_dose(text: str) -> Decimal | None:
    """Read the daily dose of a glucocorticoid in mg: `7.5`, `7,5 mg`, `5 mg/day`; None when it is no such."""
    found = _DOSE.fullmatch(text.strip())
    if not found:
        return None
    try:
        return Decimal(found[1].replace(",", "."))
    except InvalidOperation:
        return None


def drug_free_on(*, spans: Iterable[Span], on: date, asked_on: date | None) -> DrugFree:
    """Say whether a day was free of glucocorticoids, immunosuppressants, biologics and targeted drugs.

    `asked_on`: the latest day on which the list of treatments was said to be complete; what was started
    after it nobody knows. Antimalarials and replaced immunoglobulin do not count.
    """
    counted = [span for span in spans if AGENTS[span.agent].group in _COUNTS]
    taken = [span for span in counted if span.certainly_on(on)]
    if taken:
        named = _named(taken)
        return DrugFree("no", f"{named} {'was' if len(taken) == 1 else 'were'} taken on {spoken(on)}")
    if unclear := [span for span in counted if span.possibly_on(on)]:
        what = "dates are" if len(unclear) > 1 else "start or stop is"
        return DrugFree("unknown", f"of {_named(unclear)} the {what} known only in part")
    if asked_on is None:
        return DrugFree("unknown", "nobody has confirmed yet that the list of treatments is complete")
    if asked_on < on:
        return DrugFree("unknown", f"the list of treatments was complete on {spoken(asked_on)}, not since")
    latest = max(
        (span.stopped for span in counted if span.stopped is not None and span.stopped.earliest <= on),
        key=lambda stop: stop.latest,
        default=None,
    )
    if latest is None:
        return DrugFree("yes", "no such drug is recorded", "with no such drug recorded")
    since = spoken(latest.latest) if latest.is_complete else f"{spoken(latest.latest)} or earlier"
    return DrugFree("yes", f"the last drug was stopped by {spoken(latest.latest)}", f"since {since}")


def prednisolone_on(*, spans: Iterable[Span], on: date, asked_on: date | None) -> tuple[Decimal | None, str]:
    """Return the glucocorticoid dose of a day as mg of prednisolone, or None and why it is not known."""
    steroids = [span for span in spans if span.mg_per_day is not None]
    unclear = [span for span in steroids if span.possibly_on(on) and not span.certainly_on(on)]
    if unclear:
        return None, f"of {_named(unclear)} the start or stop is known only in part"
    if asked_on is None or asked_on < on:
        return None, "nobody has confirmed that the list of treatments was complete on the day"
    taken = (
        prednisolone_equivalent(agent=span.agent, mg_per_day=span.mg_per_day)
        for span in steroids
        if span.mg_per_day is not None and span.certainly_on(on)
    )
    return sum(taken, Decimal(0)), ""


def overlapping(spans: Sequence[Span]) -> tuple[Span, Span] | None:
    """Return two spans of the same drug that certainly overlap, or that begin alike; None when none do."""
    for one, other in combinations(spans, 2):
        if (one.agent, one.name) != (other.agent, other.name):
            continue
        if one.started.text == other.started.text:
            return one, other
        first, second = one.certain_days(), other.certain_days()
        if first is None or second is None:
            continue
        if (second[1] is None or first[0] < second[1]) and (first[1] is None or second[0] < first[1]):
            return one, other
    return None


def check_treatment(
    *,
    agent: str,
    name: str,
    started: PartialDate | None,
    stopped: PartialDate | None,
    dose: str,
    life: Life,
    section: str,
) -> list[Problem]:
    """Refuse what no treatment can be. `dose`: of a glucocorticoid mg a day, of others words."""
    groups = SECTION_GROUPS[section]
    codes = {key: known.name for key, known in AGENTS.items() if known.group in groups}
    found = [
        *check_listed(field="agent", value=agent, codes=codes),
        *check_text(field="name", value=name, maximum=TEXT_LIMIT),
        *check_text(field="dose", value=dose, maximum=TEXT_LIMIT),
        *life.check(field="start", on=started, what="A start"),
        *life.check(field="stop", on=stopped, what="A stop"),
    ]
    if agent not in codes:
        return found
    known = AGENTS[agent]
    if known.needs_name and not name.strip():
        found.append(Problem("name", "", f"{known.name} has no name.", "Write which one it is."))
    if started is None:
        when = "it was given" if known.group == "vaccine" else f"{known.name} was started"
        found.append(
            Problem("start", "", "The date is missing.", f"Say when {when}; the year alone will do.")
        )
    elif stopped is not None and stopped.latest < started.earliest:
        found.append(
            Problem(
                "stop",
                str(stopped),
                f"The stop in {stopped} is before the start in {started}.",
                "Correct one.",
            )
        )
    return found or check_dose(agent=agent, dose=dose)


def check_dose(*, agent: str, dose: str) -> list[Problem]:
    """Refuse a glucocorticoid without a daily dose in mg."""
    if AGENTS[agent].mg_as_5_prednisolone is None:
        return []
    number = read_dose(dose)
    if number is not None and 0 < number <= _HIGHEST_DOSE:
        return []
    read = f"{shortened(dose)} is no daily dose" if dose.strip() else "The daily dose is missing"
    return [
        Problem(
            "dose", shortened(dose), f"{read}.", f"Milligrams a day, 0.001 to {_HIGHEST_DOSE}: 7.5 or 7.5 mg."
        )
    ]


def _named(spans: Sequence[Span]) -> str:
    """Names within a sentence: `azathioprine, JAK inhibitor and rituximab`."""
    names = list(dict.fromkeys(_in_sentence(span) for span in spans))
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _in_sentence(span: Span) -> str:
    name = span.words
    return name if span.name or name[:2].isupper() else name[0].lower() + name[1:]
