"""A self-signed certificate for 127.0.0.1, made here: no test needs a tool or a key in a file (RFC 5280, 8017)."""

import base64
import hashlib
import math
import random
import ssl
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Certificate(NamedTuple):
    """PEM files: the certificate, which is its own authority, and its key."""

    certificate: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """Return the context of a server that shows this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def write(folder: Path) -> Certificate:
    """Write a certificate valid from 2020 to 2049 for 127.0.0.1 and localhost."""
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    certificate, key = _make()
    made.certificate.write_text(_pem("CERTIFICATE", certificate))
    made.key.write_text(_pem("RSA PRIVATE KEY", key))
    return made


@cache
def _make() -> tuple[bytes, bytes]:
    p, q = (_prime(random.Random(seed), 1024) for seed in (1, 2))
    n, e = p * q, 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    private = _sequence(*(_integer(x) for x in (0, n, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))))
    body = _body(_sequence(_integer(n), _integer(e)))
    return _sequence(body, ALGORITHM, _bits(_sign(body, n, d))), private


def _sign(body: bytes, n: int, d: int) -> bytes:
    digest = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(body).digest()
    padded = b"\x00\x01" + b"\xff" * (256 - 3 - len(digest)) + b"\x00" + digest
    return pow(int.from_bytes(padded), d, n).to_bytes(256)


def _body(public: bytes) -> bytes:
    name = _sequence(_tlv(0x31, _sequence(_oid("550403"), _tlv(0x0C, b"localhost"))))
    validity = _sequence(_tlv(0x17, b"200101000000Z"), _tlv(0x17, b"491231235959Z"))
    key = _sequence(_sequence(_oid("2a864886f70d010101"), _tlv(5, b"")), _bits(public))
    version, serial = _tlv(0xA0, _integer(2)), _integer(1)
    return _sequence(version, serial, ALGORITHM, name, validity, name, key, _tlv(0xA3, _extensions(public)))


def _extensions(public: bytes) -> bytes:
    key_id = hashlib.sha256(public).digest()[:20]
    names = _sequence(_tlv(0x82, b"localhost"), _tlv(0x87, bytes([127, 0, 0, 1])))
    return _sequence(
        _extension("551d13", _sequence(_tlv(1, b"\xff")), critical=True),
        _extension("551d0f", _tlv(3, b"\x02\xa4"), critical=True),
        _extension("551d11", names),
        _extension("551d0e", _tlv(4, key_id)),
        _extension("551d23", _sequence(_tlv(0x80, key_id))),
    )


def _extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    return _sequence(_oid(oid), _tlv(1, b"\xff") if critical else b"", _tlv(4, value))


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + content


def _sequence(*parts: bytes) -> bytes:
    return _tlv(0x30, b"".join(parts))


def _integer(value: int) -> bytes:
    return _tlv(2, value.to_bytes(value.bit_length() // 8 + 1))


def _bits(content: bytes) -> bytes:
    return _tlv(3, b"\x00" + content)


def _oid(encoded: str) -> bytes:
    return _tlv(6, bytes.fromhex(encoded))


ALGORITHM = _sequence(_oid("2a864886f70d01010b"), _tlv(5, b""))


SMALL = math.prod(n for n in range(3, 2000, 2) if all(n % d for d in range(3, math.isqrt(n) + 1, 2)))


def _prime(rng: random.Random, bits: int) -> int:
    while True:
        number = rng.getrandbits(bits) | (3 << (bits - 2)) | 1
        if number % 65537 != 1 and math.gcd(number, SMALL) == 1 and _is_prime(number, rng):
            return number


def _is_prime(number: int, rng: random.Random) -> bool:
    """Miller and Rabin's test."""
    twos = (number - 1 & 1 - number).bit_length() - 1
    return all(_passes(number, rng.randrange(2, number - 1), twos) for _ in range(12))


def _passes(number: int, base: int, twos: int) -> bool:
    x = pow(base, (number - 1) >> twos, number)
    if x in (1, number - 1):
        return True
    for _ in range(twos - 1):
        x = x * x % number
        if x == number - 1:
            return True
    return False


def _pem(label: str, der: bytes) -> str:
    text = base64.encodebytes(der).decode().replace("\n", "")
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"
