"""How many text messages a text takes: GSM 03.38 (7 bit) or UCS-2, as 3GPP TS 23.038 and TS 23.040 count."""

from typing import NamedTuple

GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = frozenset("\f^{}\\[~]|€")
"""Characters that take two places."""


PLAIN = str.maketrans({"\u00a0": " ", "\u202f": " ", "–": "-", "—": "-", "‘": "'", "’": "'", "‚": "'", "“": '"',
                       "”": '"', "„": '"', "…": "...", "−": "-", "·": "-", "•": "-"})  # fmt: skip
"""What typography writes that GSM has no letter for, and what says the same."""


class Segments(NamedTuple):
    """What a text costs: how many messages, in which alphabet, and the characters that forced UCS-2."""

    messages: int
    alphabet: str
    outside: str


def segments(text: str) -> Segments:
    """Count the messages a text is split into.

    >>> segments("a" * 161)
    Segments(messages=2, alphabet='GSM-7', outside='')
    >>> segments("naïve")
    Segments(messages=1, alphabet='UCS-2', outside='ï')
    """
    outside = "".join(sorted(set(text) - GSM - GSM_EXTENDED))
    if outside:
        units = len(text.encode("utf-16-be")) // 2
        return Segments(_split(units, 70, 67), "UCS-2", outside)
    units = len(text) + sum(char in GSM_EXTENDED for char in text)
    return Segments(_split(units, 160, 153), "GSM-7", "")


def plain(text: str) -> str:
    """Return the text without the typography that would turn it, at twice the price, into UCS-2.

    >>> segments(plain("12\u00a0% – “so far”")).alphabet
    'GSM-7'
    """
    return text.translate(PLAIN)


def _split(units: int, whole: int, part: int) -> int:
    return 1 if units <= whole else -(-units // part)
