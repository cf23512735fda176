"""Words by which a text is told: what turns a service message into advertising (C10), and what says what to do."""

import re
from collections.abc import Mapping

PROMOTION = re.compile(
    r"\b(?:upgrade (?:now|today)|special offer|limited[- ]time|discount\w*|\d+ ?% off|buy now|order now|free trial|"
    r"don't miss|best (?:price|deal)|exclusive (?:deal|offer)|coupon|voucher|promo code|refer a friend|act now|"
    r"save (?:up to )?\d+ ?%|subscribe now|"
    r"jetzt (?:kaufen|upgraden|bestellen|zugreifen|buchen|sichern)|sonderangebot|rabatt\w*|gutschein\w*|"
    r"nur (?:heute|für kurze zeit)|angebot sichern|exklusives angebot|(?:gratis|kostenlos) testen|schnäppchen|"
    r"aktionscode|freunde werben|sparen sie \d+ ?%|\d+ ?% (?:sparen|günstiger))(?!\w)",
    re.IGNORECASE,
)
ACTION: Mapping[str, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:you (?:do not|don't|need|must|can|may|should|will have to)|need to do|nothing (?:for you )?to do|"
        r"no action|please|do nothing)\b",
        re.IGNORECASE,
    ),
    "de": re.compile(
        r"\b(?:(?:müssen|brauchen|können|sollten|dürfen) sie|sie (?:müssen|brauchen|können|sollten|haben nichts)|"
        r"nichts (?:tun|weiter|zu tun)|bitte)\b",
        re.IGNORECASE,
    ),
}
"""By language: what says whether the reader must do anything."""
NEXT: Mapping[str, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:we(?:'ll| will)? (?:write|tell|let you know|confirm|send|call|inform|keep)|as soon as|once it)\b",
        re.IGNORECASE,
    ),
    "de": re.compile(
        r"\b(?:wir (?:melden|schreiben|bestätigen|informieren|sagen|geben|rufen)|sobald)\b", re.IGNORECASE
    ),
}
"""By language: what says that the reader hears more."""


def promotion(text: str) -> str:
    """Return the first promotional words of a text; empty if there are none.

    >>> promotion("Upgrade now and save"), promotion("Your upgrade is complete")
    ('Upgrade now', '')
    """
    found = PROMOTION.search(text)
    return found.group() if found else ""
