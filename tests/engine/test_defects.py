"""Demand by its class: what is to be removed gets an owner and a price, what needs a person gets its ticket first."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine import defects
from engine.errors import Permanent
from engine.policy.decide import decide
from engine.policy.reasons import Reason
from engine.store.models import DecisionRow, Defect, Intent, Ticket
from outreach.base import Outcome, Receipt
from outreach.tickets.builtin import BuiltinDesk
from tests.engine.test_policy import FACTS, closing
from tests.faults.house import FILES, House, event, opened, people, prepared

BOTH_STORES = True

DETECTOR = FILES["config/detectors/errors.yaml"]
PLAYBOOK = FILES["config/playbooks/errors.yaml"]
REMOVE = {
    "config/detectors/errors.yaml": DETECTOR + "owner: payments\ndemand: {class: remove, source: defect}\n",
    "config/playbooks/errors.yaml": PLAYBOOK + "worth: {contact: 12, calls: 100%}\n",
    "config/forewarn.yaml": "sender: {company: Acme}\nevents: {known: ['app.*']}\n"
    "escalations: {payments: {channel: email, address: payments@example.com}}\n",
    "templates/_common/defect/en/email.txt.j2": "Subject: yours\n\n{{ defect.title }} {{ defect.after }}\n",
    "templates/_common/defect/sample.json": "{}",
}
HUMAN = {
    "config/detectors/errors.yaml": DETECTOR + "demand: {class: human}\n",
    "templates/all/notice/en/email.txt.j2": "Subject: trouble\n\nTicket {{ ticket.number }}.\n",
}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened(prepared(tmp_path, **REMOVE)) as found:
        found.hand_in(*people(), *people(account="account/beta", name="bob"))
        yield found


def calls_us(house: House, account: str) -> None:
    now = house.clock.time()
    house.hand_in(event("forewarn.contact", account, {"channel": "phone"}, now, f"call-{account}-{now}"))


def test_the_first_issue_opens_a_defect_and_its_owner_is_told(house: House) -> None:
    house.trouble()
    house.trouble("account/beta")
    (row,) = house.rows(Defect)
    assert (row.owner, row.source, row.title, row.price) == ("payments", "defect", "Errors", 12.0)
    told = [message for message in house.email.attempts if message.to == "payments@example.com"]
    assert [message.subject for message in told] == ["yours"]


def test_contacts_are_counted_and_priced(house: House) -> None:
    house.trouble()
    house.trouble("account/beta")
    calls_us(house, "account/beta")
    (row,) = house.rows(Defect)
    with house.engine.storage.database.reading() as session:
        assert defects.figures(session, row) == defects.Figures(issues=2, accounts=2, contacts=1, cost=12.0)
        now = house.clock.time()
        assert defects.by_owner(session, 0.0, now + 1.0)["payments"].contacts == 1
        assert defects.by_owner(session, 0.0, row.opened_at) == {}


def test_what_comes_back_is_a_new_defect_that_says_so(house: House) -> None:
    house.trouble()
    (first,) = house.rows(Defect)
    house.pass_(60.0)
    now = house.clock.time()
    with house.engine.storage.database.transaction() as session:
        defects.refer(session, first.id, "PAY-17")
        defects.close(session, first.id, "ann", now, "fixed in 2.4")
    with house.engine.storage.database.transaction() as session, pytest.raises(Permanent, match="no defect"):
        defects.close(session, first.id, "ann", now)
    house.pass_(60.0)
    house.trouble("account/beta")
    rows = sorted(house.rows(Defect), key=lambda row: row.opened_at)
    assert [row.after for row in rows] == ["", first.id]
    assert rows[0].reference == "PAY-17"
    with house.engine.storage.database.reading() as session:
        assert defects.figures(session, rows[0]).issues == 1


def test_other_demand_makes_no_defect(tmp_path: Path) -> None:
    with opened(prepared(tmp_path, **HUMAN)) as house:
        house.hand_in(*people())
        house.trouble()
        assert house.rows(Defect) == []


def test_a_message_names_the_ticket_that_was_made_first(tmp_path: Path) -> None:
    with opened(prepared(tmp_path, **HUMAN)) as house:
        house.hand_in(*people())
        house.trouble()
        house.pass_(60.0)
        (ticket,) = house.rows(Ticket)
        assert [message.text.strip() for message in house.email.attempts] == [f"Ticket {ticket.number}."]
        made = {row.kind: row.sent_at for row in house.rows(Intent)}
        assert made["ticket"] is not None
        assert made["message"] is not None
        assert made["ticket"] <= made["message"]


def test_a_message_waits_for_a_desk_that_cannot_be_reached_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BuiltinDesk, "create", lambda self, draft: Receipt(Outcome.RETRY, "down"))
    with opened(prepared(tmp_path, **HUMAN)) as house:
        house.hand_in(*people())
        house.trouble()
        house.pass_(600.0)
        assert house.email.attempts == []
        assert "awaiting_ticket" in {row.reason for row in house.rows(DecisionRow)}
        house.pass_(3600.0, step=300.0)
        assert [message.text.strip() for message in house.email.attempts] == ["Ticket ."]


def test_closing_messages_and_emergencies_do_not_wait_for_tickets() -> None:
    assert decide(replace(FACTS, ticket_due=True)).reason is Reason.AWAITING_TICKET
    assert decide(replace(closing(), ticket_due=True)).verdict == "send"
    emergency = replace(FACTS, ticket_due=True, step=replace(FACTS.step, emergency="Ann"))
    assert decide(emergency).verdict == "send"
