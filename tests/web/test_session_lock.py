"""The lock: after idle minutes the password is asked for, and whatever was sent too late is kept."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from registry.access.scope import EVERYTHING, acting
from registry.models import Draft, User, Visit
from tests.factories import PASSWORD
from tests.tables import rows_of
from tests.web.scene import visit_data

KEY = "visit:M6@2024-03-01"


@pytest.fixture(autouse=True)
def no_attempts_counted_before():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def person(as_user, coordinator, scene):
    client = as_user(coordinator)
    client.get("/patients/")
    return client


def away(client, *, active=0, signed_in=0):
    """The person did something so many seconds ago, and signed in so many seconds ago."""
    session = client.session
    now = int(timezone.now().timestamp())
    session["active_at"], session["signed_in_at"] = now - active, now - max(active, signed_in)
    session.save()


def end(client):
    """The session has run out by itself, as the row of twelve hours ago has."""
    Session.objects.update(expire_date=timezone.now() - timedelta(hours=1))
    return client


def page_of(patient):
    return f"/patients/{patient.public_id}/visits/M6/"


def late_form(patient, **fields):
    return visit_data(
        **{
            "draft-key": KEY,
            "draft-page": page_of(patient),
            "draft-form": str(uuid4()),
            "lab-ANC-value": "0.4",
            **fields,
        }
    )


def drafts(user):
    with acting(rows=EVERYTHING, by=user):
        return [draft.payload for draft in Draft.objects.filter(user=user)]


@pytest.mark.parametrize(
    ("idle", "signed_in", "answer"),
    [
        (0, 0, 200),
        (14 * 60 + 55, 0, 200),
        (15 * 60, 0, 302),
        (16 * 60, 0, 302),
        (0, 12 * 3600 - 5, 200),
        (0, 12 * 3600, 302),
    ],
)
def test_after_15_idle_minutes_or_12_hours_no_page_is_shown(person, idle, signed_in, answer):
    away(person, active=idle, signed_in=signed_in)

    shown = person.get("/patients/")

    assert shown.status_code == answer
    if answer == 302:
        assert shown["Location"] == "/account/unlock/?next=%2Fpatients%2F"


def test_every_page_that_is_opened_begins_the_idle_time_anew(person):
    away(person, active=10 * 60)
    person.get("/patients/")

    assert person.get("/account/session/").json()["seconds_left"] > 14 * 60


def test_asking_how_long_is_left_is_no_activity(person):
    away(person, active=10 * 60)

    left = [person.get("/account/session/").json()["seconds_left"] for _ in range(3)]

    assert all(each <= 5 * 60 for each in left)


def test_saying_that_one_is_still_there_is_activity_but_opens_no_lock(person):
    away(person, active=10 * 60)
    assert person.post("/account/session/").json()["seconds_left"] > 14 * 60
    away(person, active=20 * 60)

    assert person.post("/account/session/").json() | {"token": ""} == {
        "person": "coordinator",
        "locked": True,
        "seconds_left": 0,
        "token": "",
    }
    assert person.get("/patients/").status_code == 302


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Dest": "empty"}, {"Accept": "application/json"}])
def test_a_script_is_answered_with_a_status_and_no_data(person, scene, headers):
    away(person, active=20 * 60)

    answer = person.get(f"/patients/{scene.patient.public_id}/", headers=headers)

    assert (answer.status_code, answer.json()) == (401, {"locked": True})


def test_the_lock_page_says_what_happened_and_shows_nothing_else(person):
    away(person, active=20 * 60)

    page = person.get("/account/unlock/?next=/patients/").content.decode()

    assert "You were away 15 minutes." in page
    assert "everything you typed is kept" in page
    assert "VIE-0001" not in page
    assert 'aria-label="Main"' not in page


def test_the_password_opens_the_session_under_a_new_token(person):
    away(person, active=20 * 60)
    before = person.session.session_key

    answer = person.post("/account/unlock/", {"password": PASSWORD, "next": "/patients/"})

    assert answer["Location"] == "/patients/"
    assert person.session.session_key != before
    assert person.get("/patients/").status_code == 200


def test_a_wrong_password_opens_nothing_and_the_sixth_is_not_tried(person):
    away(person, active=20 * 60)
    first = person.post("/account/unlock/", {"password": "wrong"})
    for _ in range(4):
        person.post("/account/unlock/", {"password": "wrong"})

    sixth = person.post("/account/unlock/", {"password": PASSWORD})

    assert (first.status_code, sixth.status_code) == (422, 422)
    assert "Too many failed login attempts" in sixth.content.decode()
    assert person.get("/patients/").status_code == 302


def test_another_persons_password_does_not_open_it(person, investigator):
    User.objects.filter(pk=investigator.pk).update(username="somebody")
    other = User.objects.get(pk=investigator.pk)
    other.set_password("quite another password")
    other.save()
    away(person, active=20 * 60)

    answer = person.post("/account/unlock/", {"password": "quite another password", "login": "somebody"})

    assert answer.status_code == 422


@pytest.mark.parametrize("elsewhere", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:x"])
def test_unlocking_leads_to_no_other_site(person, elsewhere):
    away(person, active=20 * 60)

    assert person.post("/account/unlock/", {"password": PASSWORD, "next": elsewhere})["Location"] == "/"


def test_a_demo_role_goes_on_without_a_password_and_only_in_the_demo(settings, person, coordinator):
    User.objects.filter(pk=coordinator.pk).update(is_demo=True)
    settings.DEMO = True
    away(person, active=20 * 60)
    assert 'type="password"' not in person.get("/account/unlock/").content.decode()

    assert person.post("/account/unlock/").status_code == 302

    away(person, active=20 * 60)
    settings.DEMO = False
    assert person.post("/account/unlock/").status_code == 302  # to the login: no demo account without it
    assert person.get("/patients/")["Location"].startswith("/account/login/")


def test_a_form_sent_into_a_locked_session_is_kept_and_shown_after_the_password(person, coordinator, scene):
    away(person, active=20 * 60)

    sent = person.post(page_of(scene.patient), late_form(scene.patient))

    assert sent["Location"].startswith("/account/unlock/?next=%2Fpatients%2F")
    assert not Visit.objects.filter(code="M6").exists()
    assert drafts(coordinator)[0]["lab-ANC-value"] == ["0.4"]
    assert "is kept as a draft" in person.get(sent["Location"]).content.decode()
    opened = person.post("/account/unlock/", {"password": PASSWORD, "next": page_of(scene.patient)})
    page = person.get(opened["Location"]).content.decode()
    assert 'name="lab-ANC-value" value="0.4"' in page
    assert "Not part of the record yet" in page


def test_a_form_sent_after_the_session_ran_out_waits_for_its_own_person(
    person, client, coordinator, investigator, scene
):
    cookie = person.cookies[django_settings.SESSION_COOKIE_NAME].value
    end(person)
    assert cookie

    sent = person.post(page_of(scene.patient), late_form(scene.patient))

    assert sent["Location"].startswith("/account/login/")
    assert drafts(coordinator)[0]["lab-ANC-value"] == ["0.4"]
    for user, is_shown in ((investigator, False), (coordinator, True)):
        browser = Client()
        browser.post("/account/login/", {"login": user.username, "password": PASSWORD})
        page = browser.get(page_of(scene.patient)).content.decode()
        assert ('name="lab-ANC-value" value="0.4"' in page) is is_shown


KEPT = """
    why it is not kept         | kept
    ---------------------------+-----
    nothing                    | yes
    signed out                 | no
    new password               | no
    account closed             | no
    eight days ago             | no
    forged cookie              | no
    patient of another site    | no
