"""Messages to a customer's own system: HTTP requests signed as Standard Webhooks 1.0 says (standardwebhooks.com)."""

import base64
import binascii
import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from standardwebhooks import Webhook as Signer

from outreach import guard
from outreach.base import Channel, Message, Outcome, Receipt
from outreach.retry import of_error, of_status

if TYPE_CHECKING:
    import httpx

MAX_BODY = 20_000
SHOWN = 300


class Webhook(Channel):
    """Posts JSON to the address; only 2xx is success, 410 ends it for good, redirects are not followed.

    `webhook-id` is the outbox id and the body the same for each attempt, so the receiver recognises a repeat: an
    attempt without an answer is UNKNOWN, and `find` says that it may be repeated.
    """

    kind: ClassVar[str] = "webhook"
    address: ClassVar[str] = "url"

    def __init__(
        self,
        *,
        secret: str = "",
        secrets: list[str] | None = None,
        timeout: float = 15.0,
        allow_internal: bool = False,
        now: Callable[[], float] = time.time,
        resolve: Callable[[str, int], Sequence[str]] = guard.resolve,
    ) -> None:
        """`secrets` in place of `secret` signs with each of them, while a new one is brought in."""
        given = secrets or ([secret] if secret else [])
        if not given:
            raise ValueError("give a secret (whsec_…), or several as secrets")
        self._signers = _signers(given)
        self._timeout, self._internal, self._now, self._resolve = timeout, allow_internal, now, resolve

    @cached_property
    def _client(self) -> "httpx.Client":
        import httpx  # noqa: PLC0415 -- only where used

        # A kept connection would be found again by its IP address, under another host's name and certificate.
        limits = httpx.Limits(max_keepalive_connections=0)
        return httpx.Client(timeout=self._timeout, follow_redirects=False, trust_env=False, limits=limits)

    def send(self, message: Message) -> Receipt:
        """Post one message."""
        try:
            body = payload(message)
            signers = _signers(message.secrets) if message.secrets else self._signers
            goal = guard.target(message.to, allow_internal=self._internal, lookup=self._resolve)
        except (TypeError, ValueError) as error:
            return Receipt(Outcome.PERMANENT, str(error))
        except OSError as error:
            return Receipt(Outcome.RETRY, f"{message.to}: {error}", code=type(error).__name__)
        return self._post(goal, message.id, body, signers)

    def find(self, message: Message) -> Receipt:
        """Answer that a repeat does no harm: the receiver knows it by its webhook-id."""
        return Receipt(Outcome.RETRY, "safe to repeat: the receiver knows it by its webhook-id")

    def close(self) -> None:
        """Let go of connections."""
        if "_client" in self.__dict__:
            self._client.close()

    def _post(self, goal: guard.Target, id_: str, body: str, signers: Sequence[Signer]) -> Receipt:
        import httpx  # noqa: PLC0415

        headers = {**self.signed(id_, body, signers), "host": goal.header, "content-type": "application/json"}
        extensions = {"sni_hostname": goal.host}
        try:
            with self._client.stream("POST", goal.url, content=body, headers=headers, extensions=extensions) as answer:
                words = next(answer.iter_bytes(SHOWN), b"").decode("utf-8", "replace")
                return self._meaning(answer, id_, words)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return of_error(error)

    def signed(self, id_: str, body: str, signers: Sequence[Signer]) -> dict[str, str]:
        """Return the three headers of Standard Webhooks, signed now with every secret."""
        at = datetime.fromtimestamp(int(self._now()), UTC)
        signatures = " ".join(signer.sign(id_, at, body) for signer in signers)
        stamp = str(int(at.timestamp()))
        return {"webhook-id": id_, "webhook-timestamp": stamp, "webhook-signature": signatures}

    def _meaning(self, answer: "httpx.Response", id_: str, words: str) -> Receipt:
        detail = f"HTTP {answer.status_code} {words}".strip()
        receipt = of_status(answer.status_code, answer.headers, detail=detail, idempotent=True, now=self._now())
        return Receipt(
            receipt.outcome,
            receipt.detail,
            provider_id=id_ if receipt.outcome is Outcome.ACCEPTED else "",
            code=receipt.code,
            retry_after=receipt.retry_after,
            suppress=answer.status_code == 410,
        )


def payload(message: Message) -> str:
    """Return the body, the same for each attempt. ValueError or TypeError: it is too long, or no JSON."""
    spoken = {
        "subject": message.subject,
        "text": message.text,
        "purpose": message.purpose,
        "thread": message.thread,
        "unsubscribe_url": message.unsubscribe_url,
    }
    data = {**{name: value for name, value in spoken.items() if value}, **message.data}
    told = {"type": f"forewarn.{message.topic}", "data": data}
    body = json.dumps(told, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    if (length := len(body.encode())) > MAX_BODY:
        raise ValueError(f"the body has {length} bytes, {MAX_BODY} are allowed")
    return body


def _signers(secrets: Sequence[str]) -> list[Signer]:
    return [Signer(_key(each)) for each in secrets]


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("a secret is whsec_ and base64") from error
    if not 24 <= len(key) <= 64:
        raise ValueError(f"a secret has 24 to 64 bytes, this one has {len(key)}")
    return key
