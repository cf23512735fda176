"""How much a request may bring: counted while it comes in, so that nothing is ever read without bound."""

import gzip
import io
import zlib
from typing import Final

import zstandard
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.web.problems import Refused

EVENTS: Final = 8 * 1024 * 1024
"""Bytes of a body of events, as sent and as unpacked."""
OTHERS: Final = 256 * 1024
"""Bytes of any other body."""
_WINDOW: Final = 8 * 1024 * 1024
_BROKEN = (OSError, EOFError, zlib.error, zstandard.ZstdError)


class Bounded:
    """Refuses bodies that are too long: by their declared length, or as soon as they turn out to be."""

    def __init__(self, app: ASGIApp, *, events: int = EVENTS, others: int = OTHERS) -> None:
        self._app, self._events, self._others = app, events, others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._events if scope["path"] == "/v1/events" else self._others
        declared = Headers(scope=scope).get("content-length", "")
        expected = int(declared) if declared.isascii() and declared.isdigit() else 0
        await self._app(scope, _Counter(receive, limit, expected).receive, send)


class _Counter:
    def __init__(self, receive: Receive, limit: int, expected: int) -> None:
        self._receive, self._limit, self._expected, self._seen = receive, limit, expected, 0

    async def receive(self) -> Message:
        if self._expected > self._limit:
            raise too_large(self._limit)
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > self._limit:
            raise too_large(self._limit)
        return message


def unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    """Return `body` without its Content-Encoding. Raises Refused: 415 unknown, 413 too long, 400 broken.

    >>> unpacked(gzip.compress(b"{}"), "gzip", 10)
    b'{}'
    """
    unpack = {"": _as_is, "identity": _as_is, "gzip": _gunzip, "x-gzip": _gunzip, "zstd": _unzstd}.get(encoding)
    if unpack is None:
        cause = f"content-encoding: {encoding!r:.80} is not understood; use gzip, zstd or none"
        raise Refused(415, cause, headers={"Accept-Encoding": "gzip, zstd"})
    try:
        found = unpack(body, limit)
    except _BROKEN as error:
        raise Refused(400, f"body: it is no valid {encoding}: {error}") from error
    if len(found) > limit:
        raise too_large(limit)
    return found


def too_large(limit: int) -> Refused:
    """Return the refusal of a body that is longer than `limit` bytes."""
    return Refused(413, f"body: it is longer than {limit:,} bytes; send it in parts", headers={"Connection": "close"})


def _as_is(body: bytes, _: int) -> bytes:
    return body


def _gunzip(body: bytes, limit: int) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
        return file.read(limit + 1)


def _unzstd(body: bytes, limit: int) -> bytes:
    """Measure first, as a few bytes can become gigabytes; then unpack, which alone tells a frame that breaks off."""
    with _zstd().stream_reader(body, read_across_frames=True) as reader:
        found = reader.read(limit + 1)
    if len(found) <= limit and not _is_whole(body):
        raise EOFError("it breaks off")
    return found


def _is_whole(body: bytes) -> bool:
    while body:
        frame = _zstd().decompressobj()
        frame.decompress(body)
        if not frame.eof:
            return False
        body = frame.unused_data
    return True


def _zstd() -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(max_window_size=_WINDOW)
