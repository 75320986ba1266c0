"""Drugs for the disease, prophylaxis and vaccines over time; what was asked about them at visits."""

from django.db import models
from django.db.models import Q

from registry.clinical.treatments import AGENT_NAMES, AGENTS
from registry.models.constraints import one_of
from registry.models.patient import Patient
from registry.models.visit import Entered, Visit

_GLUCOCORTICOIDS = [key for key, agent in AGENTS.items() if agent.mg_as_5_prednisolone is not None]
_TO_BE_NAMED = [key for key, agent in AGENTS.items() if agent.needs_name]
SECTIONS = {"treatments": "Treatments", "prevention": "Vaccination and prophylaxis"}
ANSWERS = {
    "same": "Still taken, unchanged",
    "dose": "Still taken, in another dose",
    "stopped": "Stopped",
}


class Treatment(Entered):
    """One drug over one period of one dose, a prophylaxis, or a vaccine given (start and stop on one day).

    `started_on`, `stopped_on`: partial dates; an empty stop is ongoing. Taken up to, not including, the day
    of its stop. `mg_per_day`: of a glucocorticoid; `dose`: of other drugs, in words with its unit.
    `name`: which one, of agents that are no one drug. `visit`: the visit at which it was entered, and with
    which it is signed; a stop that another visit answered belongs to that one. The database refuses two
    periods of a drug that certainly overlap.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="treatments")
    agent = models.CharField(max_length=30, choices=list(AGENT_NAMES.items()))
    name = models.CharField(max_length=200, blank=True)
    started_on = models.CharField(max_length=10)
    stopped_on = models.CharField(max_length=10, blank=True)
    mg_per_day = models.DecimalField(max_digits=8, decimal_places=3, null=True, blank=True)
    dose = models.CharField(max_length=200, blank=True)
    visit = models.ForeignKey(
        Visit, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name="told at"
    )

    class Meta:
        constraints = [
            one_of("agent", AGENT_NAMES, table="treatment"),
            models.UniqueConstraint(
                fields=["patient", "agent", "name", "started_on"], name="treatment_starts_once"
            ),
            models.UniqueConstraint(fields=["id", "patient"], name="treatment_with_patient"),
            models.CheckConstraint(
                name="treatment_glucocorticoid_has_a_dose",
                condition=Q(agent__in=_GLUCOCORTICOIDS, mg_per_day__isnull=False, mg_per_day__gt=0, dose="")
                | (~Q(agent__in=_GLUCOCORTICOIDS) & Q(mg_per_day__isnull=True)),
            ),
            models.CheckConstraint(
                name="treatment_other_has_a_name", condition=~Q(agent__in=_TO_BE_NAMED) | ~Q(name="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name or self.get_agent_display()} {self.started_on}"


class TreatmentAnswer(Entered):
    """What was answered at a visit about one ongoing treatment; without one, that the list is complete.

    Asked one by one and never carried over: a treatment without an answer was not asked about.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+", db_index=False)
    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, related_name="treatment_answers")
    section = models.CharField(max_length=10, choices=list(SECTIONS.items()))
    # An answer about a treatment that was entered by mistake goes with it.
    treatment = models.ForeignKey(Treatment, on_delete=models.CASCADE, null=True, related_name="answers")
    answer = models.CharField(max_length=8, choices=[("complete", "The list is complete"), *ANSWERS.items()])

    class Meta:
        verbose_name = "answer about a treatment"
        verbose_name_plural = "answers about treatments"
        constraints = [
            one_of("section", SECTIONS, table="treatmentanswer"),
            one_of("answer", ["complete", *ANSWERS], table="treatmentanswer"),
            models.UniqueConstraint(fields=["visit", "treatment"], name="treatment_is_answered_once"),
            models.UniqueConstraint(
                fields=["visit", "section"],
                condition=Q(treatment__isnull=True),
                name="treatment_list_is_complete_once",
            ),
            models.CheckConstraint(
                name="treatment_answer_is_about_something",
                condition=Q(treatment__isnull=True, answer="complete")
                | (Q(treatment__isnull=False) & ~Q(answer="complete")),
            ),
        ]
        indexes = [models.Index(fields=["patient", "section"], name="treatment_answer_of_patient")]

    def __str__(self) -> str:
        return f"{self.answer} {self.treatment_id or self.section}"
