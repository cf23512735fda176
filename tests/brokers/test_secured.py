"""TLS and SASL against Apache Kafka: each way in works, and each way that does not says why and what to do."""

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from engine.config.model.log import LogConfig
from engine.config.secrets import Secret
from engine.errors import ConfigError, ForewarnError, Retryable
from engine.eventlog.brokers import Brokers
from engine.eventlog.kafka import KafkaLog
from engine.eventlog.kafka_letters import KafkaDeadLetters
from tests.brokers.broker import Missing
from tests.brokers.certificates import Authority
from tests.brokers.secured import PASSWORD, USER, Secured, secured, token
from tests.contracts.test_deadletters import letter
from tests.contracts.test_eventlog import batch, events, lines
from tests.ran import ran

TOPICS = itertools.count()
BY_PASSWORD = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Only Apache Kafka knows SASL; noida-db does not."""
    with ExitStack() as stack:
        try:
            started = stack.enter_context(secured(tmp_path_factory.mktemp("secured")))
        except Missing as error:
            pytest.skip(f"apache: {error}")
        ran("Apache Kafka with TLS and SASL")
        yield started


def told(broker: Secured, mechanism: str = "", **more: Any) -> LogConfig:
    given = {"tls": True, "ca": str(broker.authority.ca), "mechanism": mechanism}
    if mechanism in BY_PASSWORD:
        given |= {"user": USER, "password": Secret(PASSWORD)}
    return LogConfig(**{**given, **more})


def used(server: str, security: LogConfig) -> None:
    """Write to a topic and read it, join a group, keep a dead letter."""
    brokers, topic = Brokers([server], security), f"secured-{os.getpid()}-{next(TOPICS)}"
    with closing(KafkaLog(brokers, topic, timeout=10.0)) as log:
        log.append([batch(0, 3)])
        assert events(log.read(0, 0, 10)) == lines(0, 3).split(b"\n")
        log.commit("ours", 0, log.end(0))
        with closing(log.join("workers", "one")):
            pass
    with closing(KafkaDeadLetters(brokers, f"{topic}.dead", timeout=10.0)) as letters:
        letters.add([letter(1)])
        assert sum(letters.counts().values()) == 1


def refused(server: str, security: LogConfig) -> ForewarnError:
    with pytest.raises(ForewarnError) as caught:
        used(server, security)
    return caught.value


@pytest.mark.parametrize("mechanism", BY_PASSWORD)
def test_by_password(broker: Secured, mechanism: str) -> None:
    used(broker.sasl, told(broker, mechanism))


def test_by_token(broker: Secured, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(token())
    used(broker.sasl, told(broker, "OAUTHBEARER", token_file=str(path)))


def test_by_certificate(broker: Secured) -> None:
    ours = broker.authority.issue("client")
    used(broker.mutual, told(broker, certificate=str(ours.certificate), key=str(ours.key)))


@pytest.mark.parametrize("mechanism", BY_PASSWORD)
def test_a_wrong_password(broker: Secured, mechanism: str) -> None:
    error = refused(broker.sasl, told(broker, mechanism, password=Secret("another-password")))
    assert isinstance(error, ConfigError)
    assert "check user, password and token" in error.line()
    assert "another-password" not in error.line()


def test_a_token_that_has_ended(broker: Secured, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(token(lasts=-3600.0))
    assert isinstance(refused(broker.sasl, told(broker, "OAUTHBEARER", token_file=str(path))), ConfigError)


def test_a_mechanism_that_the_broker_has_not(broker: Secured) -> None:
    error = refused(broker.sasl, LogConfig(tls=True, ca=str(broker.authority.ca), mechanism="GSSAPI"))
    assert isinstance(error, ConfigError)
    assert "not GSSAPI" in error.cause
    assert "PLAIN" in error.cause


def test_another_authority(broker: Secured, tmp_path: Path) -> None:
    error = refused(broker.sasl, told(broker, "PLAIN", ca=str(Authority(tmp_path / "other").ca)))
    assert isinstance(error, ConfigError)
    assert "not to be trusted" in error.cause
    assert "log.ca" in error.remedy


def test_a_broker_whose_certificate_has_ended(broker: Secured) -> None:
    error = refused(broker.ended, told(broker))
    assert isinstance(error, ConfigError)
    assert "expired" in error.cause
    assert "renew it" in error.remedy


def test_a_client_whose_certificate_has_ended(broker: Secured) -> None:
    ours = broker.authority.issue("late", ended=True)
    error = refused(broker.mutual, told(broker, certificate=str(ours.certificate), key=str(ours.key)))
    assert isinstance(error, ConfigError)
    assert "log.certificate" in error.remedy


def test_a_client_without_a_certificate_where_one_is_asked_for(broker: Secured) -> None:
    error = refused(broker.mutual, told(broker))
    assert isinstance(error, ConfigError)
    assert "log.certificate" in error.remedy


def test_a_client_whose_certificate_somebody_else_signed(broker: Secured, tmp_path: Path) -> None:
    ours = Authority(tmp_path / "other").issue("client")
    error = refused(broker.mutual, told(broker, certificate=str(ours.certificate), key=str(ours.key)))
    assert isinstance(error, ConfigError)
    assert "log.certificate" in error.remedy


def test_tls_where_there_is_none(broker: Secured) -> None:
    error = refused(broker.plain, told(broker))
    assert isinstance(error, ConfigError)
    assert "leave log.tls out" in error.remedy


def test_no_tls_where_there_is_some(broker: Secured) -> None:
    error = refused(broker.sasl, LogConfig())
    assert isinstance(error, Retryable)
    assert "log.tls" in error.line()
