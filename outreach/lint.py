"""What is wrong with a template before anyone is sent it: for `forewarn check`, all at once."""

import difflib
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from jinja2 import TemplateNotFound, TemplateSyntaxError

from outreach import lint_contents, lint_html, lint_words
from outreach.approved import APPROVED
from outreach.files import ARM, BODY, ENDING, OWN_TEXT, WITH_SUBJECT, Files, has_subject
from outreach.lint_rules import Problem, Rules
from outreach.names import Names, Use
from outreach.segments import segments
from outreach.text import mark
from outreach.wording import promotion

BUILT_IN = ("locale", "zone", "spoken")
WHATSAPP, DIGEST = "whatsapp", "digest"
HTML = "email.html.j2"
LAYOUT = "_layouts/email.html.j2"


class Shown(Protocol):
    """Who renders templates with their samples, raising ValueError."""

    def preview(self, template: str, channel: str, locale: str) -> Any:
        """Return subject, text and html."""

    def show_approval(self, template: str, locale: str) -> Any:
        """Return the approved WhatsApp template, filled in."""


class Lint:
    """Looks a folder's templates over. `shown` renders a template with its sample, raising `failure`."""

    def __init__(self, names: Names, folder: Files, shown: Shown, failure: type[ValueError], rules: Rules) -> None:
        self.names, self.files, self.shown, self.failure, self.rules = names, folder, shown, failure, rules
        self.environment = names.environment

    def problems(self, template: str, channels: Sequence[str]) -> list[Problem]:
        """Return every problem of a template for these channels, in every locale it is written in."""
        folder = self.files.folder / template
        if not self.files.locales(template):
            return [Problem(str(folder), 0, f"no template {template!r}{self._near(template)}")]
        found, looked_at = list(self._settings(template)), set[str]()
        for channel in dict.fromkeys(channels):
            found += self._channel(template, channel, looked_at)
        return sorted(set(found))

    def promotional(self, template: str) -> Iterator[str]:
        """Yield the promotional words of a template, in any locale and on any channel."""
        for name in self.files.approvals(template):
            with suppress(ValueError):  # what cannot be read cannot be sent
                yield promotion(self.files.approved(name).body)
        for name in self.files.texts(template):
            yield from (word for _, _, word in lint_words.promoted(self.names, self.files, name))

    def _near(self, template: str) -> str:
        near = difflib.get_close_matches(template, self.files.templates(), n=1)
        return f"; did you mean {near[0]!r}?" if near else ""

    def _settings(self, template: str) -> Iterator[Problem]:
        try:
            variants = self.files.settings(template).variants
        except ValueError as error:
            yield Problem(*_placed(str(error), str(self.files.folder / template / "template.yaml")))
            return
        if ARM in template:
            return  # what holds for it stands beside the template itself
        arms = {name.partition(ARM)[2] for name in self.files.arms(template)}
        for arm in sorted(variants.keys() - arms):
            wanted = f"{self.files.folder / template}{ARM}{arm}"
            yield Problem(wanted, 0, f"there is no folder with the words of the variant {arm!r}; write them there")

    def _channel(self, template: str, channel: str, looked_at: set[str]) -> Iterator[Problem]:
        """Yield what is wrong for a channel; a file that several channels use is looked at once."""
        for locale in self.files.locales(template):
            name = self.files.own(template, channel, locale)
            if not name:
                if channel != DIGEST:  # without it, it is told by itself
                    yield self._absent(template, channel, locale)
            elif name not in looked_at:
                looked_at.add(name)
                yield from self._file(template, channel, locale, name)
            if channel == WHATSAPP:
                yield from self._approval(template, locale)

    def _absent(self, template: str, channel: str, locale: str) -> Problem:
        stem = channel if channel in OWN_TEXT else "email"
        wanted = self.files.folder / template / locale / f"{stem}.txt.j2"
        if stem == "email" and self.files.has(f"{template}/{locale}/{HTML}"):
            return Problem(str(wanted), 0, "missing: an HTML part alone; write the plain text that goes with it")
        other = self.files.text(template, channel, locale)
        instead = f"readers of {locale} would get {other[0]}" if other else f"nothing can be sent by {channel}"
        return Problem(str(wanted), 0, f"missing: {instead}")

    def _file(self, template: str, channel: str, locale: str, name: str) -> Iterator[Problem]:
        path = self.files.folder / name
        try:
            source = self.files.source(name)
            yield from self._subject(source, path)
            self.environment.compile(source, name, str(path))
            read = self.names.uses(name)
        except (TemplateSyntaxError, TemplateNotFound) as error:
            yield self._broken(error, path)
            return
        yield from self._unknown(read)
        yield from lint_words.promotional(self.names, self.files, self.rules, name)
        yield from lint_words.unsafe(self.names, self.files, name)
        yield from self._sample(template, channel, locale, path)

    def _broken(self, error: TemplateSyntaxError | TemplateNotFound, path: Path) -> Problem:
        if isinstance(error, TemplateNotFound):
            ending = "" if str(error.name).endswith(ENDING) else f"; a template's file ends in {ENDING}"
            return Problem(str(path), 1, f"includes {error.name!r}, which is not there{ending}")
        return Problem(str(error.filename or path), error.lineno, error.message or "cannot be read as a template")

    def _subject(self, source: str, path: Path) -> Iterator[Problem]:
        if path.name.split(".")[0] in WITH_SUBJECT and not has_subject(source):
            yield Problem(str(path), 1, "the first line must be `Subject: …`")

    def _unknown(self, read: Sequence[Use]) -> Iterator[Problem]:
        for use in read:
            if not _is_allowed(use.name, self.rules.allowed):
                near = difflib.get_close_matches(use.name, [*self.rules.allowed, *BUILT_IN], n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                file = str(self.files.folder / use.template.partition("?")[0])
                yield Problem(file, use.line, f"nothing fills the variable {use.name!r}{hint}")

    def _sample(self, template: str, channel: str, locale: str, path: Path) -> Iterator[Problem]:
        try:
            shown = self.shown.preview(template, channel, locale)
        except self.failure as error:
            yield Problem(str(path), 0, f"cannot be shown with sample.json: {error}")
            return
        if path.name == "sms.txt.j2":
            yield from self._length(shown.text.strip(), str(path))
        if self.rules.occasion:
            yield from self._contents(path, locale, shown.text)
        if shown.html:
            yield from self._html(f"{template}/{locale}/{HTML}", shown.html)

    def _length(self, text: str, path: str) -> Iterator[Problem]:
        cost, most = segments(f"{text} {mark(path)}"), self.rules.sms_segments
        if cost.messages > most:
            why = f", because of {cost.outside!r}" if cost.outside else ""
            cause = f"takes {cost.messages} text messages ({cost.alphabet}{why})"
            yield Problem(path, 0, f"{cause}; {most} are enough (sms_segments)", "warning")

    def _contents(self, path: Path, locale: str, text: str) -> Iterator[Problem]:
        name = path.relative_to(self.files.folder).as_posix()
        read = {use.name for use in self.names.uses(name + BODY)}
        said = lint_contents.Said(read, self.files.source(name), text, locale, path.name == "email.txt.j2")
        for lack in lint_contents.lacks(said, closing=self.rules.occasion == "closing"):
            yield Problem(str(path), 1, lack, "warning")

    def _html(self, own: str, html: str) -> Iterator[Problem]:
        name = own if self.files.has(own) else LAYOUT
        lines = self.files.source(name).splitlines()
        for fault in lint_html.faults(html):
            line = next((number for number, text in enumerate(lines, 1) if fault.sign in text), 1)
            yield Problem(str(self.files.folder / name), line, fault.message, "warning")

    def _approval(self, template: str, locale: str) -> Iterator[Problem]:
        name = f"{template}/{locale}/{APPROVED}"
        path = str(self.files.folder / name)
        if not self.files.has(name):
            cause = "missing: outside of the 24 hours after a person wrote, nothing can be sent by whatsapp (C12)"
            yield Problem(path, 0, f"{cause}; name the approved template's ContentSid there", "warning")
            return
        try:
            keys = self.files.approved(name).variables
            self._compiled(name, keys)
            yield from lint_words.approved(self.files, self.rules, name)
            read = [use for key in keys for use in self.names.uses(f"{name}?{key}")]
            self.shown.show_approval(template, locale)
        except TemplateSyntaxError as error:
            yield Problem(path, 1, error.message or "cannot be read as a template")
        except ValueError as error:
            yield Problem(*_placed(str(error), path))
        else:
            yield from self._unknown(read)

    def _compiled(self, name: str, keys: Collection[str]) -> None:
        for key in keys:
            self.environment.compile(self.files.approved(name).variables[key], f"{name}?{key}")


def _placed(message: str, path: str) -> tuple[str, int, str]:
    """Return file, line and cause of an error that begins with its place."""
    return path, 1, message.removeprefix(f"{path}: ")


def _is_allowed(name: str, allowed: Collection[str]) -> bool:
    """Say whether a dotted name, or the whole that it is read from or of, is among those allowed."""
    parts = name.split(".")
    heads = {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
    prefixes = {f"{head}.*" for head in heads}
    whole = any(entry.startswith(f"{name}.") for entry in allowed)
    return name in allowed or name in BUILT_IN or whole or not prefixes.isdisjoint(allowed)
