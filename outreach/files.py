"""Where templates lie, and which file speaks for a template, a channel and a locale.

``<playbook>/<template>/<locale>/<channel>.txt.j2``, beside it an optional ``email.html.j2``; ``sample.json`` in the
template's folder, where the shared one will not do. E-mails and tickets begin with a line ``Subject: …``.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

SHARED_SAMPLE = "_common/sample.json"
"""The variables a template without a sample of its own is shown with."""
SUBJECT, BODY = "?subject", "?body"
"""Suffixes of the names under which the two parts of one file are loaded."""
TAG_AT_END = re.compile(r"^(?!\s*\{%(?:(?!%\}).)*%\}\s*$)(.*[^\s+-]\s*)%\}[ \t]*$", re.MULTILINE)
"""A line that ends in a tag and has more than that: Jinja is told (`+%}`) to keep its end."""
OWN_TEXT = ("sms", "ticket")
"""Channels that need a text of their own; any other without one says what the e-mail says."""
WITH_SUBJECT = ("email", "ticket")


class Files:
    """The files of a templates folder. Reads the folder once for each question and remembers the answer."""

    def __init__(self, folder: Path, default_locale: str) -> None:
        self.folder, self.default_locale = folder, default_locale
        self._found: dict[tuple[str, str, str], tuple[str, str] | None] = {}

    def templates(self) -> list[str]:
        """Return the names of all templates: folders with a locale folder inside."""
        found = {path.parent.parent for path in self.folder.glob("*/*/*/*.j2")}
        return sorted(path.relative_to(self.folder).as_posix() for path in found)

    def locales(self, template: str) -> list[str]:
        """Return the locales a template is written in."""
        return sorted(path.name for path in (self.folder / template).glob("*/") if any(path.glob("*.j2")))

    def text(self, template: str, channel: str, locale: str) -> tuple[str, str] | None:
        """Return (locale, file name below the folder) of the text to use; None if there is none in any locale."""
        key = (template, channel, locale)
        if key not in self._found:
            self._found[key] = self._text(*key)
        return self._found[key]

    def _text(self, template: str, channel: str, locale: str) -> tuple[str, str] | None:
        for candidate in self.fallbacks(template, locale):
            name = self.own(template, channel, candidate)
            if name:
                return candidate, name
        return None

    def own(self, template: str, channel: str, locale: str) -> str:
        """Return the file name for exactly this locale; empty if there is none."""
        stems = [channel] if channel in OWN_TEXT else [channel, "email"]
        names = (f"{template}/{locale}/{stem}.txt.j2" for stem in stems)
        return next((name for name in names if (self.folder / name).is_file()), "")

    def fallbacks(self, template: str, locale: str) -> list[str]:
        """Return the locales to try: the one asked for, its language, the default, any."""
        asked = locale.replace("_", "-")
        have = {name.lower(): name for name in self.locales(template)}
        wanted = [asked, asked.split("-")[0], self.default_locale, self.default_locale.split("-")[0]]
        named = [have[name.lower()] for name in wanted if name.lower() in have]
        return list(dict.fromkeys([*named, *have.values()]))

    def sample(self, template: str) -> dict[str, Any]:
        """Return the template's sample variables, or the shared ones; ValueError says what is wrong with the file."""
        own = self.folder / template / "sample.json"
        path = own if own.exists() else self.folder / SHARED_SAMPLE
        try:
            loaded = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ValueError(f"{path}: cannot be read ({error.strerror}); write an example of the variables") from error
        except ValueError as error:
            raise ValueError(f"{path}: is no JSON ({error})") from error
        if not isinstance(loaded, dict):
            raise ValueError(f"{path}: must be a JSON object")  # noqa: TRY004 -- what a file says is a value
        return loaded


class PartsLoader(FileSystemLoader):
    """Loads a file whole, or by suffix its subject line or what follows it, line numbers kept.

    A tag alone on its line leaves no line behind; one at the end of a line of text does not swallow the line's end.
    """

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """Return the source of a part."""
        name, mark, part = template.partition("?")
        source, filename, uptodate = super().get_source(environment, name)
        return _part(TAG_AT_END.sub(r"\1+%}", source), mark + part), filename, uptodate


def _part(source: str, part: str) -> str:
    head, _, rest = source.partition("\n")
    match part:
        case "":
            return source
        case "?subject":
            return head.removeprefix("Subject:").strip() if has_subject(source) else ""
        case _:
            return "\n" + rest if has_subject(source) else source


def has_subject(source: str) -> bool:
    """Say whether the source begins with a subject line that says something.

    >>> has_subject("Subject: Hello\\n\\nText"), has_subject("Text")
    (True, False)
    """
    head = source.partition("\n")[0]
    return head.startswith("Subject:") and bool(head.removeprefix("Subject:").strip())


def as_variables(sample: Mapping[str, Any], locale: str) -> dict[str, Any]:
    """Return sample variables as if the customer spoke `locale`."""
    return {**sample, "customer": {**sample.get("customer", {}), "locale": locale}}
