"""What is wrong with the files that a broker is reached by, told before anything is tried."""

import socket
import threading
from pathlib import Path

import pytest

from engine.config.model.log import LogConfig
from engine.errors import ConfigError, ForewarnError
from engine.eventlog.brokers import Brokers
from engine.eventlog.handshake import greet


@pytest.mark.parametrize("key", ["ca", "certificate"])
@pytest.mark.parametrize("content", [None, "this is no certificate"])
def test_a_file_that_is_none(tmp_path: Path, key: str, content: str | None) -> None:
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_text(content)
    more = {"key": str(path)} if key == "certificate" else {}
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(ConfigError, match="name a PEM file") as caught,
    ):
        greet(f"127.0.0.1:{server.getsockname()[1]}", LogConfig(tls=True, **{key: str(path)}, **more), {}, 5.0)  # type: ignore[arg-type]
    assert caught.value.place == f"log.{key}"


@pytest.mark.parametrize(("content", "said"), [(None, "No such file"), ("", "is empty"), (b"\xff\xfe", "no text")])
def test_a_token_that_cannot_be_read(tmp_path: Path, content: str | bytes | None, said: str) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=said):
        Brokers(["127.0.0.1:1"], LogConfig(mechanism="OAUTHBEARER", token_file=str(path))).reach(1.0)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00\x00\x00\x01x"])
def test_what_is_no_broker(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_say, args=(server, answer))
        thread.start()
        with pytest.raises(ForewarnError, match="look whether a broker is up there"):
            greet(f"127.0.0.1:{server.getsockname()[1]}", LogConfig(), {}, 30.0)
        thread.join()


def _say(server: socket.socket, answer: bytes) -> None:
    opened, _ = server.accept()
    with opened:
        opened.recv(1024)
        opened.sendall(answer)
