"""What a template's files say, line by line: promotional words (C10) and links that are not encrypted."""

import re
from collections.abc import Iterable, Iterator

from jinja2 import TemplateNotFound, TemplateSyntaxError

from outreach.files import Files
from outreach.lint_rules import Problem, Rules
from outreach.names import Names
from outreach.wording import promotion

PLAIN_HTTP = re.compile(r"\bhttp://[^\s\"'<>]*")
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
Found = Iterator[tuple[str, int, str]]
"""File below the folder, line, and what stands there."""


def promotional(names: Names, folder: Files, rules: Rules, name: str) -> Iterator[Problem]:
    """Yield what makes a service message of a file marketing (C10)."""
    yield from _told(folder, rules, name, promoted(names, folder, name))


def approved(folder: Files, rules: Rules, name: str) -> Iterator[Problem]:
    """Yield the same of the words that WhatsApp approved. Raises ValueError for a file that is no such template."""
    if words := promotion(folder.approved(name).body):
        yield from _told(folder, rules, name, [(name, 1, words)])


def unsafe(names: Names, folder: Files, name: str) -> Iterator[Problem]:
    """Yield the links that begin with http:."""
    for file, line, text in _lines(names, folder, name):
        if found := PLAIN_HTTP.search(text):
            cause = f"{found.group()} is a link that anyone on the way can change; write https"
            yield Problem(str(folder.folder / file), line, cause, "warning")


def promoted(names: Names, folder: Files, name: str) -> Found:
    """Yield what sounds like advertising in a file and in what it includes."""
    for file, line, text in _lines(names, folder, name):
        if words := promotion(text):
            yield file, line, words


def _told(folder: Files, rules: Rules, name: str, found: Iterable[tuple[str, int, str]]) -> Iterator[Problem]:
    if rules.purpose == "marketing" or _is_none(folder, name.rsplit("/", 2)[0]):
        return
    closing = rules.occasion == "closing"
    effect = "which may then not be sent" if closing else "so this counts as marketing and needs written consent"
    remedy = f"leave it out, or say `promotion: none` in template.yaml if it is none: {effect}"
    for file, line, words in found:
        place = str(folder.folder / file)
        yield Problem(place, line, f"{words!r} is promotion (C10); {remedy}", "error" if closing else "warning")


def _is_none(folder: Files, template: str) -> bool:
    """Say whether the author says that nothing in it is promotion; what cannot be read is told of as that."""
    try:
        return folder.settings(template).no_promotion
    except ValueError:
        return True


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
