"""What somebody who answers a message with STOP means (C2; 47 CFR 64.1200(a)(10))."""

import re
from typing import Literal

ENGLISH = ("stop", "stopall", "quit", "end", "revoke", "optout", "cancel", "unsubscribe")
GERMAN = ("stopp", "ende", "abbestellen", "abmelden", "austragen", "kündigen", "beenden", "widerruf")
STOP = frozenset((*ENGLISH, *GERMAN))
"""The words that opt out by themselves, English and German, without blanks and punctuation."""
LIKELY = re.compile(
    r"\b(?:stop|unsubscribe|opt(?:ing)?[ -]?out|remove me|leave me alone|no more (?:texts?|messages?|sms)|"
    r"(?:do not|don'?t|never|quit|stop) (?:\w+ ){0,2}(?:text|message|contact|sms|write|send)\w*|wrong number|"
    r"take me off|not interested|revoke|cancel|"
    r"keine (?:weiteren )?(?:sms|nachrichten|mails?)|"
    r"nicht mehr (?:\w+ ){0,2}(?:schreiben|senden|schicken|kontaktieren)|"
    r"abmelden|abbestellen|austragen|stopp|lass(?:t|en sie)? mich|löschen sie|widerruf\w*|falsche nummer|aufhören)\b",
    re.IGNORECASE,
)


def opt_out(text: str) -> Literal["stop", "unclear"] | None:
    """Return `stop` for a plain opt-out, `unclear` for what may be one (suspend, and let a person read it), else None.

    >>> opt_out(" Stop! "), opt_out("OPT-OUT"), opt_out("please don't text me again"), opt_out("Thanks!")
    ('stop', 'stop', 'unclear', None)
    """
    plain = text.replace("’", "'").casefold()
    if re.sub(r"[\W_]+", "", plain) in STOP:
        return "stop"
    return "unclear" if LIKELY.search(plain) else None
