"""Serology within the section of disease activity: anti-dsDNA by assay, antibodies, B-cell subsets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.safestring import SafeString

from registry.actions.disease_activity import SerologyEntry
from registry.clinical.code_lists import CodeList
from registry.clinical.serology import (
    ANTIBODIES,
    ASSAYS,
    B_CELLS,
    FINDINGS,
    TESTS,
    TITRE_ASSAYS,
    UNITS,
    USUAL_ANTIBODIES,
    check_share,
    read_quantity,
    read_titre,
)
from registry.models import Serology
from registry.templatetags.words import serology as in_words
from registry.templatetags.words import study_day
from registry.web.investigator import typed_html as html
from registry.web.investigator.typed import Typed, TypedFields


@dataclass(slots=True)
class AntibodyRow:
    """One antibody in the form: its finding and titre, and the latest recorded before."""

    name: str
    finding: Typed
    titre: Typed
    previous: Serology | None

    @property
    def is_filled(self) -> bool:
        return bool(self.finding.value or self.titre.value)


class SerologyFields:
    """The serology of one visit as fields of its section."""

    def __init__(
        self,
        *,
        fields: TypedFields,
        rows: Sequence[Serology],
        diagnosis: str,
        recorded_on: date | None,
        day_zero: date,
    ):
        self._day_zero = day_zero
        self._rows = rows
        self._here = {row.test: row for row in rows if row.collected_on == recorded_on}
        self._recorded_on = recorded_on
        self._fields = fields
        self._add_dsdna()
        usual = USUAL_ANTIBODIES.get(diagnosis, USUAL_ANTIBODIES["OTHER"])
        antibodies = {test: self._antibody(test) for test in ANTIBODIES}
        self.usual = [antibodies[test] for test in usual]
        self.further = [row for test, row in antibodies.items() if test not in usual]
        self.shares = [self._share(test) for test in B_CELLS]

    def _add_dsdna(self) -> None:
        row = self._here.get("anti_dsdna")
        facts = {"assay": "", "value": "", "unit": "", "uln": "", "titre": ""}
        if row is not None:
            facts["assay"] = row.assay
            facts["titre"] = f"1:{row.titre}" if row.titre else ""
            if row.value is not None:
                facts |= {"value": f"{row.comparator}{row.value.normalize():f}", "unit": row.unit}
                facts["uln"] = f"{row.upper_limit.normalize():f}" if row.upper_limit is not None else ""
        labels = {
            "assay": "Anti-dsDNA, assay",
            "value": "Anti-dsDNA, value",
            "unit": "Anti-dsDNA, unit",
            "uln": "Anti-dsDNA, upper limit of the assay",
            "titre": "Anti-dsDNA, titre",
        }
        self.dsdna = {
            name: self._fields.add(f"dsdna-{name}", label=label, recorded=facts[name])
            for name, label in labels.items()
        }
        self.dsdna_previous = self._previous("anti_dsdna")

    def _antibody(self, test: str) -> AntibodyRow:
        row = self._here.get(test)
        add = self._fields.add
        return AntibodyRow(
            name=TESTS[test],
            finding=add(test, label=TESTS[test], recorded=row.finding if row else ""),
            titre=add(
                f"{test}-titre",
                label=f"{TESTS[test]}, titre",
                recorded=f"1:{row.titre}" if row and row.titre else "",
            ),
            previous=self._previous(test),
        )

    def _share(self, test: str) -> tuple[Typed, Serology | None]:
        row = self._here.get(test)
        recorded = f"{row.comparator}{row.value.normalize():f}" if row and row.value is not None else ""
        return self._fields.add(test, label=TESTS[test], recorded=recorded), self._previous(test)

    def _previous(self, test: str) -> Serology | None:
        before = self._recorded_on
        return next(
            (row for row in self._rows if row.test == test and (before is None or row.collected_on < before)),
            None,
        )

    @property
    def has_recorded(self) -> bool:
        return bool(self._here)

    @property
    def is_filled(self) -> bool:
        return bool(
            any(typed.value for typed in self.dsdna.values())
            or any(row.is_filled for row in (*self.usual, *self.further))
            or any(typed.value for typed, _ in self.shares)
        )

    @property
    def further_are_filled(self) -> bool:
        return any(row.is_filled or row.titre.errors for row in self.further)

    @property
    def dsdna_html(self) -> SafeString:
        """The fields of anti-dsDNA, drawn by hand."""
        told = self.dsdna
        return html.joined(
            [
                html.choice(told["assay"], label="Anti-dsDNA, assay", pairs=_pairs(ASSAYS, "Choose …")),
                html.box(told["value"], label="Value", mode="decimal"),
                html.choice(told["unit"], label="Unit", pairs=_pairs(UNITS, "Choose …")),
                html.box(told["uln"], label="Upper limit", mode="decimal"),
                html.box(told["titre"], label="Titre (1:20)"),
            ]
        )

    @property
    def usual_html(self) -> SafeString:
        return self._antibodies_html(self.usual)

    @property
    def further_html(self) -> SafeString:
        return self._antibodies_html(self.further)

    def _antibodies_html(self, rows: Sequence[AntibodyRow]) -> SafeString:
        findings = _pairs(FINDINGS, "Not measured")
        return html.joined(
            html.antibody(
                label=row.name,
                finding=row.finding,
                titre=row.titre,
                findings=findings,
                last=f"{in_words(row.previous)}, {study_day(row.previous.collected_on, self._day_zero)}"
                if row.previous
                else "",
            )
            for row in rows
        )

    def entries(self) -> list[SerologyEntry]:
        """Judge what was typed; the tests that can be kept."""
        found = [entry] if (entry := self._dsdna_entry()) else []
        for test in ANTIBODIES:
            finding, titre = self._fields.value(test), self._titre(f"{test}-titre")
            finding = finding if finding in FINDINGS else ""
            if finding == "negative" and titre is not None and titre >= 80:
                self._fields.refuse(
                    f"{test}-titre", f"Negative with a titre of 1:{titre}? Correct one of the two."
                )
            if finding or titre is not None:
                found.append(SerologyEntry(test=test, finding=finding, titre=titre))
        for test in B_CELLS:
            text = self._fields.value(test)
            if not text:
                continue
            value, comparator, problems = read_quantity(text, field=test)
            if value is not None:
                problems = check_share(field=test, value=value)
            self._fields.refuse_all(test, problems)
            found.append(SerologyEntry(test=test, comparator=comparator, value=value, unit="%"))
        return found

    def _titre(self, name: str) -> int | None:
        text = self._fields.value(name)
        if not text:
            return None
        titre = read_titre(text)
        if titre is None:
            self._fields.refuse(name, f"{text[:20]} is no titre. Write 1:320 or 320.")
        return titre

    def _dsdna_entry(self) -> SerologyEntry | None:
        told = {name: typed.value for name, typed in self.dsdna.items()}
        if not any(told[name] for name in ("assay", "value", "uln", "titre")):
            return None
        assay = told["assay"] if told["assay"] in ASSAYS else ""
        refuse = self._fields.refuse
        if not assay:
            refuse("dsdna-assay", "Name the assay: values of two assays cannot be compared.")
        titre = self._titre("dsdna-titre")
        if titre is not None and assay and assay not in TITRE_ASSAYS:
            refuse(
                "dsdna-titre",
                f"{ASSAYS[assay]} reports a value, not a titre. Choose CLIFT, or use the value.",
            )
        if told["value"] and assay in TITRE_ASSAYS:
            refuse("dsdna-value", f"{ASSAYS[assay]} reports a titre, not a value. Write it as the titre.")
        value, comparator, unit = None, "", ""
        if told["value"]:
            value, comparator, problems = read_quantity(told["value"], field="value")
            self._fields.refuse_all("dsdna-value", problems)
            unit = told["unit"] if told["unit"] in UNITS else ""
            if not unit:
                refuse("dsdna-unit", "Choose the unit of the report.")
        limit = None
        if told["uln"]:
            limit, sign, problems = read_quantity(told["uln"], field="uln")
            self._fields.refuse_all("dsdna-uln", problems)
            if sign:
                refuse("dsdna-uln", "A limit is a number alone.")
            if not told["value"]:
                refuse("dsdna-uln", "A limit without a value. Give the value of the assay too.")
        return SerologyEntry(
            test="anti_dsdna",
            assay=assay,
            titre=titre,
            comparator=comparator,
            value=value,
            unit=unit,
            upper_limit=limit,
        )

    def compared(self, entries: Sequence[SerologyEntry], *, on: date | None) -> list[tuple[str, str, str]]:
        """Each test in words: typed, recorded on the day."""
        mine = {entry.test: entry for entry in entries}
        there = {row.test: row for row in self._rows if row.collected_on == on}
        return [(name, in_words(mine.get(test)), in_words(there.get(test))) for test, name in TESTS.items()]


def _pairs(codes: CodeList, empty: str) -> html.Pairs:
    return (("", empty), *codes.items())
