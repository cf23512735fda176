"""The words of the pages for customers, by language."""

from collections.abc import Mapping
from typing import Final

from engine.web.customers.english import ENGLISH
from engine.web.customers.german import GERMAN

LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "de": "Deutsch"}
"""What a person can choose from."""


def words(locale: str) -> Mapping[str, str]:
    """Return the words for a locale; English where there are no others.

    >>> words("de_AT")["lang"], words("fr")["lang"], words("")["lang"]
    ('de', 'en', 'en')
    """
    return GERMAN if locale.lower().startswith("de") else ENGLISH
