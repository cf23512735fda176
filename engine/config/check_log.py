"""What forewarn.yaml says of the log."""

from collections.abc import Iterator

from engine.config.load import MAIN
from engine.config.loaded import Loaded
from engine.config.model.log import MECHANISMS, LogConfig
from engine.config.problems import nearest
from engine.config.secrets import Secret, Unset

COMPRESSIONS = ("gzip", "snappy", "lz4", "zstd", "none")
SHORTEST, LONGEST = 6.0, 300.0
"""Seconds of a session that brokers grant unless they are told otherwise (group.min.session.timeout.ms, …max…)."""
_TOPIC = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
Wrong = tuple[str, str, str]
"""Where, what, and what to do about it."""


def check_log(loaded: Loaded, log: LogConfig) -> None:
    """Note what is wrong with `log`."""
    root = loaded.roots[MAIN].place
    for key, what, remedy in (*_kafka(log), *_security(log)):
        loaded.problems.error(loaded.where(root, "log", key), what, remedy)


def _kafka(log: LogConfig) -> Iterator[Wrong]:
    if not log.kafka and log != LogConfig():
        yield "kafka", "no broker is named", "write kafka: [host:9092], or leave log out"
    for server in log.kafka:
        host, _, port = server.rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            yield "kafka", f'"{server}" is no address', "write host:9092"
    if not log.topic or len(log.topic) > 249 or not set(log.topic) <= _TOPIC:
        yield "topic", f'"{log.topic}" is no name of a topic', "use letters, digits, . _ and -"
    if not log.group.strip():
        yield "group", "workers have no name together", "write group: forewarn"
    if log.replicas < 1:
        yield "replicas", "there is one copy at least", "write 1 for one broker, else 3"
    if log.compression not in COMPRESSIONS:
        yield "compression", f'"{log.compression}" is none', nearest(log.compression, COMPRESSIONS)
    if not SHORTEST <= log.session <= LONGEST:
        yield "session", f"brokers refuse {log.session:g} s", f"write {SHORTEST:g} to {LONGEST:g}"


def _security(log: LogConfig) -> Iterator[Wrong]:
    if log.mechanism and log.mechanism not in MECHANISMS:
        yield "mechanism", f'"{log.mechanism}" is none', nearest(log.mechanism, MECHANISMS)
    if isinstance(log.password, Unset):
        yield "password", log.password.reason, "set it, or leave it out"
    elif log.password and not isinstance(log.password, Secret):
        yield "password", "a password stands here", "write {env: NAME} or {file: PATH}"
    if log.mechanism == "OAUTHBEARER" and not log.token_file:
        yield "token_file", "OAUTHBEARER needs a token", "write token_file: PATH"
    if log.mechanism in MECHANISMS[:3] and not (log.user and log.password):
        yield "user", f"{log.mechanism} needs user and password", "write both"
    if log.mechanism == "PLAIN" and not log.tls:
        yield "tls", "PLAIN sends the password as it is", "write tls: true"
    if bool(log.certificate) != bool(log.key):
        yield "certificate", "certificate and key go together", "write both"
