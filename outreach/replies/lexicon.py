"""The words of one language, and the files they stand in.

Those that come with the package (`en.txt`, `de.txt` beside this file) always hold: no mistake of an operations team can
take away what means stop or distress. A team adds to them, and writes other languages, in
`templates/_replies/words/LOCALE.txt`:

    [fixed]
    all green again
    [distress]
    recall*

Headings are the names of `Meaning`, and `polite`. One phrase a line; `#` begins a comment; in `[distress]` a `*` at the
end of a word stands for any ending.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from outreach.optout import opt_out
from outreach.replies.fold import words

OWN = Path(__file__).parent
FOLDER = "_replies/words"
"""Below a templates folder."""
POLITE = "polite"
MOST_POLITE = 4
"""Words that a polite phrase may have."""
Phrase = tuple[str, ...]


class Meaning(StrEnum):
    """What an answer asks for."""

    STOP = "stop"
    START = "start"
    FIXED = "fixed"
    BROKEN = "broken"
    CALL = "call"
    HELP = "help"
    NOT_MINE = "not_mine"
    """It is not about me, or I noticed nothing."""
    THANKS = "thanks"
    DISTRESS = "distress"
    """Danger, despair, anger, law: always for a person."""
    OTHER = "other"
    """Anything else: for a person."""


SECTIONS = frozenset({*Meaning} - {Meaning.OTHER}) | {POLITE}


class Fault(NamedTuple):
    """Something to put right in a file of words."""

    file: str
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words of one language."""

    phrases: Mapping[Phrase, Meaning] = field(default_factory=dict)
    polite: frozenset[Phrase] = frozenset()
    distress: tuple[Phrase, ...] = ()

    def meaning(self, said: Phrase) -> Meaning | None:
        """Return what `said` means, taken whole or without the polite words around it."""
        return self.phrases.get(said) or self.phrases.get(self._bare(said))

    def is_distressed(self, said: Phrase) -> bool:
        """Return whether any sign of distress occurs."""
        return any(_occurs(sign, said) for sign in self.distress)

    def _bare(self, said: Phrase) -> Phrase:
        for size in range(min(len(said) - 1, MOST_POLITE), 0, -1):
            if said[:size] in self.polite:
                return self._bare(said[size:])
            if said[-size:] in self.polite:
                return self._bare(said[:-size])
        return said


def lexicons(folder: Path | None = None) -> dict[str, Lexicon]:
    """Return the words by language: ours, and those of a templates folder added. Faulty lines are left out."""
    read: dict[str, list[tuple[str, Phrase]]] = {}
    for path in _files(folder):
        entries = [(entry.section, entry.phrase) for entry in _entries(path) if isinstance(entry, _Entry)]
        read.setdefault(path.stem.lower(), []).extend(entries)
    return {language: _lexicon(entries) for language, entries in read.items()}


def faults(folder: Path) -> list[Fault]:
    """Return what is wrong with a templates folder's own words."""
    return [fault for path in _own(folder) for fault in _faults(path)]


@dataclass(frozen=True, slots=True)
class _Entry:
    line: int
    section: str
    phrase: Phrase
    text: str


def _files(folder: Path | None) -> list[Path]:
    return [*sorted(OWN.glob("*.txt")), *(_own(folder) if folder else [])]


def _own(folder: Path) -> list[Path]:
    return sorted((folder / FOLDER).glob("*.txt"))


def _lexicon(entries: Iterable[tuple[str, Phrase]]) -> Lexicon:
    phrases: dict[Phrase, Meaning] = {}
    polite: set[Phrase] = set()
    distress: list[Phrase] = []
    for section, phrase in entries:
        if section == POLITE:
            polite.add(phrase)
        elif section == Meaning.DISTRESS:
            distress.append(phrase)
        else:
            phrases.setdefault(phrase, Meaning(section))  # ours come first, and stay what they are
    return Lexicon(phrases, frozenset(polite), tuple(distress))


def _entries(path: Path) -> Iterator[_Entry | Fault]:
    """Yield what a file says, line by line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        yield Fault(str(path), 0, f"cannot be read as UTF-8 text: {error}")
        return
    section = ""
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if text.startswith("[") and text.endswith("]"):
            section = text[1:-1].strip()
            if section not in SECTIONS:
                yield Fault(str(path), number, f"no meaning {section!r}; use {', '.join(sorted(SECTIONS))}")
        elif text and section in SECTIONS:
            yield _entry(path, number, section, text)
        elif text and not section:
            yield Fault(str(path), number, f"{text!r} stands under no heading; write one, as [fixed]")


def _entry(path: Path, number: int, section: str, text: str) -> _Entry | Fault:
    phrase = _phrase(text, section)
    if not phrase:
        return Fault(str(path), number, f"{text!r} has no word in it")
    return _Entry(number, section, phrase, text)


def _phrase(text: str, section: str) -> Phrase:
    if section != Meaning.DISTRESS:
        return words(text)
    parts = [("".join(words(part)), "*" if part.endswith("*") else "") for part in text.split()]
    return tuple(word + ending for word, ending in parts if word)


def _faults(path: Path) -> Iterator[Fault]:
    known = lexicons().get(path.stem.lower(), Lexicon()).phrases
    seen: dict[Phrase, str] = {phrase: str(meaning) for phrase, meaning in known.items()}
    for entry in _entries(path):
        if isinstance(entry, Fault):
            yield entry
        elif entry.section not in (POLITE, Meaning.DISTRESS):
            meant = seen.setdefault(entry.phrase, entry.section)
            if meant != entry.section:
                yield Fault(str(path), entry.line, f"{entry.text!r} means {meant} already; a phrase has one meaning")
            elif entry.section != Meaning.STOP and opt_out(entry.text):
                yield Fault(str(path), entry.line, f"{entry.text!r} is understood as an opt-out first; leave it out")


def _occurs(sign: Phrase, said: Phrase) -> bool:
    width = len(sign)
    return any(all(map(_fits, sign, said[at : at + width])) for at in range(len(said) - width + 1))


def _fits(sign: str, word: str) -> bool:
    return word.startswith(sign[:-1]) if sign.endswith("*") else word == sign
