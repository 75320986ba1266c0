"""Who may come in, and in which role for which site, study or sponsor."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import AbstractUser
from django.db import connection, models, transaction
from django.db.models import Q

from registry.models.constraints import one_of
from registry.models.study import Site, Sponsor, Study

SITE_ROLES = {"coordinator": "Coordinator", "investigator": "Investigator"}
STUDY_ROLES = {
    "safety_officer": "Safety officer",
    "safety_lead": "Safety lead",
    "data_manager": "Data manager",
}
SPONSOR_ROLES = {"sponsor": "Sponsor"}
SYSTEM_ROLES = {"administrator": "Administrator"}
ROLES = SITE_ROLES | STUDY_ROLES | SPONSOR_ROLES | SYSTEM_ROLES


class User(AbstractUser):
    """One person, or one program of a sponsor, with an account. User names are never given again."""

    # A demo account works only where DEMO=1; the application refuses to start with one otherwise.
    is_demo = models.BooleanField(default=False)
    # Chosen by the person, not by whoever made or mended the account: only then it may stand for them in a
    # signature. A trigger takes it away with any new password of which nobody says that it is the person's.
    has_own_secret = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.get_full_name() or self.username

    def check_password(self, raw_password: str | None) -> bool:
        """Whether this is the password. In a newer digest it stays whose it was."""

        def digest_anew(same: str | None) -> None:
            self.set_password(same)
            self._password = None
            with password_told("same", user=self):
                self.save(update_fields=["password"])

        return check_password(raw_password, self.password, digest_anew)


@contextmanager
def password_told(word: Literal["own", "same"], *, user: User) -> Iterator[None]:
    """Tell the database of a password written inside: the person's `own` choice, or the `same` as before."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('registry.password', %s, true)", [f"{word} {user.pk}"])
        yield
        cursor.execute("SELECT set_config('registry.password', '', true)")


class Membership(models.Model):
    """One role of one person: at a site, in a study or for a sponsor. Ended, never deleted."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=20, choices=list(ROLES.items()))
    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, blank=True)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, null=True, blank=True)
    sponsor = models.ForeignKey(Sponsor, on_delete=models.PROTECT, null=True, blank=True)
    granted_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            one_of("role", ROLES, table="membership"),
            models.CheckConstraint(
                name="membership_role_has_its_place",
                condition=Q(
                    role__in=list(SITE_ROLES), site__isnull=False, study__isnull=True, sponsor__isnull=True
                )
                | Q(role__in=list(STUDY_ROLES), site__isnull=True, study__isnull=False, sponsor__isnull=True)
                | Q(
                    role__in=list(SPONSOR_ROLES),
                    site__isnull=True,
                    study__isnull=False,
                    sponsor__isnull=False,
                )
                | Q(role__in=list(SYSTEM_ROLES), site__isnull=True, study__isnull=True, sponsor__isnull=True),
            ),
            models.CheckConstraint(
                name="membership_is_of_no_canary",
                condition=~Q(site_id__lt=0) & ~Q(study_id__lt=0) & ~Q(sponsor_id__lt=0),
            ),
            models.UniqueConstraint(
                fields=["user", "role", "site", "study", "sponsor"],
                condition=Q(ended_at__isnull=True),
                nulls_distinct=False,
                name="membership_is_held_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role}"
