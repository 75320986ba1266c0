"""A small site on 1 Sep 2024 and browsers for its people; each story stands in a file of its own."""

import os
import re
import signal

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.test import Client
from playwright.sync_api import expect

from tests.factories import PASSWORD
from tests.web.scene import TODAY, make_scene


@pytest.fixture
def scene(study, site, settings):
    settings.REGISTRY_TODAY = TODAY
    cache.clear()
    return make_scene(study=study, site=site)


@pytest.fixture
def open_page(live_server, browser):
    """`open_page(user=…, path=…)`: a page of a browser context of its own, signed in."""
    contexts = []

    def opened(*, user, path, width=1280, height=900, script=True, within=None):
        context = within or browser.new_context(
            java_script_enabled=script, viewport={"width": width, "height": height}
        )
        contexts.append(context)
        client = Client()
        client.force_login(user)
        name = django_settings.SESSION_COOKIE_NAME
        context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
        page = context.new_page()
        page.goto(live_server.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()


def visit_of(patient, code="M6"):
    return f"/patients/{patient.public_id}/visits/{code}/"


def type_date(page, day="30", month="aug", year="2024"):
    group = page.get_by_role("group", name="Date of the visit")
    for part, text in (("Day", day), ("Month", month), ("Year", year)):
        group.get_by_label(part).fill(text)


def type_password(page):
    page.locator("input[type=password]").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()


# Plausible values in the units that the form proposes for the patient of the scene.
VALUES = {
    "ANC": "2.4",
    "WBC": "5.1",
    "HGB": "9.9",
    "PLT": "212",
    "ALC": "1.2",
    "MCV": "91",
    "CD19": "3",
    "IGG": "6.1",
    "CRP": "4",
    "FERRITIN": "180",
    "CREATININE": "80",
    "EOS": "0.1",
    "MONO": "0.5",
    "CD4": "420",
    "IGA": "1.2",
    "IGM": "0.6",
    "C3": "0.9",
    "C4": "0.2",
    "FIBRINOGEN": "3.1",
    "ANTI_DSDNA": "20",
    "CK": "90",
    "AST": "25",
    "ALT": "30",
    "LDH": "210",
    "UPCR": "120",
    "CAR_DNA": "1500",
}


def typed_values(page):
    """Everything that stands in the text boxes of the form, by name."""
    page.wait_for_load_state()
    return page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('form.sheet input, form.sheet textarea')]
            .filter((box) => ['text', 'textarea'].includes(box.type) && box.value)
            .map((box) => [box.name, box.value]))"""
    )


def fill_thirty(page):
    """Type thirty values: the date, 26 results, a comment. Returns what then stands in the boxes, by name."""
    type_date(page)
    page.get_by_text("Further analytes").click()
    for analyte, value in VALUES.items():
        page.locator(f"[name='lab-{analyte}-value']").fill(value)
    page.get_by_role("group", name="New malignancy since the last visit?").get_by_label(
        "No", exact=True
    ).check()
    page.get_by_role("textbox", name="Comments").fill("Came by train, well rested.")
    typed = {name: text for name, text in typed_values(page).items() if name in THIRTY}
    assert len(typed) == 30
    return typed


def shown(page):
    """The thirty as they stand in a form now."""
    return {name: text for name, text in typed_values(page).items() if name in THIRTY}


def expect_shown(page, typed):
    """The thirty stand in the form again, once it has come."""
    expect(page.get_by_role("textbox", name="Comments")).to_have_value(typed["comments"])
    assert shown(page) == typed


def expect_all_kept(page):
    """Everything typed so far is in the draft: a draft of the first half also says that it is saved."""
    expect(page.locator("form[data-draft][data-draft-state=saved]")).to_have_count(1)
    expect(page.locator("[data-draft-status]")).to_have_text(re.compile(r"Saved as draft \d\d:\d\d:\d\d"))


THIRTY = {
    "visited_on_day",
    "visited_on_month",
    "visited_on_year",
    "comments",
    *(f"lab-{analyte}-value" for analyte in VALUES),
}


def kill(browser):
    """End a browser as a power cut would: no event, no message, no last words."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    os.kill(next(each["id"] for each in processes if each["type"] == "browser"), signal.SIGKILL)
