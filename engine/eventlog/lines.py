"""The lines of a payload, one an event."""


def drop_lines(payload: bytes, count: int) -> bytes:
    r"""Return `payload` without its first `count` lines.

    >>> drop_lines(b"a\nb\nc", 2)
    b'c'
    """
    return payload.split(b"\n", count)[-1] if count else payload


def first_lines(payload: bytes, count: int) -> bytes:
    r"""Return the first `count` lines of `payload`.

    >>> first_lines(b"a\nb\nc", 2)
    b'a\nb'
    """
    return b"\n".join(payload.split(b"\n", count)[:count])
