"""What a template's files say, line by line: promotional words (C10) and links that are not encrypted."""

import re
from collections.abc import Iterator

from jinja2 import TemplateNotFound, TemplateSyntaxError

from outreach.files import Files
from outreach.names import Names
from outreach.wording import promotion

PLAIN_HTTP = re.compile(r"\bhttp://[^\s\"'<>]*")
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
Found = Iterator[tuple[str, int, str]]
"""File below the folder, line, and what stands there."""


def promoted(names: Names, folder: Files, name: str) -> Found:
    """Yield what sounds like advertising in a file and in what it includes."""
    for file, line, text in _lines(names, folder, name):
        if words := promotion(text):
            yield file, line, words


def unsafe(names: Names, folder: Files, name: str) -> Found:
    """Yield the links that begin with http:."""
    for file, line, text in _lines(names, folder, name):
        if found := PLAIN_HTTP.search(text):
            yield file, line, found.group()


def _lines(names: Names, folder: Files, name: str) -> Found:
    """Yield every line of a file and of what it includes, without comments."""
    for file in _whole(names, name):
        source = _COMMENT.sub(lambda match: "\n" * match.group().count("\n"), folder.source(file))
        yield from ((file, number, text) for number, text in enumerate(source.splitlines(), 1))


def _whole(names: Names, name: str) -> list[str]:
    try:
        return names.files(name)
    except (TemplateSyntaxError, TemplateNotFound):
        return []  # told of as what it is
