"""The ASTCT grades of CRS and ICANS from their components.

Source: clinical-reference.md 2.2 and 2.3; Lee et al., Biol Blood Marrow Transplant 2019;25:625-638.
CRS: the higher of hypotension and hypoxia, at least 1, given fever that nothing else explains. ICANS: the
worst domain. Grade 5 is death of it and is never computed. An answer that is missing leaves the grade open
unless the worst grade holds already: nothing is read into silence.
"""

from dataclasses import dataclass

from registry.clinical.event_lists import CONSCIOUSNESS, HYPOTENSION, HYPOXIA, MOTOR, OEDEMA, SEIZURE

WORST_COMPUTED = 4


@dataclass(frozen=True, slots=True)
class ComputedGrade:
    """A grade and the sentence why. 0: not CRS, no ICANS. None: the answers do not tell."""

    grade: int | None
    why: str

    @property
    def words(self) -> str:
        """`Grade 3: one vasopressor …`; without a grade the sentence alone."""
        return f"Grade {self.grade}: {self.why}" if self.grade else self.why


_HYPOTENSION_GRADE = {"none": 1, "no_vasopressor": 2, "one_vasopressor": 3, "several_vasopressors": 4}
_HYPOXIA_GRADE = {"none": 1, "low_flow": 2, "high_flow": 3, "positive_pressure": 4}


def crs_grade(
    *,
    has_fever: bool | None,
    is_fever_explained: bool | None,
    is_treated: bool,
    hypotension: str,
    hypoxia: str,
) -> ComputedGrade:
    """Grade CRS. `hypotension` and `hypoxia` are codes of their lists, empty for not answered.

    `is_fever_explained`: another cause alone explains the fever. `is_treated`: antipyretics or
    anti-cytokine treatment or steroids were given, after which fever is no longer required.
    """
    if is_fever_explained:
        return ComputedGrade(0, "Not CRS: the fever has another cause.")
    if has_fever is False and not is_treated:
        return ComputedGrade(0, "Not CRS: there was no fever of 38 °C or more.")
    if has_fever is None and not is_treated:
        return ComputedGrade(None, "Not computed: say whether there was a fever of 38 °C or more.")
    worst = max(_HYPOTENSION_GRADE.get(hypotension, 0), _HYPOXIA_GRADE.get(hypoxia, 0))
    if worst < WORST_COMPUTED:
        missing = [name for name, code in (("hypotension", hypotension), ("hypoxia", hypoxia)) if not code]
        if missing:
            return ComputedGrade(None, f"Not computed: {_listed(missing)} {_is(missing)} not answered.")
    causes = [
        f"{name} ({labels[code][0].lower()}{labels[code][1:]})"
        for name, code, labels, grades in (
            ("hypotension", hypotension, HYPOTENSION, _HYPOTENSION_GRADE),
            ("hypoxia", hypoxia, HYPOXIA, _HYPOXIA_GRADE),
        )
        if code and worst > 1 and grades[code] == worst
    ]
    fever = "fever of 38 °C or more" if has_fever else "fever no longer required after treatment"
    if not causes:
        return ComputedGrade(1, f"{fever}, neither hypotension nor hypoxia.")
    return ComputedGrade(worst, f"{fever}; {' and '.join(causes)} decide{'s' if len(causes) == 1 else ''}.")


_ICE_MAXIMUM = 10


_CONSCIOUSNESS_GRADE = {"awake": 0, "to_voice": 2, "to_touch": 3, "unarousable": 4}
_SEIZURE_GRADE = {"none": 0, "resolving": 3, "prolonged": 4}
_MOTOR_GRADE = {"none": 0, "deep_weakness": 4}
_OEDEMA_GRADE = {"none": 0, "focal": 3, "diffuse": 4}


def icans_grade(
    *, ice: int | None, consciousness: str, seizure: str, motor: str, oedema: str
) -> ComputedGrade:
    """Grade ICANS of an adult by the worst domain. `ice` is the total 0 to 10, None when not tested.

    ICE 0 is grade 3 in somebody awake and grade 4 in somebody unarousable. Who cannot be tested because
    unarousable is grade 4 without a total. Findings of another cause are answered as none.
    """
    found = {
        "ICE": None if ice is None else _ice_grade(ice),
        "consciousness": _CONSCIOUSNESS_GRADE.get(consciousness),
        "seizure": _SEIZURE_GRADE.get(seizure),
        "motor findings": _MOTOR_GRADE.get(motor),
        "raised pressure or oedema": _OEDEMA_GRADE.get(oedema),
    }
    worst = max((grade for grade in found.values() if grade is not None), default=0)
    if worst < WORST_COMPUTED:
        missing = [name for name, grade in found.items() if grade is None]
        if ice == 0 and not consciousness:
            return ComputedGrade(
                None,
                "Not computed: an ICE of 0 is grade 3 in somebody awake and grade 4 in somebody unarousable. "
                "Say which.",
            )
        if missing:
            return ComputedGrade(None, f"Not computed: {_listed(missing)} {_is(missing)} not answered.")
    if worst == 0:
        return ComputedGrade(0, "No ICANS: ICE 10 and no other finding.")
    words = {
        "ICE": f"ICE {ice}",
        "consciousness": CONSCIOUSNESS.get(consciousness, ""),
        "seizure": SEIZURE.get(seizure, ""),
        "motor findings": MOTOR.get(motor, ""),
        "raised pressure or oedema": OEDEMA.get(oedema, ""),
    }
    deciding = [
        words[name] if name == "ICE" else f"{name} ({words[name][0].lower()}{words[name][1:]})"
        for name, grade in found.items()
        if grade == worst
    ]
    return ComputedGrade(worst, f"{' and '.join(deciding)} decide{'s' if len(deciding) == 1 else ''}.")


def _ice_grade(ice: int) -> int:
    if ice >= _ICE_MAXIMUM:
        return 0
    return 1 if ice >= 7 else 2 if ice >= 3 else 3


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
