"""Every page of the product in a real browser: for everybody, however they read and whatever they hold.

The addresses are those of the matrix; one without a line here fails. Each page is looked at once: by axe,
at 320 pixels (which is 400 % zoom), by keyboard alone, in forced colours, without script. What a page owes
stands in every_page.js.
"""

import os
import re
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test import Client, override_settings
from django.utils import timezone
from playwright.sync_api import Error as PlaywrightError
from pytest_django.live_server_helper import LiveServer

from tests.tables import rows_of
from tests.web.scene import TODAY
from tests.web.test_urls_matrix import GET, POST, expected
from tests.web.whole_record import make_whole_record

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

CHECKS = Path(__file__).with_name("every_page.js").read_text(encoding="utf-8")
AXE_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 320, "height": 256}
# Browsers say in the console that a page answered with a refusal.
REFUSED = re.compile(r"the server responded with a status of (4\d\d|500)")
# A directory for pictures of every page, for whoever wants to look at them all.
PICTURES = os.environ.get("EVERY_PAGE_PICTURES")

# `with`: another row in place of the usual one, `code` for another visit, `?` for what follows the address.
PAGES = """
    address                                       | as            | with
    ----------------------------------------------+---------------+-----
    /                                             | investigator  |
    /                                             | sponsor       |
    /                                             | newcomer      |
    account/login/                                | nobody        | demo
    account/unlock/                               | away          |
    account/notifications/                        | officer       |
    account/password/                             | coordinator   |
    patients/                                     | coordinator   |
    patients/                                     | manager       | ?search=nobody
    patients/drafts/                              | coordinator   |
    patients/enrol/                               | coordinator   |
    patients/consents/                            | coordinator   |
    patients/consents/<study>/versions/           | manager       |
    patients/<patient>/                           | coordinator   |
    patients/<patient>/                           | officer       |
    patients/<patient>/                           | coordinator   | patient dead
    patients/<patient>/drafts/discard/            | coordinator   | patient low, ?key=visit:D28@2024-03-01
    patients/<patient>/visits/<code>/             | coordinator   | code M6
    patients/<patient>/visits/<code>/             | investigator  |
    patients/<patient>/visits/<code>/             | coordinator   | patient low
    patients/<patient>/visits/<code>/             | coordinator   | patient dead, code UNS
    patients/<patient>/visits/<code>/saved/       | coordinator   |
    patients/<patient>/visits/<code>/record/      | officer       |
    patients/<patient>/visits/<code>/history/     | coordinator   |
    patients/<patient>/visits/<code>/sign/        | investigator  |
    patients/<patient>/visits/<code>/sign/        | investigator  | code M3
    patients/<patient>/sign/                      | investigator  | ?read=<read>
    patients/<patient>/signatures/                | manager       |
    patients/<patient>/results/<result>/          | coordinator   |
    patients/<patient>/activity/                  | coordinator   |
    patients/<patient>/checks/                    | officer       | patient cytopenia
    patients/<patient>/history/                   | coordinator   |
    patients/<patient>/casebook/                  | manager       |
    patients/<patient>/events/                    | coordinator   |
    patients/<patient>/events/<event>/            | coordinator   |
    patients/<patient>/events/<event>/            | officer       | event licats
    patients/<patient>/events/<event>/follow-up/  | coordinator   |
    patients/<patient>/events/<event>/correct/    | coordinator   |
    patients/<patient>/visits/<code>/contact/     | coordinator   | patient late, code Y6
    patients/<patient>/visits/<code>/contact/saved/ | coordinator | patient called, code Y6
    patients/<patient>/infusions/                 | coordinator   |
    patients/<patient>/end/                       | coordinator   | ?reason=lost
    patients/<patient>/consent/                   | coordinator   |
    patients/<patient>/consent/withdrawals/<withdrawal>/ | coordinator |
    patients/<patient>/transfer/                  | manager       |
    patients/<patient>/ask/                       | manager       | ?fact=visit:D28@2024-03-01
    questions/                                    | coordinator   |
    questions/                                    | manager       |
    questions/<question>/                         | coordinator   |
    questions/<question>/                         | manager       | question answered
    alerts/                                       | officer       |
    alerts/                                       | manager       |
    alerts/<alert>/                               | officer       |
    alerts/<alert>/                               | officer       | alert secondary_malignancy
    alerts/<alert>/                               | lead          | alert overdue_visit
    alerts/<alert>/                               | coordinator   |
    alerts/<alert>/ask/                           | officer       |
    locks/                                        | manager       |
    locks/                                        | lead          |
    security/                                     | administrator |
    status/                                       | administrator |
    notifications/                                | manager       |
    api/v1/docs/                                  | sponsor       |
"""
# Addresses at which nobody reads: what forms and scripts send to, files, and what programs ask.
NO_PAGES = {
    "account/demo/",
    "account/logout/",
    "account/session/",
    "alerts/<alert>/acknowledge/",
    "alerts/<alert>/decide/",
    "alerts/<alert>/take-up/",
    "healthz",
    "locks/<lock>/ask/",
    "locks/unlockings/<unlocking>/decide/",
    "notifications/<mail>/give-up/",
    "notifications/<mail>/send-again/",
    "patients/<patient>/casebook.pdf",
    "patients/<patient>/consent/withdraw/",
    "patients/<patient>/drafts/",
    "patients/<patient>/history.csv",
    "patients/<patient>/results/check/",
    "patients/<patient>/visits/<code>/contact/attempt/",
    "patients/<patient>/visits/<code>/day/",
    "questions/<question>/answer/",
    "questions/<question>/close/",
    "questions/<question>/not-enough/",
    "questions/<question>/take-back/",
    "readyz",
}
IS_PROGRAMS = "api/v1/"
PROGRAMS_PAGE = "api/v1/docs/"

