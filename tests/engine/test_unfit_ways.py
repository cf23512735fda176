"""What must not be written to is passed over with its reason, promotion counts as marketing, articles are shown."""

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from engine.policy.decide import decide
from engine.policy.facts import Facts
from engine.policy.reach import ways
from engine.policy.reasons import Reason
from engine.store.models import Consent
from tests.engine.config.conftest import SAID, SAMPLE, SOON
from tests.engine.post import Post
from tests.engine.test_policy import FACTS, JO, policy, step

NOTICE = "templates/errors/notice/en/email.txt.j2"
LAWFUL = "{{ sender.postal_address }}. No more: {{ links.unsubscribe }}\n"
PROMOTED = {
    NOTICE: f"Subject: x\n\nBuy now. {SAID}{SOON}{LAWFUL}",
    "templates/errors/notice/sample.json": SAMPLE.replace(
        '"links": {', '"sender": {"postal_address": "1 Street"}, "links": {"unsubscribe": "https://x.example/u/1", '
    ),
}
HELP = 'article: {title: Help, url: "https://h.example", locales: {de: {title: Hilfe, url: "https://d.example"}}}'


def at(*addresses: tuple[str, str]) -> Facts:
    return replace(step(FACTS, channels=("sms", "email")), person=replace(JO, addresses=addresses))


def test_a_role_s_mailbox_is_not_written_to_unless_it_is_given() -> None:
    noc = at(("email", "noc@x.example"))
    found = decide(noc)
    assert (found.verdict, found.reason) == ("skip", Reason.UNFIT)
    assert "'noc@x.example' is a role's mailbox" in found.detail
    assert decide(policy(noc, role_addresses=("noc",))).verdict == "send"


def test_a_role_s_mailbox_that_asked_for_it_itself_is_given() -> None:
    """A subscriber of the status page confirmed it; whoever is answered wrote from there."""
    noc = at(("email", "noc@x.example"))
    for given in (replace(noc, kind="status"), step(noc, address="noc@x.example", channels=("email",))):
        assert [way.obstacle for way in ways(given) if way.channel == "email"] == [None]


def test_the_next_address_of_the_person_is_tried() -> None:
    found = decide(at(("email", "abuse@x.example"), ("email", "jo@x.example")))
    assert (found.verdict, found.address) == ("send", "jo@x.example")


def test_facts_that_were_stored_are_decided_alike() -> None:
    noc = at(("email", "noc@x.example"))
    assert decide(Facts.read(noc.plain())).reason is Reason.UNFIT


def test_c10_a_service_message_that_promotes_needs_written_consent(tmp_path: Path) -> None:
    post = Post(tmp_path, PROMOTED)
    intent = post.tell("contact/ann-acme", post.issue(post.account()))
    post.run()
    assert post.decision(intent).reason == "no_consent"
    assert post.decision(intent).facts["facts"]["step"]["promotion"] == "Buy now"


def test_c10_with_written_consent_it_goes_as_marketing(tmp_path: Path) -> None:
    post = Post(tmp_path, PROMOTED)
    issue = post.issue(post.account())
    given: dict[str, Any] = {"channel": "*", "purpose": "marketing", "state": "granted", "written": True}
    post.add(Consent(id="con-m", at=2.0, entity="contact/ann-acme", **given))
    intent = post.tell("contact/ann-acme", issue)
    post.run()
    (message,) = post.sent()
    assert (message.purpose, post.intent(intent).payload["purpose"]) == ("marketing", "marketing")
    assert "Marketing, as it says 'Buy now' (C10)." in post.decision(intent).facts["decision"]["detail"]


def test_c10_a_template_that_says_it_is_none_goes_as_service(tmp_path: Path) -> None:
    post = Post(tmp_path, PROMOTED | {"templates/errors/notice/template.yaml": "promotion: none\n"})
    post.tell("contact/ann-acme", post.issue(post.account()))
    post.run()
    assert post.sent()[0].purpose == "service"


def told(post: Post) -> str:
    post.tell("contact/ann-acme", post.issue(post.account()))
    post.run()
    return post.sent()[0].text


def test_an_article_is_shown_the_playbook_s_before_the_detector_s(tmp_path: Path) -> None:
    shown = "{% if article %}{{ article.title }}: {{ article.url }}\n{% endif %}"
    files = {
        NOTICE: f"Subject: x\n\nCalls fail. {shown}{SAID}{SOON}",
        "templates/errors/notice/sample.json": SAMPLE.replace("{", '{"article": null, ', 1),
    }
    bare = Post(tmp_path / "bare", files)
    detector = (tmp_path / "bare/detectors/errors.yaml").read_text() + f"demand: {{class: automate, {HELP}}}\n"
    playbook = (tmp_path / "bare/playbooks/errors.yaml").read_text() + HELP.replace("Help", "Ours") + "\n"
    by_detector = files | {"detectors/errors.yaml": detector}
    by_playbook = by_detector | {"playbooks/errors.yaml": playbook}
    assert "h.example" not in told(bare)
    assert "Help: https://h.example" in told(Post(tmp_path / "detector", by_detector))
    assert "Ours: https://h.example" in told(Post(tmp_path / "playbook", by_playbook))
