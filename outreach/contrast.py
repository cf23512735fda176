"""Whether text can be read on its ground: WCAG 2.2, success criterion 1.4.3 (level AA)."""

import re
from collections.abc import Mapping
from typing import NamedTuple

ENOUGH, ENOUGH_LARGE = 4.5, 3.0
"""The least contrast of text, and of large text (from 24 px, or 18.66 px where bold)."""
NAMED: Mapping[str, str] = {
    "black": "#000000", "silver": "#c0c0c0", "gray": "#808080", "grey": "#808080", "white": "#ffffff",
    "maroon": "#800000", "red": "#ff0000", "purple": "#800080", "fuchsia": "#ff00ff", "green": "#008000",
    "lime": "#00ff00", "olive": "#808000", "yellow": "#ffff00", "navy": "#000080", "blue": "#0000ff",
    "teal": "#008080", "aqua": "#00ffff", "orange": "#ffa500", "darkgray": "#a9a9a9", "lightgray": "#d3d3d3",
    "whitesmoke": "#f5f5f5",
}  # fmt: skip
_HEX = re.compile(r"#(?:[0-9a-f]{6}|[0-9a-f]{3})")
_RGB = re.compile(r"rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)\s*(?:[,/]\s*1(?:\.0*)?\s*)?\)")


class Colour(NamedTuple):
    """Red, green and blue, from 0 to 255."""

    red: int
    green: int
    blue: int

    @property
    def luminance(self) -> float:
        """Relative luminance, from 0 to 1."""
        parts = [part / 255 for part in self]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def colour(text: str) -> Colour | None:
    """Return the colour that a CSS value names; None for one that cannot be judged (transparent, a name not known).

    >>> colour("#0b5394"), colour("RGB(1, 2, 3)"), colour("transparent")
    (Colour(red=11, green=83, blue=148), Colour(red=1, green=2, blue=3), None)
    """
    written = text.strip().lower()
    written = NAMED.get(written, written)
    if match := _RGB.fullmatch(written):
        return Colour(*(min(int(part), 255) for part in match.groups()))
    if not _HEX.fullmatch(written):
        return None
    digits = written[1:] if len(written) == 7 else "".join(2 * digit for digit in written[1:])
    return Colour(*(int(digits[at : at + 2], 16) for at in (0, 2, 4)))


def ratio(text: Colour, ground: Colour) -> float:
    """Return the contrast of two colours, from 1 to 21.

    >>> round(ratio(Colour(0, 0, 0), Colour(255, 255, 255)), 2)
    21.0
    """
    light, dark = sorted((text.luminance, ground.luminance), reverse=True)
    return (light + 0.05) / (dark + 0.05)
