"""Whether a message answers what its reader will ask: what happened, must I act, what next, is it genuine, why me.

A message that leaves one of these open calls forth the very contact it was to save (Gartner, 2021: 66 % of consumers
contact support after a proactive message). What a text says is told by the variables it reads, in itself and in the
parts it includes; whether it says what to do, by words, in English and German: other languages are not judged.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from outreach.wording import ACTION, NEXT

_TAGS = re.compile(r"\{[%{#].*?[%}#]\}|\ASubject:[^\n]*", re.DOTALL)
GENUINE = ("links.page", "sender.help_url")
PAGES = (GENUINE[0], "items")
"""The page that mirrors it; of several things told together each has a link to its own."""
WHY = ("customer.name", "customer.account", "links.preferences")
UNTIL = "next_update_at"


class Said(NamedTuple):
    """A text, as it is written and as its reader gets it."""

    read: Collection[str]
    """Dotted names of the variables its body reads, those of its parts too."""
    source: str
    text: str
    """Rendered with the sample."""
    locale: str
    long: bool
    """An e-mail: it has room for a time and a link."""


def lacks(said: Said, *, closing: bool) -> Iterator[str]:
    """Yield what the text does not say, with what would say it.

    >>> said = Said({"links.page", "customer.name"}, "It broke. You need not act.", "It broke.", "fr", long=True)
    >>> [lack.partition(";")[0] for lack in lacks(said, closing=False)]
    ['does not say by when the customer hears more']
    """
    if len(re.findall(r"\w+", _TAGS.sub(" ", said.source))) < 2:
        yield "does not say what happened; write it in words of its own"
    if not _worded(ACTION, said):
        yield "does not say whether the customer must do anything; say so, also if it is nothing"
    if not closing and UNTIL not in said.read and (said.long or not _worded(NEXT, said)):
        yield f"does not say by when the customer hears more; use {{{{ {UNTIL} }}}}, as _parts/{said.locale}/next does"
    genuine = GENUINE[:1] if said.long else GENUINE
    if not any(name in said.read for name in (*genuine, *PAGES)):
        yield f"does not say how to check that it is genuine; use {{{{ {' }} or {{ '.join(genuine)} }}}}"
    if not any(name in said.read for name in WHY):
        yield "does not say why this person gets it; use {{ customer.name }}, as the parts named ending do"


def _worded(patterns: Mapping[str, re.Pattern[str]], said: Said) -> bool:
    pattern = patterns.get(said.locale.replace("_", "-").partition("-")[0].lower())
    return pattern is None or bool(pattern.search(said.text))
