"""Thirty values typed, then called away. The page locks, and the password brings back every one of them."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import expect

from registry.models import LabResult, Visit
from tests.factories import PASSWORD
from tests.journeys.conftest import expect_shown, fill_thirty, type_password, visit_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def sessions():
    store = import_module(django_settings.SESSION_ENGINE).SessionStore
    return [store(row.session_key) for row in Session.objects.all()]


def an_hour_passes():
    """For the server, without a word to the page."""
    for session in sessions():
        session["active_at"] = int(timezone.now().timestamp()) - 3600
        session.save()


def saved(page, patient, by):
    page.wait_for_url("**/saved/**")
    assert Visit.objects.get(patient=patient, code="M6").entered_by == by
    assert LabResult.objects.filter(visit__code="M6", patient=patient).count() == 26


def test_the_page_locks_in_place_and_the_password_opens_it(open_page, settings, coordinator, scene, tmp_path):
    settings.SESSION_IDLE_SECONDS = 12
    page = open_page(user=coordinator, path=visit_of(scene.patient))
    typed = fill_thirty(page)

    lock = page.get_by_role("dialog", name="Locked")
    expect(lock).to_be_visible(timeout=40_000)
    page.screenshot(path=tmp_path / "locked.png")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(lock).to_be_visible()
    page.locator("input[type=password]").fill("wrong")
    page.get_by_role("button", name="Go on").click()
    expect(lock.get_by_text("not the password")).to_be_visible()
    settings.SESSION_IDLE_SECONDS = 900
    type_password(page)

    expect(lock).to_have_count(0)
    expect_shown(page, typed)
    page.get_by_role("button", name="Save visit").click()
    saved(page, scene.patient, coordinator)


def test_a_form_sent_without_script_after_the_idle_time_is_there_after_the_password(
    open_page, coordinator, scene
):
    page = open_page(user=coordinator, path=visit_of(scene.patient), script=False)
    typed = fill_thirty(page)
    an_hour_passes()

    page.get_by_role("button", name="Save visit").click()

    expect(page.get_by_role("heading", name="Locked")).to_be_visible()
    assert not Visit.objects.filter(patient=scene.patient, code="M6").exists()
    type_password(page)
    expect_shown(page, typed)
    page.get_by_role("button", name="Save visit").click()
    saved(page, scene.patient, coordinator)


def test_a_form_sent_without_script_after_the_session_ended_is_there_after_signing_in(
    open_page, coordinator, scene
):
    page = open_page(user=coordinator, path=visit_of(scene.patient), script=False)
    typed = fill_thirty(page)
    Session.objects.update(expire_date=timezone.now() - timedelta(hours=3))

    page.get_by_role("button", name="Save visit").click()

    page.get_by_label("User name").fill("coordinator")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect_shown(page, typed)
    page.get_by_role("button", name="Save visit").click()
    saved(page, scene.patient, coordinator)


def test_saving_in_a_locked_session_asks_for_the_password_over_the_page(open_page, coordinator, scene):
    page = open_page(user=coordinator, path=visit_of(scene.patient))
    typed = fill_thirty(page)
    an_hour_passes()

    page.get_by_role("button", name="Save visit").click()
    expect(page.get_by_role("dialog", name="Locked")).to_be_visible()
    type_password(page)

    expect(page.get_by_role("dialog", name="Locked")).to_have_count(0)
    expect_shown(page, typed)
    page.get_by_role("button", name="Save visit").click()
    saved(page, scene.patient, coordinator)
