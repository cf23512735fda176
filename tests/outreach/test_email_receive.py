"""A mail that is posted to us: believed where it is signed as Standard Webhooks, or shows the secret."""

from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from outreach.base import Delivery
from outreach.channels.email import Email
from outreach.inbound import CalledBack, Delivered, ForgedError, Polled, Request
from tests.outreach.fakes import mails

NOW = 1795352700.0
SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = mails.dsn()


def channel(secret: str = SECRET) -> Email:
    return Email(host="127.0.0.1", from_="status@example.com", webhook_secret=secret)


def signed(at: float = NOW, secret: str = SECRET, body: bytes = BODY) -> dict[str, str]:
    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(at, UTC), body.decode())
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(at)), "webhook-signature": signature}


def request(headers: dict[str, str], body: bytes = BODY) -> Request:
    return Request("https://x/hooks/channel/email", headers, body, NOW)


def test_a_channel_is_called_back_and_polled() -> None:
    assert isinstance(channel(), CalledBack)
    assert isinstance(channel(), Polled)
    assert channel().reply("x") is None


def test_a_signed_mail_and_one_with_the_secret_are_believed() -> None:
    rotated = signed() | {"webhook-signature": "v1,b3RoZXI= " + signed()["webhook-signature"]}
    for headers in (signed(), rotated, {"x-forewarn-secret": SECRET}):
        (told,) = channel().receive(request(headers)).told
        assert isinstance(told, Delivered)
        assert (told.state, told.provider_id) == (Delivery.BOUNCED, f"<{mails.ID}>")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-forewarn-secret": "guess"},
        {"x-forewarn-secret": ""},
        signed(NOW - 400),
        signed(NOW + 400),
        signed(secret="whsec_" + "A" * 32),
        signed(body=b"other"),
        signed() | {"webhook-id": "msg_2"},
        signed() | {"webhook-timestamp": "soon"},
        signed() | {"webhook-signature": "v2,xx"},
        signed() | {"webhook-signature": ""},
    ],
)
def test_anything_else_is_forged(headers: dict[str, str]) -> None:
    with pytest.raises(ForgedError, match=r"\w"):
        channel().receive(request(headers))


def test_without_a_secret_nothing_is_believed() -> None:
    for headers in ({}, {"x-forewarn-secret": ""}, signed()):
        with pytest.raises(ForgedError, match="webhook_secret"):
            channel("").receive(request(headers))
    with pytest.raises(ForgedError, match="whsec_"):
        channel("plain words").receive(request(signed()))
