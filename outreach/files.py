"""Where templates lie, and which file speaks for a template, a channel and a locale.

``<playbook>/<template>/<locale>/<channel>.txt.j2``, beside it an optional ``email.html.j2``, ``whatsapp.yaml``
(`outreach.approved`) and ``digest.txt.j2``: what it says where several are told in one message; in the template's
folder ``sample.json``, where the shared one will not do, and ``template.yaml`` (`outreach.settings`). E-mails, tickets
and digests begin with a line ``Subject: …``.

``<playbook>/<template>@<arm>/`` is the same template in other words: an arm of an A/B experiment.
"""

import errno
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from jinja2 import BaseLoader, Environment, TemplateNotFound, TemplateSyntaxError

from outreach.approved import APPROVED, Approved
from outreach.inline import InlineError, inlined
from outreach.settings import SETTINGS, Settings

SHARED_SAMPLE = "_common/sample.json"
"""The variables a template without a sample of its own is shown with."""
SUBJECT, BODY = "?subject", "?body"
"""Suffixes of the names under which the two parts of one file are loaded."""
TAG_AT_END = re.compile(r"^(?!\s*\{%(?:(?!%\}).)*%\}\s*$)(.*[^\s+-]\s*)%\}[ \t]*$", re.MULTILINE)
"""A line that ends in a tag and has more than that: Jinja is told (`+%}`) to keep its end."""
OWN_TEXT = ("sms", "ticket", "digest")
"""Channels that need a text of their own; any other without one says what the e-mail says."""
SHORT = ("voice", "whatsapp")
"""Channels that say what the text message says, if there is one: nobody listens to links."""
WITH_SUBJECT = ("email", "ticket", "digest")
ENDING = ".j2"
ARM = "@"
"""Between the name of a template and that of an arm."""
_READ = (
    *("*.j2", "*/*.j2", "*/*/*.j2", "*/*/*/*.j2"),
    *("*/sample.json", "*/*/sample.json", f"*/*/{SETTINGS}", f"*/*/*/{APPROVED}"),
)