# Every form, sent with nothing filled in. `at`: the page that has it, where that is another one.
REFUSALS = """
    address                                       | as            | with                  | at
    ----------------------------------------------+---------------+-----------------------+----
    account/unlock/                               | away          |                       |
    account/notifications/                        | officer       |                       |
    account/password/                             | coordinator   |                       |
    patients/enrol/                               | coordinator   |                       |
    patients/consents/<study>/versions/           | manager       |                       |
    patients/<patient>/visits/<code>/             | coordinator   | code M6               |
    patients/<patient>/visits/<code>/sign/        | investigator  |                       |
    patients/<patient>/sign/                      | investigator  | ?read=<read>          |
    patients/<patient>/results/<result>/          | coordinator   |                       |
    patients/<patient>/events/                    | coordinator   |                       |
    patients/<patient>/events/<event>/            | officer       | event licats          |
    patients/<patient>/events/<event>/follow-up/  | coordinator   |                       |
    patients/<patient>/events/<event>/correct/    | coordinator   |                       |
    patients/<patient>/visits/<code>/contact/     | coordinator   | patient late, code Y6 |
    patients/<patient>/visits/<code>/contact/attempt/ | coordinator | patient late, code Y6 | patients/<patient>/visits/<code>/contact/
    patients/<patient>/infusions/                 | coordinator   |                       |
    patients/<patient>/end/                       | coordinator   |                       |
    patients/<patient>/consent/                   | coordinator   |                       |
    patients/<patient>/consent/withdraw/          | coordinator   |                       | patients/<patient>/consent/
    patients/<patient>/consent/withdrawals/<withdrawal>/ | coordinator |                  |
    patients/<patient>/transfer/                  | manager       |                       |
    patients/<patient>/ask/                       | manager       |                       |
    questions/<question>/answer/                  | coordinator   |                       | questions/<question>/
    questions/<question>/not-enough/              | manager       | question answered     | questions/<question>/
    questions/<question>/close/                   | manager       |                       | questions/<question>/
    alerts/<alert>/ask/                           | officer       |                       |
    alerts/<alert>/decide/                        | officer       |                       | alerts/<alert>/
    locks/                                        | manager       |                       |
    locks/<lock>/ask/                             | manager       |                       | locks/
    locks/unlockings/<unlocking>/decide/          | lead          |                       | locks/
    notifications/<mail>/give-up/                 | manager       |                       | notifications/
"""  # noqa: E501


