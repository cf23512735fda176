"""The HTML of mails: what many have in common is stored once, and each can be shown as it went out."""

from pathlib import Path

from engine.store import pages
from engine.store.models import Intent, Page
from outreach.base import Message
from outreach.render import Templates
from tests.engine.sending.bench import Bench, bench

BOTH_STORES = True
MAIL = [("email", "{}@example.com")]
LIST = "{% for each in ['a', 'b'] %}- {{ each }} {{ issue.subject }}\n{% endfor %}"
"""What only Jinja can render."""


def told(at: Bench, *names: str) -> list[Message]:
    """Tell people by mail, and return the mails in their order."""
    for name in names:
        at.tell(name, addresses=[(kind, value.format(name)) for kind, value in MAIL])
    at.run()
    sent: list[Message] = at.channels["email"].sent  # type: ignore[attr-defined]  # a memory channel
    return sorted(sent, key=lambda message: message.id)


def shown(at: Bench) -> list[str]:
    """Return what is stored of every message, as its page shows it."""
    with at.database.reading() as session:
        return [pages.html(session, row.payload) for row in at.rows(Intent)]


def test_a_page_is_stored_once_and_each_mail_is_shown_as_it_went_out(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        sent = told(at, "ann", "bob", "cy&co")
        assert len(at.rows(Page)) == 1
        assert shown(at) == [message.html for message in sent]
        assert "account/ann" in shown(at)[0]
        assert "account/cy&amp;co" in shown(at)[2]
        assert all(pages.HTML not in row.payload and pages.any_of(row) for row in at.rows(Intent))


def test_what_is_said_of_somebody_is_with_their_message_alone(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        told(at, "ann")
        (page,) = at.rows(Page)
        assert "ann" not in "".join(page.texts)


def test_a_page_like_no_other_is_stored_whole(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        _write(tmp_path, f"Subject: trouble\n\n{LIST}")
        at.dispatcher._outside.templates.__init__(tmp_path / "templates")  # type: ignore[misc]  # read anew
        sent = told(at, "ann")
        assert at.rows(Page) == []
        assert shown(at) == [sent[0].html]
        assert "<li" in sent[0].html


def test_a_mail_is_shown_as_it_was_after_its_template_was_changed(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        before = told(at, "ann")[0].html
        _write(tmp_path, "Subject: other\n\nAll is new, {{ issue.subject }}.\n")
        at.dispatcher._outside.templates.__init__(tmp_path / "templates")  # type: ignore[misc]  # read anew
        after = told(at, "bob")[1].html
        assert shown(at) == [before, after]
        assert len(at.rows(Page)) == 2


def test_a_text_message_has_no_page(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.tell("ann")
        at.run()
        assert at.message().channel == "sms"
        assert shown(at) == [""]
        assert not pages.any_of(at.message())


def test_the_same_page_has_the_same_name_anywhere(tmp_path: Path) -> None:
    with bench(tmp_path):
        sender = {"company": "Acme", "help_url": "", "postal_address": ""}
        words = {"issue": {"subject": "x"}, "links": {}, "sender": sender}
        laid = [Templates(tmp_path / "templates").render("all/notice", "email", "en", words).laid for _ in range(2)]
        assert laid[0] is not None
        assert laid[1] is not None
        assert laid[0].page is not laid[1].page
        assert laid[0].page.id == laid[1].page.id


def _write(folder: Path, text: str) -> None:
    (folder / "templates/all/notice/en/email.txt.j2").write_text(text)
