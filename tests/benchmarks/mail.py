"""How fast mail is written, signed and handed in, beside how it would be done with the parts it replaces.

`mime_ratio`: bytes put together by `outreach.mime` over the standard library's EmailMessage; `dkim_ratio`: signing with
RSA of 2048 bits over dkimpy; `smtp_ratio`: over one kept connection to a sink in a process of its own over a connection
for each mail.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import dkim  # type: ignore[import-untyped]  # ships no py.typed
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

if sys.path[0] == str(Path(__file__).parent):
    del sys.path[0]  # a script's own folder comes first, and a benchmark in it is called as a package of ours

from outreach.address import mailbox, sender
from outreach.base import Message, Outcome
from outreach.channels.email import Email
from outreach.dkim import Dkim, Signer
from outreach.mime import letterhead, written
from outreach.render import Templates

TEMPLATES = Path(__file__).parents[2] / "templates"
TO = "ann@example.org"
AT = 1795352700.0
SINK = """
import socket, socketserver
class Talk(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    def handle(self):
        self.wfile.write(b"220 sink\\r\\n")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.wfile.write(b"250-sink\\r\\n250-PIPELINING\\r\\n250 8BITMIME\\r\\n")
            elif verb == b"DATA":
                self.wfile.write(b"354 go on\\r\\n")
                while self.rfile.readline() != b".\\r\\n":
                    pass
                self.wfile.write(b"250 ok\\r\\n")
            elif verb == b"QUIT":
                self.wfile.write(b"221 bye\\r\\n")
                return
            else:
                self.wfile.write(b"250 ok\\r\\n")
with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
"""


def message() -> Message:
    """Return a mail as a customer gets it, text and HTML, some 7 kB."""
    shown = Templates(TEMPLATES).preview("api-errors/notice", "email", "de")
    url = "https://status.example.com/u/" + "abcdefghij" * 20
    return Message("int_1", TO, shown.text, subject=shown.subject, html=shown.html, unsubscribe_url=url)


def rate(work: Callable[[int], object], seconds: float) -> float:
    """Return how many times a second `work` is done, given the number of the time."""
    count, start = 0, time.perf_counter()
    while (took := time.perf_counter() - start) < seconds:
        work(count)
        count += 1
    return count / took


def by_the_standard_library(mail: Message) -> bytes:
    """Write the same mail with EmailMessage."""
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = sender("Example <status@example.com>"), TO, mail.subject
    made["Message-ID"], made["Auto-Submitted"] = "<int_1@example.com>", "auto-generated"
    made.set_content(mail.text, cte="quoted-printable")
    made.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    return made.as_bytes()


def mime(mail: Message, seconds: float) -> dict[str, float]:
    """Measure writing."""
    head, to = letterhead(sender("Example <status@example.com>"), "", "example.com"), mailbox(TO)
    ours = rate(lambda _: written(mail, to, head, AT), seconds)
    return {"mime_per_s": ours, "mime_ratio": ours / rate(lambda _: by_the_standard_library(mail), seconds)}


def signing(mail: Message, seconds: float) -> dict[str, float]:
    """Measure signing."""
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    signer = Signer(Dkim("example.com", "fw", pem.decode()))
    raw = written(mail, mailbox(TO), letterhead(sender("status@example.com"), "", "example.com"), AT)
    ours = rate(lambda _: signer.signed(raw, AT), seconds)
    return {
        "dkim_per_s": ours,
        "dkim_ratio": ours / rate(lambda _: dkim.sign(raw, b"fw", b"example.com", pem), seconds),
    }


def smtp(mail: Message, seconds: float) -> dict[str, float]:
    """Measure handing in."""
    with subprocess.Popen([sys.executable, "-c", SINK], stdout=subprocess.PIPE, text=True) as sink:
        assert sink.stdout is not None
        port = int(sink.stdout.readline())
        try:
            channel = at(port)
            kept = rate(lambda number: handed_in(channel, mail, number), seconds)
            channel.close()
            once = rate(lambda number: alone(port, mail, number), seconds)
        finally:
            sink.terminate()
    return {"sent_per_s": kept, "smtp_ratio": kept / once}


def at(port: int) -> Email:
    """Return a channel to the sink."""
    return Email(host="127.0.0.1", port=port, from_="status@example.com")


def handed_in(channel: Email, mail: Message, number: int) -> None:
    """Send one mail."""
    receipt = channel.send(replace(mail, id=f"int_{number}"))
    if receipt.outcome is not Outcome.ACCEPTED:
        raise SystemExit(f"the sink did not take a mail: {receipt}")


def alone(port: int, mail: Message, number: int) -> None:
    """Send one mail over a connection of its own."""
    channel = at(port)
    handed_in(channel, mail, number)
    channel.close()


def main() -> None:
    """Print one JSON object with `--json`, a table without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each figure")
    asked = parser.parse_args()
    mail = message()
    result = mime(mail, asked.seconds) | signing(mail, asked.seconds) | smtp(mail, asked.seconds)
    if asked.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:12} {value:10,.1f}")


if __name__ == "__main__":
    main()
