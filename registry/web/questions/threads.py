"""The open questions of the patient that a page shows, for the marks beside its fields.

Read once for a page and patient however many fields ask, and not at all where none does.
"""

from collections.abc import Mapping

from registry.access.roles import may
from registry.models import Patient, Question, User
from registry.queries.questions import open_by_fact


class OpenThreads:
    """What waits for somebody, by the key of its fact."""

    def __init__(self, user: User) -> None:
        self._user = user
        self._by_patient: dict[int, Mapping[str, Question]] = {}
        self._may_ask: dict[int, bool] = {}

    def about(self, *, patient: Patient, key: str) -> Question | None:
        """The open thread about one fact."""
        return self._of(patient).get(key)

    def within(self, *, patient: Patient, form_key: str) -> list[Question]:
        """The open threads about a form and its fields, the oldest first."""
        return [
            question
            for key, question in self._of(patient).items()
            if key == form_key or key.startswith(f"{form_key}:")
        ]

    def all(self, *, patient: Patient) -> list[Question]:
        """Everything that waits about the patient, the oldest first."""
        return list({question.pk: question for question in self._of(patient).values()}.values())

    def may_ask(self, *, patient: Patient) -> bool:
        """Whether this person asks about this patient."""
        if patient.pk not in self._may_ask:
            self._may_ask[patient.pk] = may(self._user, "ask_questions", patient=patient)
        return self._may_ask[patient.pk]

    def _of(self, patient: Patient) -> Mapping[str, Question]:
        if patient.pk not in self._by_patient:
            self._by_patient[patient.pk] = open_by_fact(patient=patient)
        return self._by_patient[patient.pk]
