"""Whether a broker would let us in, found out before any client is made: kafka-python would go on trying, and say less.

A few requests of Kafka's protocol (https://kafka.apache.org/protocol) tell a broker from what is none, a certificate
that it does not take, a mechanism that it does not know, and a user, a password or a token that it does not believe.
What is said in a mechanism is kafka-python's.
"""

import socket
import ssl
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kafka.errors import KafkaError  # type: ignore[import-untyped]  # has no types
from kafka.net.sasl import get_sasl_mechanism  # type: ignore[import-untyped]

from engine.config.model.log import LogConfig
from engine.errors import ConfigError, Retryable

Api = tuple[int, int]
"""Key and version of a request."""
_API_VERSIONS: Api = (18, 0)
_SASL_HANDSHAKE: Api = (17, 1)
_SASL_AUTHENTICATE: Api = (36, 0)
_HEAD = struct.Struct(">hhih")
"""Key, version, number of the request, and no name of ours."""
_LONGEST = 1 << 20


def greet(server: str, told: LogConfig, options: Mapping[str, Any], timeout: float) -> None:
    """Connect to `server`, come in, and hang up; `options` are those of kafka-python's clients.

    Raises OSError where nobody listens, ConfigError for what only another configuration mends, Retryable where it hangs
    up on us.
    """
    host, _, port = server.rpartition(":")
    name = host.strip("[]")
    with socket.create_connection((name, int(port)), timeout=timeout) as plain:
        if not told.tls:
            _come_in(_Line(plain, server), told.mechanism, options)
            return
        with _encrypted(plain, name, server, told) as encrypted:
            _come_in(_Line(encrypted, server), told.mechanism, options)


def _encrypted(plain: socket.socket, name: str, server: str, told: LogConfig) -> ssl.SSLSocket:
    context = _context(told)
    try:
        return context.wrap_socket(plain, server_hostname=name)
    except ssl.SSLCertVerificationError as error:
        cause = f"its certificate is not to be trusted: {error.verify_message}"
        remedy = "let log.ca name the file of whoever signed it; renew it if it has ended"
        raise ConfigError(cause, place=server, remedy=remedy) from error
    except (ssl.SSLError, ConnectionError) as error:
        cause = f"there is no TLS: {_reason(error)}"
        raise ConfigError(cause, place=server, remedy="name its TLS port in log.kafka, or leave log.tls out") from error


def _context(told: LogConfig) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if told.ca:
        _read(told.ca, "log.ca", lambda: context.load_verify_locations(told.ca))
    else:
        context.load_default_certs()
    if told.certificate:
        _read(told.certificate, "log.certificate", lambda: context.load_cert_chain(told.certificate, told.key))
    return context


def _read(path: str, key: str, load: Callable[[], None]) -> None:
    try:
        load()
    except OSError as error:  # of which those of ssl are some
        raise ConfigError(f"{path} cannot be used: {_reason(error)}", place=key, remedy="name a PEM file") from error


def _come_in(line: "_Line", mechanism: str, options: Mapping[str, Any]) -> None:
    if not mechanism:
        line.ask(_API_VERSIONS, b"")
        return
    name = mechanism.encode()
    answer = line.ask(_SASL_HANDSHAKE, struct.pack(">h", len(name)) + name)
    if _code(answer):
        known = ", ".join(_names(answer)) or "none"
        cause = f"it knows {known}, not {mechanism}"
        raise ConfigError(cause, place=line.server, remedy="set log.mechanism to what it knows")
    try:
        _authenticate(line, get_sasl_mechanism(mechanism)(host=line.server.rpartition(":")[0], **options))
    except (KafkaError, ValueError) as error:
        raise ConfigError(str(error), place=line.server, remedy="check user, password and token") from error


def _authenticate(line: "_Line", mechanism: Any) -> None:
    """Go through a mechanism's words. Raises ValueError for what the broker does not believe."""
    while not mechanism.is_done():
        said = mechanism.auth_bytes()
        answer = line.ask(_SASL_AUTHENTICATE, struct.pack(">i", len(said)) + said)
        message, at = _text(answer, 2)
        if _code(answer):
            raise ValueError(message or "it does not let us in")
        mechanism.receive(answer[at + 4 :])


class _Line:
    """A connection on which requests are answered one by one."""

    def __init__(self, opened: socket.socket, server: str) -> None:
        self.server = server
        self._opened = opened

    def ask(self, api: Api, body: bytes) -> bytes:
        """Return the answer to a request, without its number."""
        request = _HEAD.pack(*api, 1, -1) + body
        try:
            self._opened.sendall(struct.pack(">i", len(request)) + request)
            return self._answer()
        except ssl.SSLError as error:
            cause = f"it does not take our certificate: {_reason(error)}"
            remedy = "let log.certificate and log.key name one that it trusts and that has not ended"
            raise ConfigError(cause, place=self.server, remedy=remedy) from error
        except TimeoutError:
            raise Retryable("it does not answer", place=self.server, remedy="look whether it is a broker") from None
        except ConnectionError as error:
            remedy = "look whether a broker is up there that expects what log.tls and log.mechanism say"
            raise Retryable(f"it hangs up: {error}", place=self.server, remedy=remedy) from error

    def _answer(self) -> bytes:
        (size,) = struct.unpack(">i", self._exactly(4))
        if not 4 < size <= _LONGEST:
            raise ConnectionError("what it says is no answer")
        return self._exactly(size)[4:]

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            part = self._opened.recv(count - len(found))
            if not part:
                raise ConnectionError("without an answer")
            found += part
        return found


def _code(answer: bytes) -> int:
    return int.from_bytes(answer[:2], "big")


def _names(answer: bytes) -> Iterator[str]:
    (count,) = struct.unpack_from(">i", answer, 2)
    at = 6
    for _ in range(count):
        name, at = _text(answer, at)
        yield name


def _text(answer: bytes, at: int) -> tuple[str, int]:
    """Return a text, which may be none, and where it ends."""
    (length,) = struct.unpack_from(">h", answer, at)
    end = at + 2 + max(length, 0)
    return answer[at + 2 : end].decode("utf-8", "replace"), end


def _reason(error: OSError) -> str:
    said = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return str(said or error).replace("_", " ").lower()
