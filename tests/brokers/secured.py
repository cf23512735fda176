"""Apache Kafka that lets in only who proves who they are: by password, by token, by certificate."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.brokers.broker import JAVA, apache_jars, free_port, prepare, serving
from tests.brokers.certificates import Authority, Files

USER, PASSWORD = "forewarn", "a-password-of-the-tests"
_MODULES = "org.apache.kafka.common.security"
_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=INSIDE://127.0.0.1:{inside},SASL://127.0.0.1:{sasl},MUTUAL://127.0.0.1:{mutual},ENDED://127.0.0.1:{ended},\
CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=INSIDE:PLAINTEXT,SASL:SASL_SSL,MUTUAL:SSL,ENDED:SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=INSIDE
controller.listener.names=CONTROLLER
log.dirs={folder}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
ssl.truststore.type=PEM
ssl.truststore.location={ca}
ssl.keystore.type=PEM
ssl.keystore.location={store}
listener.name.ended.ssl.keystore.type=PEM
listener.name.ended.ssl.keystore.location={store_ended}
listener.name.mutual.ssl.client.auth=required
listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
listener.name.sasl.plain.sasl.jaas.config={modules}.plain.PlainLoginModule required user_{user}="{password}";
listener.name.sasl.scram-sha-256.sasl.jaas.config={modules}.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config={modules}.scram.ScramLoginModule required;
listener.name.sasl.oauthbearer.sasl.jaas.config={modules}.oauthbearer.OAuthBearerLoginModule required \
unsecuredLoginStringClaim_sub="broker";
"""


@dataclass(frozen=True, slots=True)
class Secured:
    """Where it listens, and who signs."""

    sasl: str
    mutual: str
    """Asks for a certificate."""
    ended: str
    """Shows a certificate that has ended."""
    plain: str
    authority: Authority


@contextmanager
def secured(folder: Path) -> Iterator[Secured]:
    """Run it with its data in `folder`. Raises Missing where Apache Kafka cannot be run."""
    jars, authority = apache_jars(), Authority(folder / "certificates")
    ports = {name: free_port() for name in ("inside", "sasl", "mutual", "ended", "controller")}
    stores = {"store": _store(authority.issue("broker")), "store_ended": _store(authority.issue("old", ended=True))}
    properties = folder / "server.properties"
    who = {"modules": _MODULES, "user": USER, "password": PASSWORD}
    properties.write_text(_PROPERTIES.format(**ports, **stores, **who, ca=authority.ca, folder=folder / "data"))
    known = [f"SCRAM-SHA-{size}=[name={USER},password={PASSWORD}]" for size in (256, 512)]
    prepare(jars, properties, *(option for each in known for option in ("--add-scram", each)))
    with serving([*JAVA, "-cp", f"{jars}/*", "kafka.Kafka", str(properties)], ports["sasl"], folder / "kafka.log"):
        at = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        yield Secured(at["sasl"], at["mutual"], at["ended"], at["inside"], authority)


def token(*, lasts: float = 3600.0) -> str:
    """Return a token that nobody signed (RFC 7515, appendix A.5), which this broker takes as long as it lasts."""
    now = time.time()
    claims = {"sub": USER, "iat": now - 7200.0, "exp": now + lasts}
    return ".".join([_encoded({"alg": "none"}), _encoded(claims), ""])


def _encoded(part: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def _store(files: Files) -> Path:
    """Return key and certificate in one file, as Kafka reads them."""
    store = files.key.with_suffix(".store")
    store.write_bytes(files.key.read_bytes() + files.certificate.read_bytes())
    return store