@pytest.fixture(scope="module")
def product(django_db_setup, django_db_blocker):
    """A server with the whole record, for all tests of this file, which leave it as it is."""
    with django_db_blocker.unblock(), override_settings(REGISTRY_TODAY=TODAY):
        server = LiveServer("localhost")
        try:
            made = Product(server.url, make_whole_record())
            yield made
            made.close()
        finally:
            server.stop()
            cache.clear()
            call_command("flush", verbosity=0, interactive=False, reset_sequences=False)


class Product:
    """Pages of the product in windows, one for each person, with script or without."""

    def __init__(self, url, record):
        self.url, self.record = url, record
        self.titles, self.walked = {}, set()
        self._windows = {}
        # Signed in while what is written stays written: a test of its own takes back what it wrote.
        self._cookies = {who: self._cookie(who) for who in (*record.people, "away")}

    def address_of(self, row):
        """The address of a row of a table; its changing parts are the usual rows or those that it names."""
        address, query, places = row["address"], "", dict(self.record.places)
        for said in filter(None, map(str.strip, row["with"].split(","))):
            kind, _, name = said.partition(" ")
            if said.startswith("?"):
                query = said
            elif said in self.record.others:
                places[f"<{kind}>"] = self.record.others[said]
            elif kind == "code":
                places["<code>"] = name
        address += query
        for name, value in places.items():
            address = address.replace(name, value)
        return "/" + address.lstrip("/")

    def window(self, browser, who, *, script=True):
        """The person's window; what it says to the console stands in its `said`."""
        found = self._windows.get((who, script))
        if found is None or found.context.browser is not browser:
            context = browser.new_context(
                viewport=WIDE, java_script_enabled=script, reduced_motion="reduce", base_url=self.url
            )
            if who != "nobody":
                context.add_cookies([self._cookies[who]])
            found = self._windows[who, script] = Window(context)
        found.said.clear()
        return found

    def close(self):
        """Close the windows: for each line of a browser the server keeps a thread and its connection."""
        for window in self._windows.values():
            with suppress(PlaywrightError):  # a browser that was lost took its windows along
                window.context.close()

    def _cookie(self, who):
        client = Client()
        client.force_login(self.record.people["coordinator" if who == "away" else who])
        if who == "away":
            session = client.session
            session["active_at"] = session["signed_in_at"] = int(timezone.now().timestamp()) - 3600
            session.save()
        name = settings.SESSION_COOKIE_NAME
        return {"name": name, "value": client.cookies[name].value, "url": self.url}


class Window:
    def __init__(self, context):
        self.context = context
        self.page = context.new_page()
        self.said = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    def ask(self, question, *given):
        return self.page.evaluate(f"given => everyPage.{question}(...given)", list(given))

    def open(self, path):
        answer = self.page.goto(path)
        self.look()
        return answer

    def look(self):
        """Ready to be asked: everything that can be opened stands open."""
        self.page.evaluate(CHECKS)
        self.ask("open")


def by_axe(page, *, options=AXE_RULES):
    found = Axe().run(page, options=options).response["violations"]
    return [f"{each['id']}: {[node['target'] for node in each['nodes']][:3]}" for each in found]


def by_width(window):
    """At 320 by 256 pixels, which is a common screen at 400 % zoom."""
    window.page.set_viewport_size(NARROW)
    return window.ask("width") + window.ask("sticking")


def by_keyboard(window):
    """Press Tab from the first stop to the last, at 400 % zoom and in forced colours."""
    faults = []
    for step in range(window.ask("begin")):
        if step:
            window.page.keyboard.press("Tab")
        fault, is_lost = window.ask("at", step)
        faults += [fault] if fault else []
        if is_lost or len(faults) > 8:
            return faults
    window.page.keyboard.press("Tab")
    return faults + window.ask("left")


