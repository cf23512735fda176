"""DKIM signatures that another implementation, dkimpy, verifies, and that any change breaks."""

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import dkim  # type: ignore[import-untyped]  # ships no py.typed
import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption
from cryptography.hazmat.primitives.serialization import PrivateFormat as Private
from cryptography.hazmat.primitives.serialization import PublicFormat as Public
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.address import mailbox, sender
from outreach.base import Message, Outcome
from outreach.channels.email import Email
from outreach.dkim import Dkim, Signer, relaxed_body
from outreach.mime import letterhead, written
from tests.outreach.fakes.mail import MailServer

AT = 1795352700.0
RSA = rsa.generate_private_key(65537, 2048)
ED = ed25519.Ed25519PrivateKey.generate()
URL = "https://example.org/u/" + "abcdefghij" * 20
MESSAGE = Message(
    "int_1", "ann@example.org", "Grüße  \n\n .\nx\n\n\n", subject="Guten  Tag – hallo", unsubscribe_url=URL
)


def pem(key: Any, encryption: Any = None) -> str:
    return str(key.private_bytes(Encoding.PEM, Private.PKCS8, encryption or NoEncryption()).decode())


def record(key: Any) -> bytes:
    """Return what is published of a key (RFC 6376, 3.6.1; RFC 8463, 4)."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return b"v=DKIM1; k=ed25519; p=" + base64.b64encode(key.public_key().public_bytes_raw())
    der = key.public_key().public_bytes(Encoding.DER, Public.SubjectPublicKeyInfo)
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(der)


def dns(key: Any) -> Callable[..., bytes | None]:
    def txt(name: bytes, timeout: float = 5) -> bytes | None:
        return record(key) if name == b"fw._domainkey.example.com." else None

    return txt


def signer(key: Any) -> Signer:
    return Signer(Dkim("example.com", "fw", pem(key)))


def mail(**more: Any) -> bytes:
    head = letterhead(sender("Müller <status@example.com>"), "help@example.com", "example.com")
    message = replace(MESSAGE, **more)
    return written(message, mailbox(message.to), head, AT)


def holds(raw: bytes, key: Any) -> bool:
    return bool(dkim.verify(raw, dnsfunc=dns(key)))


@pytest.mark.parametrize("key", [RSA, ED], ids=["rsa", "ed25519"])
@pytest.mark.parametrize("more", [{}, {"html": "<p>Grüße</p>"}, {"text": ""}, {"thread": "<int_0@example.com>"}])
def test_another_implementation_verifies_it(key: Any, more: dict[str, str]) -> None:
    signed = signer(key).signed(mail(**more), AT)
    assert holds(signed, key)
    assert not holds(
        signed, ed25519.Ed25519PrivateKey.generate() if key is ED else rsa.generate_private_key(65537, 1024)
    )


@settings(max_examples=60)
@given(st.text("aé .\r\n\t=-", max_size=80), st.text("aé .\t=?", max_size=200))
def test_whatever_it_says_it_verifies(text: str, subject: str) -> None:
    assert holds(signer(ED).signed(mail(text=text, subject=subject), AT), ED)


def test_c08_the_headers_that_let_a_reader_out_are_signed_and_none_can_be_added() -> None:
    signed = signer(RSA).signed(mail(), AT)
    assert holds(signed, RSA)
    for changed in (
        signed.replace(b"https://example.org/u/", b"https://evil.example/u/"),
        signed.replace(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b""),
        b"List-Unsubscribe: <https://evil.example/>\r\n" + signed,
        b"Subject: other\r\n" + signed,
        b"From: Other <other@example.com>\r\n" + signed,
        b"Reply-To: other@example.com\r\n" + signed,
        signed + b"more\r\n",
    ):
        assert changed != signed
        assert not holds(changed, RSA)


def test_relays_may_refold_headers_and_change_blanks() -> None:
    signed = signer(RSA).signed(mail(), AT)
    assert holds(signed.replace(b"Auto-Submitted: auto", b"Auto-Submitted:   auto") + b"\r\n\r\n", RSA)


@pytest.mark.parametrize(
    ("body", "hashed"), [(b"", b""), (b"\r\n\r\n", b""), (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n")]
)
def test_the_examples_of_the_standard(body: bytes, hashed: bytes) -> None:
    assert relaxed_body(body) == hashed


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "cannot be read"),
        ("no key", "cannot be read"),
        (pem(RSA).replace("A", "B"), "cannot be read"),
        (pem(ED, BestAvailableEncryption(b"x")), "password"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "neither"),
        (pem(dsa.generate_private_key(1024)), "neither"),
    ],
)
def test_a_key_that_cannot_be_used_says_so(key: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"dkim: key.*{words}"):
        Signer(Dkim("example.com", "fw", key))


@pytest.mark.parametrize("wrong", [{"domain": "a b"}, {"domain": ""}, {"selector": "x;y"}, {"selector": "-"}])
def test_names_that_are_none_say_so(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no name for DNS"):
        Signer(replace(Dkim("example.com", "fw", pem(ED)), **wrong))


def test_a_domain_that_is_not_the_senders_is_refused() -> None:
    with pytest.raises(ValueError, match=r"dkim: domain example\.org is not that of the sender"):
        Email(host="127.0.0.1", from_="status@example.com", dkim=Dkim("example.org", "fw", pem(ED)))
    for domain in ("example.com", "mail.example.com", "Example.COM"):
        Email(host="127.0.0.1", from_="status@example.com", dkim=Dkim(domain, "fw", pem(ED)))


def test_mail_leaves_signed() -> None:
    with MailServer() as server:
        dkim_ = Dkim("example.com", "fw", pem(RSA))
        sender_ = Email(host="127.0.0.1", port=server.port, from_="status@example.com", dkim=dkim_, now=lambda: AT)
        assert sender_.send(MESSAGE).outcome is Outcome.ACCEPTED
        sender_.close()
        assert holds(server.mails[0].raw, RSA)
