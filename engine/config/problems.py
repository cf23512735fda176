"""What is wrong with a configuration: collected, never raised, so that all of it can be told at once."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from engine.config.model import Place

LISTED = 12
"""So many valid names are listed before the list is cut."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, where, and what would be right.

    >>> str(Problem(Place("playbooks/x.yaml", 12, 7), "error", 'no channel "smss"', 'did you mean "sms"?'))
    'playbooks/x.yaml:12:7: no channel "smss"; did you mean "sms"?'
    """

    place: Place
    severity: Literal["error", "warning"]
    what: str
    hint: str = ""

    def __str__(self) -> str:
        kind = "warning: " if self.severity == "warning" else ""
        return f"{self.place}: {kind}{self.what}" + (f"; {self.hint}" if self.hint else "")


@dataclass(slots=True)
class Problems:
    """A growing list of problems."""

    found: list[Problem] = field(default_factory=list)

    def error(self, place: Place, what: str, hint: str = "") -> None:
        """Note what makes the configuration unusable."""
        self.found.append(Problem(place, "error", what, hint))

    def warning(self, place: Place, what: str, hint: str = "") -> None:
        """Note what is probably not meant."""
        self.found.append(Problem(place, "warning", what, hint))

    def unknown(self, place: Place, kind: str, name: str, known: Iterable[str]) -> None:
        """Note that there is no `kind` of that name, with the nearest that there is."""
        self.error(place, f'no {kind} "{name}"', nearest(name, known))

    def sorted(self) -> list[Problem]:
        """Return each problem once, by file, line and column."""
        return sorted(set(self.found))


def errors(problems: Iterable[Problem]) -> list[Problem]:
    """Return those that make the configuration unusable."""
    return [problem for problem in problems if problem.severity == "error"]


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint at the valid name that is most like `name`, or at all of them.

    >>> nearest("smss", ["email", "sms"])
    'did you mean "sms"?'
    >>> nearest("fax", ["email", "sms"])
    'there are email, sms'
    """
    names = sorted(set(known))
    by_lower = {each.lower(): each for each in names}
    if close := difflib.get_close_matches(name.lower(), by_lower, n=1):
        return f'did you mean "{by_lower[close[0]]}"?'
    return f"there are {listing(names)}" if names else "there are none"


def listing(names: Iterable[str]) -> str:
    """Return `names` as one text, cut where it gets long."""
    all_names = list(names)
    rest = len(all_names) - LISTED
    return ", ".join(all_names[:LISTED]) + (f" and {rest} more" if rest > 0 else "")