class Files:
    """The files of a templates folder as they stood when this was made: what is edited later does not show."""

    def __init__(self, folder: Path, default_locale: str) -> None:
        self.folder, self.default_locale = folder, default_locale
        self._contents = {path.relative_to(folder).as_posix(): _content(path) for path in _paths(folder)}
        self._locales: dict[str, set[str]] = {}
        for template, locale in map(_written, self._contents):
            if template:
                self._locales.setdefault(template, set()).add(locale)
        self._found: dict[tuple[str, str, str], tuple[str, str] | None] = {}
        self.has_arms = any(ARM in template for template in self._locales)
        """Whether any template is an arm of another."""
        self._settings: dict[str, Settings] = {}
        self._approved: dict[str, Approved] = {}

    def templates(self) -> list[str]:
        """Return the names of all templates: folders with a locale folder inside."""
        return sorted(self._locales)

    def locales(self, template: str) -> list[str]:
        """Return the locales a template is written in."""
        return sorted(self._locales.get(template, ()))

    def arms(self, template: str) -> list[str]:
        """Return the names of all templates that are arms of this one."""
        return [name for name in self.templates() if name.startswith(template + ARM)]

    def settings(self, template: str) -> Settings:
        """Return what the template's `template.yaml` says; ValueError says what is wrong with it."""
        base = template.partition(ARM)[0]
        if base not in self._settings:
            name = f"{base}/{SETTINGS}"
            read = Settings.read(self._read(name), str(self.folder / name)) if self.has(name) else Settings()
            self._settings[base] = read
        return self._settings[base]

    def texts(self, template: str) -> list[str]:
        """Return the names of all files with the template's words, in every locale."""
        return sorted(name for name in self._contents if name.endswith(ENDING) and _written(name)[0] == template)

    def approvals(self, template: str) -> list[str]:
        """Return the names of all its approved WhatsApp templates."""
        ending = f"/{APPROVED}"
        return sorted(name for name in self._contents if name.startswith(f"{template}/") and name.endswith(ending))

    def approved(self, name: str) -> Approved:
        """Return what a `whatsapp.yaml` says; ValueError says what is wrong with it."""
        if name not in self._approved:
            self._approved[name] = Approved.read(self._read(name), str(self.folder / name))
        return self._approved[name]

    def approval(self, template: str, locale: str) -> tuple[str, str] | None:
        """Return (locale, file name) of the approved WhatsApp template to use; None if there is none in any locale."""
        key = (template, APPROVED, locale)
        if key not in self._found:
            names = ((each, f"{template}/{each}/{APPROVED}") for each in self.fallbacks(template, locale))
            self._found[key] = next((pair for pair in names if self.has(pair[1])), None)
        return self._found[key]

    def has(self, name: str) -> bool:
        """Say whether there is such a file, by its path below the folder."""
        return name in self._contents

    def source(self, name: str) -> str:
        """Return what a template's file says. Raises TemplateNotFound, TemplateSyntaxError (unreadable, no UTF-8)."""
        if not self.has(name) or not name.endswith(ENDING):
            raise TemplateNotFound(name)
        path = str(self.folder / name)
        try:
            return self._read(name).decode().removeprefix("\ufeff").replace("\r\n", "\n")
        except OSError as error:
            raise TemplateSyntaxError(f"cannot be read: {error.strerror}", 1, name, path) from error
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            cause = f"byte 0x{error.object[error.start]:02x} is not UTF-8: save the file as UTF-8"
            raise TemplateSyntaxError(cause, line, name, path) from error

    def _read(self, name: str) -> bytes:
        """Return a file's bytes. Raises OSError as reading it did."""
        content = self._contents.get(name, errno.ENOENT)
        if isinstance(content, int):
            raise OSError(content, os.strerror(content))
        return content

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
        short = ["sms"] if channel in SHORT else []
        stems = [channel] if channel in OWN_TEXT else [channel, *short, "email"]
        names = (f"{template}/{locale}/{stem}.txt.j2" for stem in stems)
        return next((name for name in names if self.has(name)), "")

    def fallbacks(self, template: str, locale: str) -> list[str]:
        """Return the locales to try: the one asked for, its language, the default, any."""
        asked = locale.replace("_", "-")
        have = {name.lower(): name for name in self.locales(template)}
        wanted = [asked, asked.split("-")[0], self.default_locale, self.default_locale.split("-")[0]]
        named = [have[name.lower()] for name in wanted if name.lower() in have]
        return list(dict.fromkeys([*named, *have.values()]))

    def sample(self, template: str) -> dict[str, Any]:
        """Return the template's sample variables, or the shared ones; ValueError says what is wrong with the file."""
        owners = (template, template.partition(ARM)[0])
        name = next((own for each in owners if self.has(own := f"{each}/sample.json")), SHARED_SAMPLE)
        path = self.folder / name
        try:
            loaded = json.loads(self._read(name))
        except OSError as error:
            raise ValueError(f"{path}: cannot be read ({error.strerror}); write an example of the variables") from error
        except ValueError as error:
            raise ValueError(f"{path}: is no JSON ({error})") from error
        if not isinstance(loaded, dict):
            raise ValueError(f"{path}: must be a JSON object")  # noqa: TRY004 -- what a file says is a value
        return loaded


def _paths(folder: Path) -> Iterator[Path]:
    """Yield what may be a template or a sample; no deeper than templates lie, whatever else is in the folder."""
    return (path for pattern in _READ for path in sorted(folder.glob(pattern)) if path.is_file())


def _content(path: Path) -> bytes | int:
    """Return what is in a file, or the number of the error that keeps it from being read."""
    try:
        return path.read_bytes()
    except OSError as error:
        return error.errno or errno.EIO


def _written(name: str) -> tuple[str, str]:
    """Return the template and the locale that a file is for; empty if it is none's.

    >>> _written("api/notice/en/sms.txt.j2"), _written("_layouts/email.html.j2")
    (('api/notice', 'en'), ('', ''))
    """
    *template, locale, file = PurePosixPath(name).parts
    return ("/".join(template), locale) if len(template) == 2 and file.endswith(ENDING) else ("", "")


class PartsLoader(BaseLoader):
    """Loads a file whole, or by suffix its subject line or what follows it, line numbers kept.

    A tag alone on its line leaves no line behind; one at the end of a line of text does not swallow the line's end.
    """

    def __init__(self, files: Files) -> None:
        self._files = files

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """Return the source of a part; of an approved WhatsApp template, that of the variable named after the mark."""
        name, mark, part = template.partition("?")
        if name.endswith(APPROVED):
            return self._files.approved(name).variables[part], str(self._files.folder / name), lambda: True
        source = TAG_AT_END.sub(r"\1+%}", self._source(name))
        return _part(source, mark + part), str(self._files.folder / name), lambda: True

    def _source(self, name: str) -> str:
        """Return a template's source; of HTML with its styles inlined, which happens once as it is compiled once."""
        source = self._files.source(name)
        if not name.endswith(".html.j2"):
            return source
        try:
            return inlined(source)
        except InlineError as error:
            raise TemplateSyntaxError(error.cause, error.line, name, str(self._files.folder / name)) from error


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
