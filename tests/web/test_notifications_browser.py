"""The pages of mails in a real browser: what could not be sent is given up by keyboard."""

import pytest
from playwright.sync_api import expect

from registry.models import Notification
from tests.factories import make_dead_letter
from tests.web.test_officer_browser import browse

__all__ = ["browse"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def mails(study, officer, lead, manager):
    make_dead_letter(
        study=study,
        recipient=officer,
        error="550 5.1.1 <officer@hospital.example>: Recipient address rejected: User unknown in local table",
    )
    make_dead_letter(study=study, recipient=lead, error="The account has no mail address.")
    for state in ("waiting", "given_up"):
        mail = make_dead_letter(study=study, recipient=lead, error="")
        Notification.objects.filter(pk=mail.pk).update(
            state=state,
            error="No mail server: [Errno 111] Connection refused" if state == "waiting" else "",
            given_up_at="2026-11-20T10:00Z" if state == "given_up" else None,
            given_up_by=manager if state == "given_up" else None,
            given_up_reason="Told by telephone" if state == "given_up" else "",
        )


def test_a_mail_is_given_up_by_keyboard(browse, manager, mails):
    page = browse(user=manager, path="/notifications/", width=1280)
    page.locator("summary").first.press("Enter")
    page.get_by_label("Reason").first.fill("Told by telephone, their mailbox is closed")
    page.get_by_role("button", name="Give up this mail").first.press("Enter")

    expect(page.get_by_text("is given up; your reason is kept.")).to_be_visible()
