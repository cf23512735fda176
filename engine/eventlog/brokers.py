"""How Kafka's brokers are reached, and what their errors call for."""

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import errors  # type: ignore[import-untyped]  # has no types

from engine.errors import ConfigError, ForewarnError, Retryable

_LOOK = "look whether the brokers run and can be reached"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
_REFUSED = (
    errors.AuthorizationError, errors.SaslAuthenticationFailedError, errors.UnsupportedSaslMechanismError,
    errors.IllegalSaslStateError, errors.KafkaConfigurationError, errors.InvalidTopicError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Brokers:
    """Where brokers are, and how one proves who one is."""

    servers: Sequence[str]
    tls: bool = False
    ca: str | None = None
    """File with the certificates to trust; None: the machine's."""
    certificate: str | None = None
    """File with our own certificate, for brokers that ask for one, and of its key."""
    key: str | None = None
    mechanism: str | None = None
    """One of `MECHANISMS`; None: nobody asks who we are."""
    user: str = ""
    password: str = ""
    token: Any = None
    """Of OAUTHBEARER: what gives a token when asked (`kafka.net.sasl.oauth.AbstractTokenProvider`)."""

    @property
    def place(self) -> str:
        """How errors call them."""
        return f"kafka {', '.join(self.servers)}"

    def reach(self, timeout: float) -> None:
        """Connect to one of them, and hang up. Raises Retryable when none can be reached within `timeout` seconds each.

        A client of kafka-python would go on trying for half a minute, and leave its sockets open.
        """
        refused = []
        for server in self.servers:
            host, _, port = server.rpartition(":")
            try:
                socket.create_connection((host.strip("[]"), int(port)), timeout=timeout).close()
            except OSError as error:
                refused.append(error.strerror or str(error))
            else:
                return
        raise Retryable(", ".join(refused), place=self.place, remedy=_LOOK)

    def options(self) -> Mapping[str, Any]:
        """Return what each client of kafka-python is told."""
        security = f"{'SASL_' if self.mechanism else ''}{'SSL' if self.tls else 'PLAINTEXT'}"
        return {
            "bootstrap_servers": list(self.servers),
            "security_protocol": security,
            "ssl_cafile": self.ca,
            "ssl_certfile": self.certificate,
            "ssl_keyfile": self.key,
            "sasl_mechanism": self.mechanism,
            "sasl_plain_username": self.user or None,
            "sasl_plain_password": self.password or None,
            "sasl_oauth_token_provider": self.token,
        }


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
    if error.retriable or isinstance(error, errors.BrokerNotAvailableError):
        return Retryable(cause, place=place, remedy=_LOOK)
    return ForewarnError(cause, place=place)
