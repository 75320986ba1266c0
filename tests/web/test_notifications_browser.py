"""The pages of mails in a real browser: readable wide and narrow, by everyone, without script too."""

import pytest

from registry.models import Notification
from tests.factories import make_dead_letter
from tests.web.test_officer_browser import WIDTHS, browse, shown_well

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


@pytest.mark.parametrize("width", WIDTHS)
def test_the_mails_that_could_not_be_sent_read_well(browse, manager, mails, width, tmp_path):
    page = browse(user=manager, path="/notifications/", width=width)
    page.get_by_text("Give up").first.click()

    assert page.get_by_role("heading", name="Could not be sent").is_visible()
    shown_well(page, name=f"mails-{width}", tmp_path=tmp_path)


def test_a_mail_is_given_up_by_keyboard(browse, manager, mails):
    page = browse(user=manager, path="/notifications/", width=1280)
    page.locator("summary").first.press("Enter")
    page.get_by_label("Reason").first.fill("Told by telephone, their mailbox is closed")
    page.get_by_role("button", name="Give up this mail").first.press("Enter")

    assert page.get_by_text("is given up; your reason is kept.").is_visible()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("actor", ["officer", "sponsor"])
def test_a_persons_own_mails_read_well(browse, request, mails, actor, width, tmp_path):
    person = request.getfixturevalue(actor)
    page = browse(user=person, path="/account/notifications/", width=width)

    assert page.get_by_label("Your mail address").input_value() == person.email
    shown_well(page, name=f"own-{actor}-{width}", tmp_path=tmp_path)
