"""The officer's pages in a real browser: readable wide and narrow, by everyone, without a console error."""

import re
from datetime import date

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import expect

from registry.models import Alert
from tests import factories
from tests.web.officer_record import LOW_FOR_A_MONTH, MORNING, alert_of, judge, page_of, write

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WIDTHS = (1280, 320)
AXE_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture
def record(patient, site, officer):
    """One patient with a month of low counts, a lymphoma in words and a late visit; one with blasts."""
    write(patient=patient, table=LOW_FOR_A_MONTH)
    factories.make_event(
        patient=patient,
        event_id="AE-77",
        term="Rash of both arms",
        category="licats",
        grade=2,
        started_on="2024-05",
        narrative="Biopsy: CTCL cannot be excluded. Mother had breast cancer. Seen again on Friday.",
    )
    factories.make_event(
        patient=patient, event_id="AE-78", term="Pneumonia", grade=3, started_on="2024-04-02"
    )
    second = factories.make_patient(site=site, code="VIE-0002")
    write(
        patient=second,
        table="""
            day | BLASTS | PLT
            ----+--------+----
              4 |        | 120
             20 |        | 41
             60 | 0      | 160
            100 | 6      | 150
        """,
    )
    third = factories.make_patient(site=site, code="VIE-0003")
    write(
        patient=third,
        table="""
        day | ANC
        ----+----
          4 | 1.2
          5 | 0.5
         20 | 0.6
    """,
    )
    judge(on=date(2024, 6, 29))
    return patient


@pytest.fixture
def browse(live_server, page, request):
    """Open a page as a person at a width; afterwards nothing may stand in the console."""
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))

    def open_page(*, user, path, width):
        client = Client()
        client.force_login(user)
        page.context.add_cookies(
            [
                {
                    "name": settings.SESSION_COOKIE_NAME,
                    "value": client.cookies[settings.SESSION_COOKIE_NAME].value,
                    "url": live_server.url,
                }
            ]
        )
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(live_server.url + path)
        return page

    yield open_page
    assert said == []


def shown_well(page, *, name, tmp_path):
    page.wait_for_load_state()
    page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
    found = Axe().run(page, options=AXE_RULES).response["violations"]
    assert [(each["id"], [node["target"] for node in each["nodes"]][:3]) for each in found] == []
    # 320 px is 400 % zoom: only regions scroll sideways, never the page.
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize(("width", "is_in_sight"), [(1280, True), (641, True), (640, False), (320, False)])
def test_the_filters_are_folded_only_where_the_page_is_narrow(browse, officer, record, width, is_in_sight):
    page = browse(user=officer, path="/alerts/", width=width)

    assert page.get_by_label("Severity").is_visible() is is_in_sight
    assert page.get_by_text("Narrow the alerts").is_visible() is not is_in_sight


def test_filters_in_use_are_in_sight_on_a_telephone(browse, officer, record):
    page = browse(user=officer, path="/alerts/?severity=high", width=320)

    expect(page.get_by_label("Severity")).to_have_value("high")
    expect(page.get_by_label("Severity")).to_be_visible()


def test_the_first_alert_is_in_sight_on_a_telephone(browse, officer, record):
    page = browse(user=officer, path="/alerts/", width=320)

    assert page.locator("table.alerts tbody tr").first.bounding_box()["y"] < 550


def test_the_words_of_the_state_cover_no_number_of_a_patient_on_a_telephone(browse, officer, record):
    Alert.objects.filter(pk=alert_of(patient=record).pk).update(
        state="in_review", decision="need_information", decided_by=officer, decided_at=MORNING
    )
    page = browse(user=officer, path="/alerts/", width=320)

    for card in page.locator("table.alerts tbody tr").all():
        ends_at = card.locator("th").evaluate(
            "th => { const words = document.createRange(); words.selectNodeContents(th);"
            " return words.getBoundingClientRect().bottom }"
        )
        assert ends_at <= card.locator(".state").first.evaluate("e => e.getBoundingClientRect().top")
    assert page.get_by_text("Waits for information").count() == 1


def test_the_words_of_a_plot_are_read_in_forced_colours_on_black(browse, officer, record):
    page = browse(user=officer, path=page_of(alert=alert_of(patient=record)), width=1280)

    page.emulate_media(forced_colors="active", color_scheme="dark")

    page_words = page.evaluate("getComputedStyle(document.body).color")
    words = page.evaluate("[...document.querySelectorAll('.plot text')].map(t => getComputedStyle(t).fill)")
    assert page_words == "rgb(255, 255, 255)"
    assert len(words) > 10
    assert set(words) == {page_words}


def test_the_review_page_prints_on_one_page(browse, officer, record, tmp_path):
    page = browse(user=officer, path=page_of(alert=alert_of(patient=record)), width=1280)

    printed = page.pdf(format="A4", path=tmp_path / "alert.pdf")

    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
