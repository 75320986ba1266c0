"""What the pre-selection of patients keeps ready: copies of facts, each rebuilt when its fact changes."""

from django.db import models
from django.db.models import Q

from registry.models.adverse_event import AdverseEvent
from registry.models.patient import Patient


class PackedLabs(models.Model):
    """The current results of one patient that rules look at first, one word of 32 bits each.

    Empty `counts` or `others`: they could not be packed. `packed_as` names the limits they were read with.
    Valid only while no LabsToRepack names the patient; written by actions/preselection.py.
    """

    patient = models.OneToOneField(Patient, on_delete=models.PROTECT, primary_key=True, related_name="+")
    packed_as = models.CharField(max_length=16)
    counts = models.BinaryField(null=True)
    others = models.BinaryField(null=True)

    def __str__(self) -> str:
        return str(self.patient_id)


class LabsToRepack(models.Model):
    """A patient whose results changed since they were packed.

    Only ever added by the triggers, in the transaction of the change: who saves waits for nobody.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+", db_index=False)

    def __str__(self) -> str:
        return str(self.patient_id)


class AnswersToRenew(models.Model):
    """A change of a patient's record that the answers kept in Judgement may not speak for.

    One for each row of *to be judged*, made by a trigger with it, in the transaction of the change; only
    ever added, so that who saves waits for nobody. What answers hold of them: queries/answers.py.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        indexes = [
            # judging one patient asks for theirs
            models.Index(fields=["patient"], name="answers_to_renew_of_patient")
        ]

    def __str__(self) -> str:
        return str(self.patient_id)


class ReportScreening(models.Model):
    """Whether one report of an adverse event names a malignancy: 0 is the first report, then follow-ups.

    `lists` names the versions of all lists it was read with; read with others it is read again. Removed
    by a trigger when the report changes.
    """

    event = models.ForeignKey(AdverseEvent, on_delete=models.PROTECT, related_name="+", db_index=False)
    number = models.PositiveSmallIntegerField()
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+", db_index=False)
    lists = models.CharField(max_length=16)
    names_malignancy = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                # Index-only: which reports no list in force has read.
                fields=["event", "number"],
                include=["lists"],
                name="report_is_screened_once",
            ),
        ]
        indexes = [
            # Index-only: how many reports of the patients in a range were read with which lists.
            models.Index(fields=["patient", "lists"], name="screening_of_patient"),
            models.Index(
                # rule secondary_malignancy: whose reports name one
                fields=["patient"],
                condition=Q(names_malignancy=True),
                name="screening_names_malignancy",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id}/{self.number}"
