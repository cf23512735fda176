"""Messages to a channel of Microsoft Teams, as Adaptive Cards, through the webhook of a workflow: that of the template
"Post to a channel when a webhook request is received".

Sources: learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook,
/microsoftteams/platform/task-modules-and-cards/cards/cards-reference; adaptivecards.io/explorer.
"""

import re
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from outreach import guard
from outreach.base import Channel, Message, Outcome, Receipt
from outreach.retry import of_error, of_status

if TYPE_CHECKING:
    import httpx

MAX_BODY = 28_000
"""Bytes of a message that Teams takes."""
CARD = "application/vnd.microsoft.card.adaptive"
SHOWN = 300
REFUSED = re.compile(r"Microsoft Teams endpoint returned HTTP error (\d{3})")
"""What a webhook says with a 200 of a card that Teams did not take."""


class Teams(Channel):
    """Posts a card to the address, which is secret: whoever has it may post.

    A workflow tells no id and knows no repeat, and it answers before Teams has the card: an attempt without an answer
    stays unknown (C18), and what follows a message says so in its words, as there are no threads.
    """

    kind: ClassVar[str] = "teams"
    address: ClassVar[str] = "url"

    def __init__(
        self,
        *,
        timeout: float = 15.0,
        allow_internal: bool = False,
        now: Callable[[], float] = time.time,
        resolve: Callable[[str, int], Sequence[str]] = guard.resolve,
    ) -> None:
        self._timeout, self._internal, self._now, self._resolve = timeout, allow_internal, now, resolve

    @cached_property
    def _client(self) -> "httpx.Client":
        import httpx  # noqa: PLC0415 -- only where used

        # A kept connection would be found again by its IP address, under another host's name and certificate.
        limits = httpx.Limits(max_keepalive_connections=0)
        return httpx.Client(timeout=self._timeout, follow_redirects=False, trust_env=False, limits=limits)

    def send(self, message: Message) -> Receipt:
        """Post one card."""
        import httpx  # noqa: PLC0415

        body = card(message)
        try:
            goal = guard.target(message.to, allow_internal=self._internal, lookup=self._resolve)
        except ValueError as error:
            return Receipt(Outcome.PERMANENT, str(error))
        except OSError as error:
            return Receipt(Outcome.RETRY, f"{message.to}: {error}", code=type(error).__name__)
        headers, extensions = {"host": goal.header}, {"sni_hostname": goal.host}
        try:
            with self._client.stream("POST", goal.url, json=body, headers=headers, extensions=extensions) as answer:
                words = next(answer.iter_bytes(SHOWN), b"").decode("utf-8", "replace")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return of_error(error)
        return self._meaning(message, answer, words)

    def _meaning(self, message: Message, answer: "httpx.Response", words: str) -> Receipt:
        detail = f"HTTP {answer.status_code} {words}".strip()
        receipt = of_status(answer.status_code, answer.headers, detail=detail, now=self._now())
        if receipt.outcome is not Outcome.ACCEPTED:
            return receipt
        if refused := REFUSED.search(words):  # a 200 that says it was not taken
            return of_status(int(refused[1]), detail=detail)
        return Receipt(Outcome.ACCEPTED, detail, provider_id=message.id, code=receipt.code)

    def close(self) -> None:
        """Let go of connections."""
        if "_client" in self.__dict__:
            self._client.close()


def card(message: Message) -> dict[str, Any]:
    """Return the message with its Adaptive Card; the words are text, never markup of ours.

    >>> card(Message("int_1", "", "It works again.", subject="API"))["attachments"][0]["content"]["body"][0]["text"]
    'API'
    """
    text = message.text.encode()[: MAX_BODY // 2].decode("utf-8", "ignore")
    blocks: list[dict[str, Any]] = []
    if message.subject:
        blocks.append(
            {"type": "TextBlock", "text": plain(message.subject), "weight": "Bolder", "size": "Medium", "wrap": True}
        )
    blocks.append({"type": "TextBlock", "text": plain(text), "wrap": True})
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
    }
    return {"type": "message", "attachments": [{"contentType": CARD, "contentUrl": None, "content": content}]}


def plain(text: str) -> str:
    r"""Return a text in which nothing is Markdown for links, pictures or mentions, which a TextBlock would show.

    >>> plain("[our page](https://evil.example) <at>all</at>")
    '\\[our page\\](https://evil.example) &lt;at&gt;all&lt;/at&gt;'
    """
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for sign in ("[", "]", "*", "_"):
        safe = safe.replace(sign, "\\" + sign)
    return safe
