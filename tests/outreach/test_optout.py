"""Opting out is understood in any case and punctuation, in English and German, and nothing else is taken for it."""

import pytest

from outreach.optout import opt_out

STOP = [
    "STOP", "stop", " Stop. ", "sToP!!", "«stop»", "quit", "End", "REVOKE", "opt out", "Opt-Out", "optout", "cancel",
    "unsubscribe", "Unsubscribe.", "\nstop\r\n", "STOPP", "Abmelden", "abbestellen", "Ende", "kündigen", "s.t.o.p",
]  # fmt: skip
UNCLEAR = [
    "please don't text me", "please don’t text me any more", "Do not contact me again", "stop texting me",
    "Stop it please",
    "remove me from your list", "I want to unsubscribe", "wrong number", "Wer ist das? Falsche Nummer",
    "Bitte keine SMS mehr", "Schicken Sie mir keine weiteren Nachrichten", "Bitte nicht mehr schreiben",
    "Ich möchte mich abmelden", "leave me alone", "can you cancel this?", "Ich widerrufe meine Einwilligung",
]  # fmt: skip
NEITHER = [
    "", "Thanks!", "ok", "YES", "When will it be fixed?", "The job stopped at 2", "Danke, alles klar", "weekend",
    "Our endpoint is back", "It is working again", "Wann geht es weiter?", "👍", "START", "help",
]  # fmt: skip


@pytest.mark.parametrize("text", STOP)
def test_plain(text: str) -> None:
    assert opt_out(text) == "stop"


@pytest.mark.parametrize("text", UNCLEAR)
def test_unclear(text: str) -> None:
    assert opt_out(text) == "unclear"


@pytest.mark.parametrize("text", NEITHER)
def test_neither(text: str) -> None:
    assert opt_out(text) is None
