"""Mails as servers, providers and people send them back."""

ID = "int_1@example.com"
"""Of the mail of ours that they are about."""
ANN = "ann@example.org"


def lines(text: str) -> bytes:
    return text.strip().replace("\n", "\r\n").encode() + b"\r\n"


ORIGINAL = f"""From: Example <status@example.com>
To: {ANN}
Subject: Some of your calls fail
Message-ID: <{ID}>
"""


def dsn(
    status: str = "5.1.1",
    action: str = "failed",
    diagnostic: str = "smtp; 550 5.1.1 no such user",
    *,
    envelope: str = "",
    original: str = ORIGINAL,
    kind: str = "text/rfc822-headers",
    recipients: str = f"Final-Recipient: rfc822; {ANN}",
) -> bytes:
    """Return a delivery status notification as Postfix writes it."""
    named = f"Original-Envelope-Id: {envelope}\n" if envelope else ""
    returned = f"--b1\nContent-Type: {kind}\n\n{original}\n" if original else ""
    return lines(f"""Return-Path: <>
From: MAILER-DAEMON@mx.example.org (Mail Delivery System)
To: status@example.com
Subject: Undelivered Mail Returned to Sender
Message-ID: <20250303090000.ABC@mx.example.org>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org
{named}Arrival-Date: Mon, 3 Mar 2025 09:00:00 +0000

{recipients}
Action: {action}
Status: {status}
Diagnostic-Code: {diagnostic}

{returned}--b1--
""")


def complaint(kind: str = "abuse", *, recipient: str = f"Original-Rcpt-To: <{ANN}>", original: str = ORIGINAL) -> bytes:
    """Return a feedback report as RFC 5965, appendix B, shows it."""
    return lines(f"""From: <abusedesk@provider.example>
To: <abuse@example.com>
Subject: FW: Some of your calls fail
Message-ID: <8787KJKJ3K4J3K4J3K4J3.mail@provider.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b2"

--b2
Content-Type: text/plain; charset="US-ASCII"

This is an email abuse report for an email message received from 192.0.2.1.

--b2
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: SomeGenerator/1.0
Version: 1
{recipient}
Received-Date: Thu, 8 Mar 2025 14:00:00 EDT
Source-IP: 192.0.2.1

--b2
Content-Type: message/rfc822
Content-Disposition: inline

{original}
Hello Ann

--b2--
""")


def answer(
    text: str = "It works again, thanks!", *, more: str = f"In-Reply-To: <{ID}>", sender: str = f"Ann <{ANN}>"
) -> bytes:
    """Return a person's answer, which quotes what it answers."""
    head = f"""From: {sender}
To: Example <status@example.com>
Subject: Re: Some of your calls fail
Message-ID: <CAF1@mail.example.org>
{more}
MIME-Version: 1.0
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: 8bit
"""
    quoted = "On Mon, 3 Mar 2025 at 10:00, Example\n<status@example.com> wrote:\n\n> Hello Ann,\n> some calls fail.\n"
    return lines(head.replace("\n\n", "\n") + f"\n{text}\n\n{quoted}")


QMAIL = lines(f"""Return-Path: <>
From: MAILER-DAEMON@mx.example.org
To: status@example.com
Subject: failure notice
Message-ID: <q1@mx.example.org>

Hi. This is the qmail-send program at mx.example.org.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{ANN}>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

Return-Path: <status@example.com>
{ORIGINAL}
Hello Ann
""")

EXIM = lines(f"""Return-path: <>
From: Mail Delivery System <Mailer-Daemon@mx.example.org>
To: status@example.com
X-Failed-Recipients: {ANN}
Auto-Submitted: auto-replied
Subject: Mail delivery failed: returning message to sender
Message-Id: <E1x@mx.example.org>

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {ANN}
    mailbox is full: quota exceeded

------ This is a copy of the message, including all the headers. ------

{ORIGINAL}
Hello Ann
""")

EXIM_WARNING = lines(f"""Return-path: <>
From: Mail Delivery System <Mailer-Daemon@mx.example.org>
To: status@example.com
Subject: Warning: message delayed 24 hours
Message-Id: <E1y@mx.example.org>

This message was created automatically by mail delivery software.
A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on mx.example.org.

The address to which the message has not yet been delivered is:

  {ANN}

No action is required on your part.
Message identifier: {ID}
""")

VACATION = lines(f"""From: Ann <{ANN}>
To: status@example.com
Subject: Out of office
Message-ID: <v1@mail.example.org>
In-Reply-To: <{ID}>
Auto-Submitted: auto-replied (vacation)

I am away until Monday. Please stop by then.
""")
