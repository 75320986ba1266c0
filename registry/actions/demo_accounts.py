"""The invented people of a demonstration, one for each role (contract.md section 6)."""

from datetime import datetime

from django.conf import settings
from django.contrib.auth.hashers import make_password

from registry.access.scope import NOTHING, acting
from registry.models import Membership, Site, Study, User
from registry.models.people import SITE_ROLES, SPONSOR_ROLES, STUDY_ROLES

ACCOUNTS = {
    "coordinator@demo": ("coordinator", "Clara", "Koch"),
    "investigator@demo": ("investigator", "Ines", "Vidal"),
    "officer@demo": ("safety_officer", "Michael", "Okafor"),
    "lead@demo": ("safety_lead", "Lena", "Dahl"),
    "manager@demo": ("data_manager", "Marta", "Rossi"),
    "sponsor@demo": ("sponsor", "Samuel", "Price"),
    "admin@demo": ("administrator", "Ada", "Novak"),
}


class NotADemonstration(RuntimeError):
    """Demo accounts exist only where DEMO=1."""


def are_there() -> bool:
    return User.objects.filter(is_demo=True).count() == len(ACCOUNTS)


def make_accounts(*, study_key: str, site_code: str, password: str, at: datetime) -> list[str]:
    """Make the account of each role that is missing, with this password; return their names."""
    if not settings.DEMO:
        raise NotADemonstration
    study = Study.objects.select_related("sponsor").get(key=study_key)
    site = Site.objects.get(study=study, code=site_code)
    with acting(rows=NOTHING, reason="demonstration"):
        for username, (role, first_name, last_name) in ACCOUNTS.items():
            user, is_new = User.objects.get_or_create(
                username=username,
                defaults={
                    "first_name": first_name,
                    "last_name": last_name,
                    # Of a domain that is nobody's: with a real mail server set, nobody real is written to.
                    "email": username.replace("@demo", "@demo.invalid"),
                    "password": make_password(password),
                    "is_demo": True,
                },
            )
            if is_new:
                Membership.objects.create(
                    user=user,
                    role=role,
                    site=site if role in SITE_ROLES else None,
                    study=study if role in STUDY_ROLES or role in SPONSOR_ROLES else None,
                    sponsor=study.sponsor if role in SPONSOR_ROLES else None,
                    granted_at=at,
                )
    return list(ACCOUNTS)
