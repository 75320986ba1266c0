"""Roles are given where they belong, ended for good, and leave their trace."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from registry.access.roles import NotAllowed, may
from registry.actions import accounts
from registry.actions.accounts import AccountRefused, Place
from registry.models import AuditEvent, User
from tests.factories import NIGHT


def grant(username="nurse", role="coordinator", study_key="CART-AID", site_code="VIE", by=None, **words):
    place = Place(study_key, site_code)
    password = words.get("password", "four plain words here")
    return accounts.grant(username=username, role=role, place=place, password=password, by=by, at=NIGHT)


def test_a_coordinator_may_enter_at_their_own_site_only(patient, other_site_place):
    grant()

    nurse = User.objects.get(username="nurse")
    patient_elsewhere = type(patient)(site=other_site_place, study=patient.study)
    assert may(nurse, "enter_record", patient=patient)
    assert not may(nurse, "enter_record", patient=patient_elsewhere)
    assert nurse.check_password("four plain words here")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"role": "owner"}, "coordinator"),
        ({"study_key": "NONE"}, "Studies: CART-AID"),
        ({"site_code": "XXX"}, "Sites: VIE"),
        ({"password": "short"}, "short"),
        ({"username": "no spaces"}, "valid username"),
    ],
)
def test_what_cannot_be_is_refused_with_what_would_do(site, words, says):
    with pytest.raises(AccountRefused, match=says):
        grant(**words)
    assert not User.objects.exists()


def test_the_same_role_twice_is_refused(site):
    grant()

    with pytest.raises(AccountRefused, match="already"):
        grant()


def test_a_closed_account_holds_no_role_and_its_name_is_never_given_again(site, patient):
    grant()

    assert accounts.close(username="nurse", by=None, at=NIGHT) == 1

    assert not may(User.objects.get(username="nurse"), "see_patients", patient=patient)
    with pytest.raises(AccountRefused, match="never given again"):
        grant()


def test_only_who_manages_accounts_may(site, investigator):
    with pytest.raises(NotAllowed):
        grant(by=investigator)


def test_a_change_of_roles_is_in_the_trail(site):
    grant()

    assert AuditEvent.objects.filter(tbl="registry_membership", op="I").latest("id").reason == (
        "role coordinator granted"
    )


def test_the_command_prints_the_first_password_once(site):
    said = StringIO()
    call_command(
        "account",
        "grant",
        "nurse",
        "--role",
        "coordinator",
        "--study",
        "CART-AID",
        "--site",
        "VIE",
        stdout=said,
    )

    password = said.getvalue().strip().rsplit(" ", 1)[1]
    assert User.objects.get(username="nurse").check_password(password)
    with pytest.raises(CommandError, match="no account"):
        call_command("account", "close", "nobody")


def test_an_address_given_with_a_role_is_where_mails_go(site):
    call_command(
        "account", "grant", "nurse", role="coordinator", study="CART-AID", site="VIE",
        email="nurse@hospital.example", stdout=(said := StringIO()),
    )  # fmt: skip

    assert User.objects.get(username="nurse").email == "nurse@hospital.example"
    assert "No mail address" not in said.getvalue()


def test_what_is_no_address_is_refused_and_makes_no_account(site):
    with pytest.raises(CommandError, match="is no mail address"):
        call_command(
            "account", "grant", "nurse", role="coordinator", study="CART-AID", site="VIE", email="nurse@"
        )
    assert not User.objects.exists()


def test_an_account_without_an_address_is_told_to_the_operator(site):
    call_command(
        "account", "grant", "nurse", role="coordinator", study="CART-AID", site="VIE",
        stdout=(said := StringIO()),
    )  # fmt: skip

    assert "No mail address yet" in said.getvalue()


# --- a password that somebody else set cannot sign (21 CFR 11.200(a)(3)) --------------------------


def own(person):
    person.refresh_from_db()
    return person.has_own_secret


def by_sql(person):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE registry_user SET password = 'set by hand' WHERE id = %s", [person.pk])


def by_the_shell(person, password="chosen by the operator"):
    user = User.objects.get(pk=person.pk)
    user.set_password(password)
    user.has_own_secret = True  # what the row said when it was loaded
    user.save()


@pytest.mark.parametrize(
    "write",
    [
        by_sql,
        by_the_shell,
        lambda person: User.objects.filter(pk=person.pk).update(password="set by hand", has_own_secret=True),
        lambda person: User.objects.bulk_update([_with_password(person)], ["password"]),
    ],
    ids=["SQL", "the shell", "a statement", "many at once"],
)
def test_whoever_sets_the_password_of_another_takes_their_right_to_sign(investigator, write):
    assert own(investigator)

    write(investigator)

    assert not own(investigator)


def _with_password(person):
    person.set_password("chosen by the operator")
    return person


def test_the_command_changepassword_takes_the_right_to_sign(investigator, monkeypatch):
    monkeypatch.setattr(
        "django.contrib.auth.management.commands.changepassword.getpass.getpass",
        lambda *_, **__: "chosen by the operator",
    )

    call_command("changepassword", "investigator", stdout=StringIO())

    assert not own(investigator)


def test_a_password_chosen_by_the_person_gives_the_right_to_sign(investigator):
    by_sql(investigator)
    investigator.refresh_from_db()

    accounts.choose_password(by=investigator, password="a longer and quite different phrase", at=NIGHT)

    assert own(investigator)


def test_one_persons_choice_says_nothing_of_anothers_password(investigator, coordinator):
    accounts.choose_password(by=investigator, password="a longer and quite different phrase", at=NIGHT)

    by_sql(coordinator)

    assert (own(investigator), own(coordinator)) == (True, False)


@pytest.mark.parametrize("is_own", [True, False])
def test_the_same_password_digested_anew_at_sign_in_stays_whose_it_was(investigator, settings, is_own):
    if is_own:
        accounts.choose_password(by=investigator, password="chosen by somebody", at=NIGHT)
    else:
        by_the_shell(investigator, password="chosen by somebody")
    before = User.objects.get(pk=investigator.pk)
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.ScryptPasswordHasher",
        *settings.PASSWORD_HASHERS,
    ]

    assert before.check_password("chosen by somebody")

    after = User.objects.get(pk=investigator.pk)
    assert after.password.startswith("scrypt")
    assert after.has_own_secret is is_own


def test_the_right_to_sign_is_not_given_without_a_new_password(investigator):
    by_sql(investigator)

    with pytest.raises(IntegrityError, match="of their own"), transaction.atomic():
        User.objects.filter(pk=investigator.pk).update(has_own_secret=True)
