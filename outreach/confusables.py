"""Addresses that look like another: letters of several scripts in one name, or of one that looks Latin and is not.

After Unicode Technical Standard 39, 5.2: a name passes if it is "highly restrictive", that is of one script, or of
Latin with the scripts that Japanese, Chinese and Korean are written in; and if not all of its letters are ones that
look Latin and are Cyrillic or Greek (4: whole-script confusables; only of these, the two that are used for it).

A letter's script is told by its Unicode name, which begins with it for every alphabet; marks, digits and punctuation
belong to any.
"""

import unicodedata
from collections.abc import Iterator

EAST_ASIAN = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)
LOOKS_LATIN = frozenset("асԁеһіјӏорԛѕԝхуүьαορυνικτγη")
"""Cyrillic and Greek small letters that are drawn as Latin ones are."""


def disguised(name: str) -> str:
    """Return why a name (a label of a domain, the local part of an address) may be taken for another; empty if not.

    >>> disguised("pаypal"), disguised("аррӏе"), disguised("münchen"), disguised("例えばtest")
    ('mixes letters of CYRILLIC and LATIN', 'looks Latin and is CYRILLIC', '', '')
    """
    if name.isascii():
        return ""  # all of its letters are Latin
    plain = unicodedata.normalize("NFKC", name).casefold()
    scripts = {script for letter in plain if (script := _script(letter))}
    if len(scripts) > 1 and not any(scripts <= allowed for allowed in EAST_ASIAN):
        return f"mixes letters of {' and '.join(sorted(scripts))}"
    letters = {letter for letter in plain if letter.isalpha()}
    if letters and scripts <= {"CYRILLIC", "GREEK"} and letters <= LOOKS_LATIN:
        return f"looks Latin and is {scripts.pop()}"
    return ""


def disguised_host(host: str) -> str:
    """Return why a host name may be taken for another; its labels may be in ASCII (`xn--…`).

    >>> disguised_host("xn--pypal-4ve.com"), disguised_host("xn--mnchen-3ya.example")
    ('mixes letters of CYRILLIC and LATIN', '')
    """
    if host.isascii() and "xn--" not in host.lower():
        return ""
    return next((cause for label in _labels(host) if (cause := disguised(label))), "")


def _labels(host: str) -> Iterator[str]:
    for label in host.split("."):
        try:
            yield label[4:].encode("ascii").decode("punycode") if label.lower().startswith("xn--") else label
        except UnicodeError:
            yield label


def _script(letter: str) -> str:
    if not letter.isalpha():
        return ""
    first = unicodedata.name(letter, "UNKNOWN").partition(" ")[0].partition("-")[0]
    return "" if first == "MODIFIER" else first
