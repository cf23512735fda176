"""What a person wrote in an answer, without what it quotes (RFC 3676, 4.5, and the habits of mail programs)."""

import re
from html.parser import HTMLParser

MOST = 20_000
"""Characters kept of an answer."""
_WROTE = "wrote|schrieb|a écrit|ha scritto|escribió|escreveu|schreef|napsal|skrev"
_ORIGINAL = "original message|ursprüngliche nachricht|forwarded message|weitergeleitete nachricht|message d'origine"
_SENT = "sent|gesendet|date|datum|envoyé|inviato|enviado"
_INTRODUCES = (
    rf"^(?:on|am|le|il|el|op|em|den|dne)\s(?s:(?!\n>|\n\n).){{4,200}}?(?:{_WROTE})[^\n]{{0,160}}:[ \t]*$",
    rf"^[ \t]*-{{3,}}[ \t]*(?:{_ORIGINAL})[ \t]*-{{3,}}",
    rf"^\*?(?:from|von|de|da):\*?[^\n]{{1,200}}\n\*?(?:{_SENT})(?: am)?:\*?[^\n]{{1,100}}$",
    r"^_{10,}[ \t]*$",
)
"""The line, or lines, after which mail programs put what is answered: Gmail, Apple Mail, Thunderbird, Outlook."""
_QUOTES = tuple(re.compile(each, re.IGNORECASE | re.MULTILINE) for each in _INTRODUCES)
_SIGNATURE = re.compile(r"^-- ?$", re.MULTILINE)
_BREAKS = frozenset({"br", "p", "div", "li", "tr", "h1", "h2", "h3", "h4", "table", "ul", "ol"})
_UNREAD = frozenset({"style", "script", "head", "title"})


def said(text: str) -> str:
    r"""Return the words of an answer.

    >>> said("It works again.\n\nOn Mon, 3 Mar 2025 at 10:00, Example <a@b.example> wrote:\n> Hello Ann")
    'It works again.'
    """
    lines = text[: 3 * MOST].replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")
    for end in (*_QUOTES, _SIGNATURE):
        found = end.search(lines)
        lines = lines[: found.start()] if found else lines
    kept = (line.rstrip() for line in lines.split("\n") if not line.startswith(">"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()[:MOST]


def plain(html: str) -> str:
    """Return the words of an answer that is HTML only, without the blocks it quotes.

    >>> plain("<p>It works.</p><blockquote>Hello Ann</blockquote>").strip()
    'It works.'
    """
    reader = _Reader()
    reader.feed(html[: 50 * MOST])
    reader.close()
    return "".join(reader.words)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Leave out what is not read, and what is quoted."""
        classes = (dict(attrs).get("class") or "").split()
        quoted = tag == "blockquote" or (tag == "div" and "gmail_quote" in classes)
        if self._hidden:
            self._hidden += [tag] if tag == self._hidden[0] else []
        elif quoted or tag in _UNREAD:
            self._hidden = [tag]
        elif tag in _BREAKS:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """Come back to what is read, in a line of its own."""
        if self._hidden and tag == self._hidden[0]:
            self._hidden.pop()
        elif tag in _BREAKS and not self._hidden:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        """Keep words."""
        if not self._hidden:
            self.words.append(" ".join(data.split()) + (" " if data[-1:].isspace() else ""))