def pictured(window, name):
    if not PICTURES:
        return
    for size in (WIDE, {"width": 320, "height": 900}):
        window.page.set_viewport_size(size)
        window.page.screenshot(path=f"{PICTURES}/{name}-{size['width']}.png", full_page=True)
    window.page.emulate_media(forced_colors="active")
    window.page.screenshot(path=f"{PICTURES}/{name}-forced.png", full_page=True)
    window.page.emulate_media(forced_colors="none")


def assert_none(faults):
    assert not faults, "\n" + "\n".join(faults)


def name_of(row):
    return " ".join(filter(None, (row["address"], row["as"], row["with"])))


def test_every_address_of_the_matrix_is_looked_at_or_said_to_be_no_page():
    looked_at = {row["address"] for row in rows_of(PAGES)}
    known = {address for address in expected(GET) if not address.startswith(IS_PROGRAMS)} | {PROGRAMS_PAGE}

    assert known - looked_at - NO_PAGES == set(), "add a line to the table PAGES"
    assert looked_at - known == set(), "a line of the table PAGES has no address"


@pytest.mark.parametrize("address", sorted(NO_PAGES))
def test_what_is_no_page_shows_none_to_anybody(product, address):
    path = product.address_of({"address": address, "with": ""})
    for person in product.record.people.values():
        client = Client()
        client.force_login(person)
        answer = client.get(path)
        is_page = answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")
        assert not is_page, f"{path} is a page: add a line to the table PAGES"


def test_every_form_that_can_be_refused_is_refused_here():
    refusing = {address for address, answers in expected(POST).items() if 422 in answers}

    assert refusing - {row["address"] for row in rows_of(REFUSALS)} == set(), "add a line to REFUSALS"


@pytest.mark.parametrize("row", rows_of(PAGES), ids=name_of)
def test_a_page_serves_everybody(product, browser, row, tmp_path):
    with override_settings(DEMO=row["with"] == "demo"):
        path = product.address_of(row)
        window, plain = (product.window(browser, row["as"], script=script) for script in (True, False))
        page = window.page
        page.set_viewport_size(WIDE)
        page.emulate_media(forced_colors="none")
        answer = window.open(path)
        faults = [] if answer.status == 200 else [f"{path} answered {answer.status}"]
        title = page.title()
        other = product.titles.setdefault(title, row["address"])
        if other != row["address"] or title.startswith("Error:"):
            faults.append(f"the title {title} is that of {other}")
        pictured(window, re.sub(r"[^a-z0-9]+", "-", name_of(row).lower()).strip("-") or "home")

        page.set_viewport_size(WIDE)
        faults += window.ask("frame") + by_axe(page)
        offered = window.ask("offered")
        window.ask("noteGrounds")
        faults += by_width(window)
        faults += by_axe(page, options={"runOnly": {"type": "rule", "values": ["target-size"]}})
        page.emulate_media(forced_colors="active")
        faults += window.ask("bare")
        # A page in another state has the same stops.
        if (row["address"], row["as"]) not in product.walked:
            product.walked.add((row["address"], row["as"]))
            faults += by_keyboard(window)
        page.emulate_media(forced_colors="none")
        faults += window.ask("rings")

        plain.open(path)
        faults += plain.ask("forms")
        without_script = set(plain.ask("offered"))
        faults += [f"needs script: {each}" for each in offered if each not in without_script]
        assert_none(faults + window.said)


@pytest.mark.parametrize("row", rows_of(REFUSALS), ids=name_of)
def test_what_is_refused_is_said_in_the_title_first_and_beside_the_field(product, browser, row):
    window = product.window(browser, row["as"])
    window.page.set_viewport_size(WIDE)
    window.open(product.address_of({**row, "address": row["at"] or row["address"]}))
    with window.page.expect_navigation() as sent:
        window.ask("send", product.address_of(row).partition("?")[0])
    window.look()

    faults = [] if sent.value.status == 422 else [f"it was answered with {sent.value.status}"]
    faults += window.ask("refused") + window.ask("frame") + by_axe(window.page) + by_width(window)
    assert_none(faults + [text for text in window.said if not REFUSED.search(text)])


