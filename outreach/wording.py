"""Words that turn a service message into advertising (C10), in English and German."""

import re

PROMOTION = re.compile(
    r"\b(?:upgrade (?:now|today)|special offer|limited[- ]time|discount|\d+ ?% off|buy now|free trial|don't miss|"
    r"best price|exclusive (?:deal|offer)|jetzt (?:kaufen|upgraden|bestellen|zugreifen)|sonderangebot|rabatt\w*|"
    r"gutschein\w*|nur für kurze zeit|angebot sichern|exklusives angebot|gratis testen|schnäppchen)\b",
    re.IGNORECASE,
)


def promotion(text: str) -> str:
    """Return the first promotional words of a text; empty if there are none.

    >>> promotion("Upgrade now and save"), promotion("Your upgrade is complete")
    ('Upgrade now', '')
    """
    found = PROMOTION.search(text)
    return found.group() if found else ""
