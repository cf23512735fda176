"""What an answer means: small, explicit, and rather passed to a person than guessed.

In this order: an opt-out is one whatever else is said (C2); any sign of distress is for a person; a phrase counts if it
is the whole answer but for polite words; anything else is for a person. So what is negated, asked or told at length is
never taken for "fixed".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from outreach.optout import opt_out
from outreach.replies.fold import fold, words
from outreach.replies.lexicon import Lexicon, Meaning, lexicons

KEYS: Mapping[str, Meaning] = {
    "1": Meaning.FIXED,
    "2": Meaning.BROKEN,
    "3": Meaning.CALL,
    "0": Meaning.HELP,
    "9": Meaning.STOP,
}
"""The keys of a telephone."""
_ASKED = frozenset({Meaning.FIXED, Meaning.BROKEN, Meaning.NOT_MINE, Meaning.THANKS})
"""What is something else with a question mark."""
_QUESTION = frozenset("?？؟\u037e¿")
LONGEST = 4000
"""Characters of an answer that are looked at; one that is longer is for a person."""
_SIGNATURE = re.compile(r"^--[ ]?$", re.MULTILINE)
"""Begins the signature of a mail (RFC 3676, 4.3)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was understood."""

    meaning: Meaning
    may_stop: bool = False
    """It may be an opt-out: nothing is sent until a person has read it (C2)."""


class Grammar:
    """Understands answers in every language there are words of.

    >>> grammar = Grammar()
    >>> [str(grammar.read(text).meaning) for text in ("It's working again, thanks!", "still not", "Stop.", "fixed?")]
    ['fixed', 'broken', 'stop', 'other']
    >>> str(grammar.read("geht immer noch nicht", "de").meaning), grammar.read("please don't text me").may_stop
    ('broken', True)
    """

    def __init__(self, folder: Path | None = None) -> None:
        """`folder`: a templates folder, whose own words are added."""
        self._folder = folder

    def read(self, text: str, locale: str = "", button: str = "") -> Reading:
        """Return what `text`, or else the key or button that was pressed, means to a speaker of `locale`."""
        pressed = _pressed(button)
        if pressed is not None:
            return Reading(pressed)
        text = _SIGNATURE.split(text or button, maxsplit=1)[0][:LONGEST]
        said = words(text)
        leaving = opt_out(text)
        if leaving == "stop" or opt_out(fold(text)) == "stop" or self._meaning(said, locale) is Meaning.STOP:
            return Reading(Meaning.STOP)
        return Reading(self._understood(text, said, locale), may_stop=leaving == "unclear" or _may_stop(text))

    def _understood(self, text: str, said: tuple[str, ...], locale: str) -> Meaning:
        if any(lexicon.is_distressed(said) for lexicon in self._lexicons.values()):
            return Meaning.DISTRESS
        meaning = self._meaning(said, locale) or Meaning.OTHER
        asked = not _QUESTION.isdisjoint(text) and meaning in _ASKED
        return Meaning.OTHER if asked or _may_stop(text) else meaning

    def _meaning(self, said: tuple[str, ...], locale: str) -> Meaning | None:
        """Return what a phrase means in the speaker's language, else in English, else in any."""
        language = locale.replace("_", "-").partition("-")[0].lower()
        first = [name for name in (locale.lower(), language, "en") if name in self._lexicons]
        for name in dict.fromkeys([*first, *self._lexicons]):
            meaning = self._lexicons[name].meaning(said)
            if meaning is not None:
                return meaning
        return None

    @cached_property
    def _lexicons(self) -> Mapping[str, Lexicon]:
        return lexicons(self._folder)


def _pressed(button: str) -> Meaning | None:
    """Return what a key, or a button named for a meaning, asks for."""
    named = {str(meaning): meaning for meaning in Meaning if meaning is not Meaning.OTHER}
    return KEYS.get(button) or named.get(button)


def _may_stop(text: str) -> bool:
    return "unclear" in (opt_out(text), opt_out(fold(text)))