def no_such_page(window, product):
    return window.page.goto("/patients/00000000-0000-4000-8000-000000000000/")


def not_for_this_role(window, product):
    return window.page.goto("/locks/")


def more_fields_than_a_form_has(window, product):
    return window.page.goto("/patients/?" + "a=&" * 1001)


def a_form_of_an_old_page(window, product):
    window.open("/account/password/")
    window.page.evaluate("document.querySelector('main [name=csrfmiddlewaretoken]').remove()")
    with window.page.expect_navigation() as sent:
        window.ask("send", "/account/password/")
    return sent.value


def a_table_that_is_gone(window, product):
    """In a thread of its own, so that the server sees it."""
    rename_table("registry_securityevent", "gone")
    try:
        return window.page.goto("/security/")
    finally:
        rename_table("gone", "registry_securityevent")


def rename_table(name, to):
    def rename():
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {name} RENAME TO {to}")
        connection.close()

    thread = threading.Thread(target=rename)
    thread.start()
    thread.join()


def a_record_locked_meanwhile(window, product):
    public_id = product.record.others["patient locked meanwhile"]
    window.open(f"/patients/{public_id}/end/?reason=lost")
    for part, text in (("Day", "1"), ("Month", "8"), ("Year", "2024")):
        window.page.get_by_label(part).fill(text)
    manager = product.window(window.context.browser, "manager")
    manager.open(f"/locks/?target=patient:{public_id}")
    manager.page.get_by_label("What is locked").select_option(f"patient:{public_id}")
    manager.page.get_by_role("textbox", name="Reason").last.fill("Cleaned for the yearly report.")
    with manager.page.expect_navigation():
        manager.page.get_by_role("button", name="Lock", exact=True).click()
    with window.page.expect_navigation() as sent:
        window.page.get_by_role("button", name="End follow-up").click()
    return sent.value


def too_many_attempts(window, product):
    window.open("/account/login/")
    fields = "document.querySelector('main form [name=csrfmiddlewaretoken]').value"
    window.page.evaluate(
        """async token => {
            const body = new URLSearchParams({csrfmiddlewaretoken: token, login: "nobody", password: "x"});
            for (let i = 0; i < 31; i += 1) await fetch("/account/login/", {method: "POST", body});
        }""",
        window.page.evaluate(fields),
    )
    with window.page.expect_navigation() as sent:
        window.ask("send", "/account/login/")
    cache.clear()
    return sent.value


@pytest.mark.parametrize(
    ("who", "happened", "status"),
    [
        ("coordinator", more_fields_than_a_form_has, 400),
        ("coordinator", not_for_this_role, 403),
        ("coordinator", a_form_of_an_old_page, 403),
        ("coordinator", no_such_page, 404),
        ("coordinator", a_record_locked_meanwhile, 423),
        ("nobody", too_many_attempts, 429),
        ("administrator", a_table_that_is_gone, 500),
    ],
)
def test_a_page_that_says_what_went_wrong_serves_everybody(product, browser, who, happened, status):
    window = product.window(browser, who)
    window.page.set_viewport_size(WIDE)

    answer = happened(window, product)

    window.look()
    pictured(window, f"error-{happened.__name__}")
    window.page.set_viewport_size(WIDE)
    faults = [] if answer.status == status else [f"it was answered with {answer.status}"]
    faults += window.ask("frame") + by_axe(window.page) + by_width(window)
    window.page.emulate_media(forced_colors="active")
    faults += by_keyboard(window)
    window.page.emulate_media(forced_colors="none")
    assert_none(faults + window.ask("forms") + [text for text in window.said if not REFUSED.search(text)])
