"""Where requests may go: never to addresses inside our own network, unless that is asked for.

A name is resolved once, every address it has is checked, and the connection goes to the address that was checked:
a name that changes its mind in between (DNS rebinding) changes nothing.
"""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from outreach.confusables import disguised_host

Resolve = Callable[[str, int], Sequence[str]]
IP = ipaddress.IPv4Address | ipaddress.IPv6Address
TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
"""IPv6 addresses that a gateway turns into IPv4 (RFC 6052, RFC 8215)."""


class Target(NamedTuple):
    """A checked destination."""

    url: str
    """With the address in place of the name."""
    host: str
    """The name: for the Host header and for the certificate."""
    header: str
    """What the Host header says: name and, if it is not the scheme's own, port."""


def resolve(host: str, port: int) -> Sequence[str]:
    """Return all addresses of a name; raises OSError."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def target(url: str, *, allow_internal: bool, lookup: Resolve = resolve) -> Target:
    """Check a URL and return where to connect. Raises ValueError if it must not be asked, OSError if no name is found.

    >>> target("https://example.org:8443/x?y", allow_internal=False, lookup=lambda host, port: ["93.184.216.34"])
    Target(url='https://93.184.216.34:8443/x?y', host='example.org', header='example.org:8443')
    """
    parts, host, port = read(url, allow_internal=allow_internal)
    chosen = _chosen(host, lookup(host, port), allow_internal)
    place = f"[{chosen}]" if chosen.version == 6 else str(chosen)
    suffix = f":{parts.port}" if parts.port else ""
    name = f"[{host}]" if ":" in host else host
    return Target(parts._replace(netloc=place + suffix, fragment="").geturl(), host, name + suffix)


def read(url: str, *, allow_internal: bool) -> tuple[SplitResult, str, int]:
    """Take a URL apart, and return its parts, host and port; no name is looked up. Raises ValueError as `target`."""
    parts = urlsplit(url)
    if parts.scheme not in (("https", "http") if allow_internal else ("https",)):
        raise ValueError(f"{url!r}: only https is allowed")
    if not parts.hostname or parts.username is not None or any(ord(char) <= 32 for char in url):
        raise ValueError(f"{url!r} is no address: write https://host/path, without a name and password")
    if cause := disguised_host(parts.hostname):
        raise ValueError(f"{url!r} {cause}: whose it is cannot be told")
    host = parts.hostname.encode("idna").decode("ascii") if not parts.hostname.isascii() else parts.hostname
    return parts, host, parts.port or (443 if parts.scheme == "https" else 80)


def _chosen(host: str, addresses: Sequence[str], allow_internal: bool) -> IP:
    found = [ipaddress.ip_address(address.partition("%")[0]) for address in addresses]
    if not found:
        raise OSError(f"{host} has no address")
    inside = [address for address in found if not is_public(address)]
    if inside and not allow_internal:
        raise ValueError(f"{host} is at {inside[0]}, inside our network: set allow_internal if that is meant")
    return found[0]


def is_public(address: IP) -> bool:
    """Say whether an address is on the public internet and hides no other.

    >>> [is_public(ipaddress.ip_address(text)) for text in ("93.184.216.34", "10.0.0.1", "::ffff:127.0.0.1")]
    [True, False, False]
    """
    if isinstance(address, ipaddress.IPv6Address):
        hidden = address.ipv4_mapped or address.sixtofour or address.teredo
        if hidden or any(address in network for network in TRANSLATED):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved
