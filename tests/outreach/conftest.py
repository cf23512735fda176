"""What the tests of channels share: servers on this machine that play the other side."""

from collections.abc import Iterator

import pytest

from tests.outreach.fakes.certificate import Certificate, write
from tests.outreach.fakes.mail import MailServer
from tests.outreach.fakes.pagerduty import FakePagerDuty
from tests.outreach.fakes.slack import FakeSlack
from tests.outreach.fakes.twilio import FakeTwilio


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return write(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def mail_server(certificate: Certificate) -> Iterator[MailServer]:
    """A mail server that offers STARTTLS."""
    with MailServer(tls=certificate.server_context()) as server:
        yield server


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    with FakeTwilio() as server:
        yield server


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as server:
        yield server


@pytest.fixture
def pagerduty() -> Iterator[FakePagerDuty]:
    with FakePagerDuty() as server:
        yield server
