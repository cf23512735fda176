"""A provider that says "delivered" of what never was: when the truth comes, the address is known to be dead."""

from pathlib import Path

from engine.store.models import Intent, Suppression
from tests.faults.house import House, event, opened, people, prepared


def said(house: House, provider_id: str, state: str, channel: str = "email") -> None:
    data = {"provider_id": provider_id, "state": state, "channel": channel}
    house.hand_in(event("forewarn.delivery", "contact/ann", data, house.clock.time(), f"{provider_id}-{state}"))


def message(house: House) -> Intent:
    [found] = [each for each in house.rows(Intent) if each.kind == "message" and each.occasion == "opened"]
    return found


def test_delivered_and_then_bounced_counts_as_bounced_and_is_not_sent_again(tmp_path: Path) -> None:
    with opened(prepared(tmp_path)) as house:
        house.hand_in(*people())
        house.trouble()
        said(house, message(house).provider_id, "delivered")
        said(house, message(house).provider_id, "bounced")
        house.pass_(3600.0, step=600.0)
        assert message(house).delivery == "bounced"
        assert [row.address for row in house.rows(Suppression)] == ["ann@example.com"]
        assert len(house.email.sent) == 1, "what may have been read is never sent again (C18)"


def test_bounced_and_then_delivered_stays_bounced(tmp_path: Path) -> None:
    with opened(prepared(tmp_path)) as house:
        house.hand_in(*people())
        house.trouble()
        provider_id = message(house).provider_id
        said(house, provider_id, "bounced")
        said(house, provider_id, "delivered")
        assert [row.address for row in house.rows(Suppression)] == ["ann@example.com"]
        house.calm()
        house.pass_(600.0, step=60.0)
        assert len(house.email.sent) == 1, "nothing more goes to an address that is dead"


def test_delivered_says_it_of_no_message_of_ours(tmp_path: Path) -> None:
    with opened(prepared(tmp_path)) as house:
        house.hand_in(*people())
        house.trouble()
        said(house, "<of-somebody-else@x.example>", "bounced")
        assert message(house).delivery == ""
        assert house.rows(Suppression) == []
