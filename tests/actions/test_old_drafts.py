"""Drafts that nobody touches are asked about after 30 days, let go after 60, and never in silence."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from registry import migrations
from registry.access.scope import EVERYTHING, acting
from registry.actions import accounts, digest, drafts
from registry.actions.drafts import Typing
from registry.actions.letters import letter
from registry.models import Draft, Membership, Notification
from registry.queries.drafts import OldDrafts, drafts_of, old_drafts
from tests.factories import NIGHT, make_transfer

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
KEY = "visit:M6@2024-03-01"


def keep(patient, *, by, at=NIGHT, key=KEY, form=None):
    page = f"/patients/{patient.public_id}/visits/M6/"
    typing = Typing(key, page, form or uuid4(), None, None, {"comments": ["as typed"]})
    with acting(rows=EVERYTHING, by=by):
        return drafts.keep_draft(patient=patient, typing=typing, by=by, at=at)


def own(person, *, at):
    with acting(rows=EVERYTHING, by=person):
        return drafts_of(user=person, at=at)


def left_after(untouched, *, person):
    """Whether typing is still there after a night so long after it was touched."""
    drafts.let_old_drafts_go(at=NIGHT + untouched)
    return bool(own(person, at=NIGHT + untouched).lines)


@pytest.mark.parametrize(
    ("untouched", "is_old"),
    [(30 * DAY - MINUTE, False), (30 * DAY, False), (30 * DAY + MINUTE, True)],
    ids=["just under 30 days", "30 days", "just over"],
)
def test_a_draft_is_asked_about_after_30_days(patient, coordinator, untouched, is_old):
    keep(patient, by=coordinator)

    (line,) = own(coordinator, at=NIGHT + untouched).lines

    assert line.is_old is is_old
    assert bool(old_drafts(at=NIGHT + untouched)) is is_old
    assert line.kept_until == NIGHT + 60 * DAY


@pytest.mark.parametrize(
    ("untouched", "is_there"),
    [(60 * DAY - MINUTE, True), (60 * DAY, True), (60 * DAY + MINUTE, False)],
    ids=["just under 60 days", "60 days", "just over"],
)
def test_a_draft_is_let_go_after_60_days(patient, coordinator, untouched, is_there):
    keep(patient, by=coordinator)

    assert left_after(untouched, person=coordinator) is is_there


def test_whoever_goes_on_typing_begins_the_time_anew(patient, coordinator):
    form = uuid4()
    keep(patient, by=coordinator, form=form)
    keep(patient, by=coordinator, form=form, at=NIGHT + 59 * DAY)

    assert left_after(61 * DAY, person=coordinator)


def test_the_person_is_told_until_they_have_read_it(patient, coordinator):
    keep(patient, by=coordinator)
    at = NIGHT + 61 * DAY

    assert drafts.let_old_drafts_go(at=at) == 1

    (gone,) = own(coordinator, at=at + 200 * DAY).let_go
    assert (gone.patient, gone.form, gone.at) == (patient, "Visit M6", at)
    with acting(rows=EVERYTHING, by=coordinator):
        drafts.read_notes(by=coordinator)
    assert own(coordinator, at=at).let_go == ()


def test_nothing_of_what_was_typed_is_left(patient, coordinator):
    keep(patient, by=coordinator)

    drafts.let_old_drafts_go(at=NIGHT + 61 * DAY)

    with connection.cursor() as cursor:
        cursor.execute("SELECT d::text FROM registry_draft d")
        assert "as typed" not in cursor.fetchone()[0]


def test_a_second_night_finds_nothing_and_leaves_the_day_of_the_first(patient, coordinator):
    keep(patient, by=coordinator)
    first = NIGHT + 61 * DAY
    drafts.let_old_drafts_go(at=first)

    assert drafts.let_old_drafts_go(at=first + DAY) == 0
    assert own(coordinator, at=first).let_go[0].at == first


def test_a_saved_draft_is_no_note(patient, coordinator):
    typing = Typing(KEY, "/patients/", uuid4(), None, None, {"comments": ["x"]})
    with acting(rows=EVERYTHING, by=coordinator):
        drafts.end_draft(patient=patient, typing=typing, by=coordinator, at=NIGHT)

    assert drafts.let_old_drafts_go(at=NIGHT + 61 * DAY) == 0
    assert own(coordinator, at=NIGHT).let_go == ()


def test_a_page_left_open_for_two_months_begins_a_new_draft(patient, coordinator):
    form = uuid4()
    keep(patient, by=coordinator, form=form)
    at = NIGHT + 61 * DAY
    drafts.let_old_drafts_go(at=at)

    keep(patient, by=coordinator, form=form, at=at + DAY)

    found = own(coordinator, at=at + DAY)
    assert (len(found.lines), len(found.let_go)) == (1, 1)


def test_drafts_of_before_this_rule_are_asked_about_first(patient, coordinator):
    at = timezone.now()
    for key, age in (("event:new", 400), (KEY, 45), ("visit:D28@2024-03-01", 10)):
        keep(patient, by=coordinator, key=key, at=at - age * DAY)
    with connection.cursor() as cursor:
        cursor.execute((Path(migrations.__file__).parent / "sql" / "drafts_of_before.sql").read_text())

    assert old_drafts(at=at + MINUTE)[coordinator.pk] == OldDrafts(count=2, has_new=True)
    assert drafts.let_old_drafts_go(at=at + 30 * DAY - MINUTE) == 0
    assert drafts.let_old_drafts_go(at=at + 30 * DAY + MINUTE) == 2


# --- who cannot be asked ----------------------------------------------------------------------


def test_of_a_closed_account_30_days_are_enough(patient, coordinator, investigator):
    keep(patient, by=coordinator)
    keep(patient, by=investigator)
    accounts.close(username="coordinator", by=None, at=NIGHT)

    assert drafts.let_old_drafts_go(at=NIGHT + 30 * DAY) == 0
    assert drafts.let_old_drafts_go(at=NIGHT + 30 * DAY + MINUTE) == 1
    assert own(investigator, at=NIGHT).lines


def test_of_a_patient_who_moved_away_30_days_are_enough(patient, coordinator, other_site_place):
    keep(patient, by=coordinator)
    make_transfer(patient=patient, to_site=other_site_place)

    assert old_drafts(at=NIGHT + 31 * DAY) == {}
    assert drafts.let_old_drafts_go(at=NIGHT + 31 * DAY) == 1


# --- by mail ----------------------------------------------------------------------------------


def mail_of(person, *, at):
    digest.queue_digests(at=at)
    found = Notification.objects.filter(kind="digest", recipient=person, day=(at - timedelta(hours=6)).date())
    return letter(found.get()).body if found.exists() else ""


def test_the_digest_asks_on_the_day_a_draft_becomes_old_and_names_no_patient(patient, coordinator):
    keep(patient, by=coordinator)  # at two in the night of Sunday, 1 September

    assert mail_of(coordinator, at=NIGHT + 30 * DAY - 20 * 60 * MINUTE) == ""
    asked = mail_of(coordinator, at=NIGHT + 30 * DAY + 4 * 60 * MINUTE)
    assert "1 draft of yours was not touched for 30 days" in asked
    assert patient.code not in asked


def test_the_digest_asks_again_on_mondays_only(patient, coordinator):
    keep(patient, by=coordinator)
    tuesday, monday = (NIGHT + days * DAY + 4 * 60 * MINUTE for days in (30 + 7, 30 + 13))

    assert (tuesday.weekday(), monday.weekday()) == (1, 0)

    assert mail_of(coordinator, at=tuesday) == ""
    assert "1 draft of yours" in mail_of(coordinator, at=monday)


# --- the fence --------------------------------------------------------------------------------


def test_the_registry_itself_still_sees_no_draft(patient, coordinator):
    keep(patient, by=coordinator)

    with acting(rows=EVERYTHING):
        assert Draft.objects.count() == 0
        assert drafts.let_old_drafts_go(at=NIGHT + 61 * DAY) == 1


def test_of_other_peoples_drafts_the_mail_learns_the_number_only(patient, coordinator, investigator):
    keep(patient, by=coordinator)
    keep(patient, by=coordinator, key="event:new")
    keep(patient, by=investigator)
    Membership.objects.filter(user=investigator).update(ended_at=NIGHT)

    with acting(rows=EVERYTHING):
        found = old_drafts(at=NIGHT + 40 * DAY)

    # The investigator's role has ended: nobody could finish that draft.
    assert {person: each.count for person, each in found.items()} == {coordinator.pk: 2}


@pytest.mark.django_db
def test_only_the_application_lets_drafts_go():
    """Whoever else may connect, to read what is for everybody, may neither empty nor count them."""
    for function in (
        "guard.let_old_drafts_go(timestamptz, timestamptz, timestamptz)",
        "guard.old_drafts(timestamptz)",
    ):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT has_function_privilege('public', %s, 'EXECUTE'),"
                " has_function_privilege('registry_app', %s, 'EXECUTE')",
                [function, function],
            )
            assert cursor.fetchone() == (False, True)
