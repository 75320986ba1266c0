"""What somebody is typing and has not sent: no fact yet, and nobody else's to read."""

from django.db import models
from django.db.models import Q

from registry.models.patient import Patient
from registry.models.people import User

# A visit with every analyte filled in is twenty thousand characters.
MOST_CHARACTERS = 400_000


class Draft(models.Model):
    """The typing of one person in one entry form of one patient, as last sent by the page.

    `key` names the form ("visit:M6@2024-03-01"), `page` is where it stands. `payload` holds the form's
    fields, each with its list of values; empty ones are left out. `version` is that of the record it was
    typed against, None for a new one. `form` is the opened page that typed it: a second one that has not
    seen this typing must not write over it. A draft that was saved or discarded has no payload; the row
    stays, so that a late message of the same page does not bring it back. `stored_as`: the digest of the
    form as it was stored, by which the same form sent once more is known. `let_go_at`: when a night emptied
    it because nobody had touched it for long; until the person has read so.
    """

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=120)
    page = models.CharField(max_length=500)
    form = models.UUIDField()
    version = models.PositiveIntegerField(null=True)
    payload = models.JSONField(null=True)
    stored_as = models.CharField(max_length=64, blank=True)
    saved_at = models.DateTimeField()
    let_go_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "patient", "key"], name="draft_is_one_per_person_and_form"
            ),
            models.CheckConstraint(
                name="draft_names_its_form", condition=~Q(key="") & Q(page__startswith="/")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.saved_at:%Y-%m-%d %H:%M}"
