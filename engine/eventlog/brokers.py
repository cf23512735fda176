"""How Kafka's brokers are reached, and what their errors call for."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import errors  # type: ignore[import-untyped]  # has no types
from kafka.net.sasl.oauth import AbstractTokenProvider  # type: ignore[import-untyped]

from engine.config.model.log import LogConfig
from engine.errors import ConfigError, ForewarnError, Retryable
from engine.eventlog.handshake import greet

AWAY = 5000
"""Milliseconds after which one tries again, at most, to reach a broker that was long away."""
_LOOK = "look whether the brokers run and can be reached"
_REFUSED = (
    errors.AuthorizationError, errors.SaslAuthenticationFailedError, errors.UnsupportedSaslMechanismError,
    errors.IllegalSaslStateError, errors.KafkaConfigurationError, errors.InvalidTopicError,
)  # fmt: skip


class _TokenFile(AbstractTokenProvider):  # type: ignore[misc]  # has no types
    """Gives the token that stands in a file now."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def token(self) -> str:
        return self._path.read_text().strip()


@dataclass(frozen=True, slots=True)
class Brokers:
    """Where brokers are, and how one proves who one is; what is not said is as `LogConfig` has it."""

    servers: Sequence[str]
    security: LogConfig = LogConfig()

    @property
    def place(self) -> str:
        """How errors call them."""
        return f"kafka {', '.join(self.servers)}"

    def reach(self, timeout: float) -> None:
        """Connect to one of them, and hang up. Raises Retryable when none can be reached within `timeout` seconds each.

        A client of kafka-python would go on trying for half a minute, and leave its sockets open. Raises ConfigError
        for what trying again does not mend: certificates, mechanism, a token that cannot be read.
        """
        _check_token(self.security)
        refused = []
        for server in self.servers:
            try:
                greet(server, self.security, self.options(), timeout)
            except OSError as error:
                refused.append(error.strerror or str(error))
            except Retryable as error:
                refused.append(error.line())
            else:
                return
        raise Retryable(", ".join(refused), place=self.place, remedy=_LOOK)

    def options(self) -> Mapping[str, Any]:
        """Return what each client of kafka-python is told; files are relative to the working folder."""
        told = self.security
        security = f"{'SASL_' if told.mechanism else ''}{'SSL' if told.tls else 'PLAINTEXT'}"
        return {
            "bootstrap_servers": list(self.servers),
            "security_protocol": security,
            "ssl_cafile": told.ca or None,
            "ssl_certfile": told.certificate or None,
            "ssl_keyfile": told.key or None,
            "sasl_mechanism": told.mechanism or None,
            "sasl_plain_username": told.user or None,
            "sasl_plain_password": str(told.password) or None,
            "reconnect_backoff_max_ms": AWAY,
            "sasl_oauth_token_provider": _TokenFile(Path(told.token_file)) if told.token_file else None,
        }


def _check_token(told: LogConfig) -> None:
    """Raise ConfigError where the file of the token cannot be read, or holds none."""
    if told.mechanism != "OAUTHBEARER":
        return
    try:
        found = Path(told.token_file).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        cause = f"{told.token_file} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}"
        raise ConfigError(cause, place="log.token_file", remedy="name the file with the token") from error
    if not found:
        cause = f"{told.token_file} is empty"
        raise ConfigError(cause, place="log.token_file", remedy="let whoever renews the token write it there")


@contextmanager
def failures(place: str) -> Iterator[None]:
    """Raise kafka-python's errors as ours, naming `place`."""
    try:
        yield
    except errors.KafkaError as error:
        raise translate(error, place) from error


def translate(error: errors.KafkaError, place: str) -> ForewarnError:
    """Return the error named for the reaction it calls for (https://kafka.apache.org/protocol.html#protocol_error_codes).

    >>> translate(errors.KafkaTimeoutError("no answer"), "kafka a:9092").line()
    'kafka a:9092: KafkaTimeoutError: no answer; look whether the brokers run and can be reached'
    """
    cause = str(error) or type(error).__name__
    cause = cause if type(error).__name__ in cause else f"{type(error).__name__}: {cause}"
    if isinstance(error, _REFUSED):
        return ConfigError(cause, place=place, remedy="check user, password, rights and the topic's name")
    if isinstance(error, errors.CorruptRecordError):
        remedy = "let another replica lead the partition, or delete its records up to there"
        return ForewarnError(cause, place=place, remedy=remedy)
    if error.retriable or isinstance(error, errors.BrokerNotAvailableError):
        return Retryable(cause, place=place, remedy=_LOOK)
    return ForewarnError(cause, place=place)