"""


@pytest.mark.parametrize("row", rows_of(KEPT), ids=lambda row: row["why it is not kept"])
def test_what_comes_too_late_is_kept_for_a_session_that_ran_out_and_for_no_other(
    person, coordinator, scene, other_site_place, row
):
    why = row["why it is not kept"]
    end(person)
    if why == "signed out":
        Session.objects.all().delete()
    if why == "new password":
        coordinator.set_password("quite another password")
        coordinator.save()
    if why == "account closed":
        User.objects.filter(pk=coordinator.pk).update(is_active=False)
    if why == "eight days ago":
        Session.objects.update(expire_date=timezone.now() - timedelta(days=8))
    if why == "forged cookie":
        person.cookies[django_settings.SESSION_COOKIE_NAME] = "x" * 32
    if why == "patient of another site":
        scene.patient.site = other_site_place
        scene.patient.save()

    answer = person.post(page_of(scene.patient), late_form(scene.patient))

    assert answer["Location"].startswith("/account/login/")
    assert (len(drafts(coordinator)) == 1) is (row["kept"] == "yes")


def test_a_form_from_elsewhere_is_never_kept(coordinator, scene):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(coordinator)
    browser.get("/patients/")
    away(browser, active=20 * 60)

    answer = browser.post(page_of(scene.patient), late_form(scene.patient))

    assert answer.status_code == 403
    assert drafts(coordinator) == []
