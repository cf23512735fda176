"""Where events are kept that wait for their turn, when that is not a file: Apache Kafka."""

from dataclasses import dataclass

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")


@dataclass(frozen=True, slots=True)
class LogConfig:
    """`log` in forewarn.yaml. Without `kafka` the log is a file in the data folder."""

    kafka: tuple[str, ...] = ()
    """Brokers to begin with, each `host:port`; they name the others."""
    topic: str = "forewarn.events"
    """Made with `events.partitions` partitions where it is not there."""
    group: str = "forewarn"
    """What workers that share the partitions are called together."""
    replicas: int = 3
    """Of the topic, where it is made here."""
    compression: str = "zstd"
    """`gzip`, `snappy`, `lz4`, `zstd` or `none`."""
    tls: bool = False
    ca: str = ""
    """File with the certificates to trust; empty: the machine's."""
    certificate: str = ""
    """File with our own certificate, for brokers that ask for one; and the file of its key."""
    key: str = ""
    mechanism: str = ""
    """How we say who we are: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER; empty: nobody asks."""
    user: str = ""
    password: str = ""
    """`{env: NAME}` or `{file: PATH}`."""
    token_file: str = ""
    """Of OAUTHBEARER: the file with the token, read each time one is needed: whoever renews it writes it there."""
    session: float = 45.0
    """Seconds after which a worker that is not heard of loses its partitions."""
