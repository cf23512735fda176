"""From what people type to words that compare: case, accents, punctuation and look-alikes make no difference."""

import unicodedata
from collections.abc import Iterator
from itertools import groupby

_SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "’": "'", "‘": "'", "´": "'", "`": "'"})
"""After case folding, which makes `ss` of `ß`."""
_ALIKE = str.maketrans(
    "абвгеѕзіјкмнорстухԁԛԝһӏαβγεηικνορτυχω",
    "ab8rescijkmhopctyxdqwhlabyenikvoptuxw",
)
"""Cyrillic and Greek letters that look like Latin ones; of Unicode's confusables (UTS 39) those of everyday fonts. Both
sides of a comparison are folded, so words of those scripts still equal themselves."""
_SKIN = range(0x1F3FB, 0x1F400)
"""Modifiers that colour an emoji (UTS 51)."""


def words(text: str) -> tuple[str, ...]:
    """Return the words and symbols of a text, folded; what is repeated at once counts once.

    >>> words("  It's FIXED!! "), words("Läuft wieder…"), words("👍🏽👍"), words("ЅТОР")
    (('its', 'fixed'), ('laeuft', 'wieder'), ('👍',), ('stop',))
    """
    return tuple(part for part, _ in groupby(filter(None, _parts(fold(text)))))


def fold(text: str) -> str:
    """Return a text without case, accents and look-alikes (NFKC first: full-width letters become plain ones).

    >>> fold("ＳＴＯＰ Café süß")
    'stop cafe suess'
    """
    plain = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold()).translate(_SPELLED)
    bare = "".join(char for char in unicodedata.normalize("NFD", plain) if not unicodedata.combining(char))
    return bare.translate(_ALIKE)


def _parts(text: str) -> Iterator[str]:
    """Yield words, and symbols one by one; apostrophes and what nobody sees join, everything else separates."""
    word = ""
    for char in text:
        category = unicodedata.category(char)
        if category[0] in "LN":
            word += char
        elif char == "'" or category in {"Cf", "Mn", "Me"} or ord(char) in _SKIN:
            continue
        else:
            yield word
            word = ""
            if category == "So":
                yield char
    yield word
