"""The embeddable script in a real browser, under a strict policy: what it shows, says and does."""

import html
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from engine.web.views import STATIC

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
TOKEN = "abc.def"
EVIL = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'"
ITEMS = [
    {"id": "int_2", "at": "2026-11-25T13:00:00Z", "subject": "It is over",
     "text": "See https://status.example.com/x now.",
     "locale": "en", "occasion": "resolved", "thread": "int_1", "read": False},
    {"id": "int_1", "at": "2026-11-25T12:00:00Z", "subject": EVIL, "text": EVIL,
     "locale": "en", "occasion": "opened", "thread": "", "read": False},
]  # fmt: skip
PROBE = """
const root = () => document.querySelector("forewarn-feed").shadowRoot;
const until = (holds) => new Promise((done) => {
  const look = () => (holds() ? done() : setTimeout(look, 20));
  look();
});
const seen = {};
(async () => {
  await until(() => document.querySelector("forewarn-feed"));
  await until(() => root().querySelector("button").hasAttribute("aria-label"));
  const [open, all, close] = root().querySelectorAll("button");
  const box = root().querySelector(".box");
  Object.assign(seen, { label: open.getAttribute("aria-label"), badge: root().querySelector(".n").textContent });
  seen.live = root().querySelector("[aria-live]").textContent;
  seen.shut = box.hidden;
  open.click();
  Object.assign(seen, { open: !box.hidden, expanded: open.getAttribute("aria-expanded") });
  seen.focus = root().activeElement === box;
  seen.titles = [...root().querySelectorAll("h3")].map((each) => each.textContent);
  seen.texts = [...root().querySelectorAll("li p")].map((each) => each.textContent);
  seen.links = [...root().querySelectorAll("a")].map((each) => each.href);
  seen.elements = root().querySelectorAll("script, img").length;
  seen.styled = getComputedStyle(box).position;
  all.click();
  await until(() => root().querySelector(".n").hidden);
  seen.after = open.getAttribute("aria-label");
  box.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  Object.assign(seen, { escaped: box.hidden, back: root().activeElement === open, title: document.title });
  const told = document.createElement("pre");
  told.id = "seen";
  told.textContent = JSON.stringify(seen);
  document.body.append(told);
})();
"""


class Site:
    """A page that embeds the script, and the feed behind it."""

    def __init__(self) -> None:
        self.read: list[Any] = []
        self.lang = "en"
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind, body = site.answer(self.path)
                self._send(kind, body)

            def do_POST(self) -> None:
                site.read.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self._send("application/json", b'{"unread": 0}')

            def _send(self, kind: str, body: bytes) -> None:
                self.send_response(200 if body else 404)
                for name, value in (("Content-Type", kind), ("Content-Security-Policy", POLICY)):
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def answer(self, path: str) -> tuple[str, bytes]:
        match path:
            case "/":
                script = f'<script src="/feed.js" data-token="{TOKEN}" data-base="{self.url}/" defer></script>'
                head = f'<!DOCTYPE html><html lang="{self.lang}"><title>Shop</title>'
                return (
                    "text/html",
                    f'{head}<body>{script}<script src="/probe.js" defer></script></body></html>'.encode(),
                )
            case "/feed.js":
                return "text/javascript", (STATIC / "feed.js").read_bytes()
            case "/probe.js":
                return "text/javascript", PROBE.encode()
            case _ if path == f"/feed/{TOKEN}":
                items = [{**item, "read": bool(self.read)} for item in ITEMS]
                told = {"unread": 0 if self.read else 2, "items": items, "next": None}
                return "application/json", json.dumps(told).encode()
        return "text/plain", b""

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def opened(site: Site, folder: Path) -> dict[str, Any]:
    """Open the page; returns what the script on it saw and did."""
    assert CHROMIUM is not None
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={folder}",
        "--virtual-time-budget=20000", "--dump-dom", site.url,
    ]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert '<pre id="seen">' in ran.stdout, ran.stdout + ran.stderr
    told = ran.stdout.partition('<pre id="seen">')[2].partition("</pre>")[0]
    found: dict[str, Any] = json.loads(html.unescape(told))
    return found


def test_it_shows_counts_marks_and_gives_the_focus_back(site: Site, tmp_path: Path) -> None:
    seen = opened(site, tmp_path)
    assert (seen["label"], seen["badge"], seen["live"]) == ("Messages, 2 unread", "2", "Messages, 2 unread")
    assert (seen["shut"], seen["open"], seen["expanded"], seen["focus"]) == (True, True, "true", True)
    assert site.read == [{"all": True}]
    assert seen["after"] == "Messages, none unread"
    assert (seen["escaped"], seen["back"]) == (True, True)
    assert seen["styled"] == "absolute"


def test_words_stay_words_and_only_addresses_become_links(site: Site, tmp_path: Path) -> None:
    seen = opened(site, tmp_path)
    assert seen["texts"] == ["See https://status.example.com/x now.", EVIL]
    assert seen["titles"][1].startswith(EVIL)
    assert seen["links"] == ["https://status.example.com/x"]
    assert (seen["elements"], seen["title"]) == (0, "Shop")


def test_it_speaks_the_language_of_the_page(site: Site, tmp_path: Path) -> None:
    site.lang = "de-AT"
    assert opened(site, tmp_path)["label"] == "Nachrichten, 2 ungelesen"
