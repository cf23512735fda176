"""What is wrong with a template before anyone is sent it: for `forewarn check`, all at once."""

import difflib
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, TemplateNotFound, TemplateSyntaxError

from outreach.files import ENDING, OWN_TEXT, WITH_SUBJECT, Files, has_subject
from outreach.names import Use, uses
from outreach.segments import segments
from outreach.text import mark
from outreach.wording import promotion

SMS_SEGMENTS = 2
BUILT_IN = ("locale", "zone")


class Problem(NamedTuple):
    """One thing to put right."""

    file: str
    line: int
    message: str


class Lint:
    """Looks a folder's templates over. `preview` renders a template with its sample, raising `failure`."""

    def __init__(
        self, environment: Environment, files: Files, preview: Callable[[str, str, str], Any], failure: type[ValueError]
    ) -> None:
        self.environment, self.files, self.preview, self.failure = environment, files, preview, failure

    def problems(self, template: str, channels: Sequence[str], allowed: Collection[str]) -> list[Problem]:
        """Return every problem of a template for these channels, in every locale it is written in."""
        folder = self.files.folder / template
        if not self.files.locales(template):
            return [Problem(str(folder), 0, f"no template {template!r}{self._near(template)}")]
        found = [p for channel in dict.fromkeys(channels) for p in self._channel(template, channel, allowed)]
        return sorted(set(found))

    def _near(self, template: str) -> str:
        near = difflib.get_close_matches(template, self.files.templates(), n=1)
        return f"; did you mean {near[0]!r}?" if near else ""

    def _channel(self, template: str, channel: str, allowed: Collection[str]) -> Iterator[Problem]:
        for locale in self.files.locales(template):
            name = self.files.own(template, channel, locale)
            if name:
                yield from self._file(template, channel, locale, name, allowed)
            else:
                yield self._absent(template, channel, locale)

    def _absent(self, template: str, channel: str, locale: str) -> Problem:
        stem = channel if channel in OWN_TEXT else "email"
        wanted = self.files.folder / template / locale / f"{stem}.txt.j2"
        other = self.files.text(template, channel, locale)
        instead = f"readers of {locale} would get {other[0]}" if other else f"nothing can be sent by {channel}"
        return Problem(str(wanted), 0, f"missing: {instead}")

    def _file(self, template: str, channel: str, locale: str, name: str, allowed: Collection[str]) -> Iterator[Problem]:
        path = self.files.folder / name
        try:
            source = self.files.source(name)
            yield from self._subject(source, path)
            self.environment.compile(source, name, str(path))
            read = uses(self.environment, name)
        except TemplateSyntaxError as error:
            yield Problem(str(error.filename or path), error.lineno, error.message or "cannot be read as a template")
            return
        except TemplateNotFound as error:
            ending = "" if str(error.name).endswith(ENDING) else f"; a template's file ends in {ENDING}"
            yield Problem(str(path), 1, f"includes {error.name!r}, which is not there{ending}")
            return
        yield from self._unknown(read, allowed)
        yield from self._promotion(source, str(path))
        yield from self._sample(template, channel, locale, path.name)

    def _subject(self, source: str, path: Path) -> Iterator[Problem]:
        if path.name.split(".")[0] in WITH_SUBJECT and not has_subject(source):
            yield Problem(str(path), 1, "the first line must be `Subject: …`")

    def _unknown(self, read: Sequence[Use], allowed: Collection[str]) -> Iterator[Problem]:
        for use in read:
            if not _is_allowed(use.name, allowed):
                near = difflib.get_close_matches(use.name, [*allowed, *BUILT_IN], n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                yield Problem(
                    str(self.files.folder / use.template), use.line, f"nothing fills the variable {use.name!r}{hint}"
                )

    def _promotion(self, source: str, path: str) -> Iterator[Problem]:
        for line, text in enumerate(source.splitlines(), 1):
            word = promotion(text)
            if word:
                yield Problem(path, line, f"{word!r} is promotion: leave it out, or send it as marketing (consent)")

    def _sample(self, template: str, channel: str, locale: str, file: str) -> Iterator[Problem]:
        path = str(self.files.folder / template / locale / file)
        try:
            shown = self.preview(template, channel, locale)
        except self.failure as error:
            yield Problem(path, 0, f"cannot be shown with sample.json: {error}")
            return
        if file == "sms.txt.j2":
            yield from self._length(shown.text.strip(), path)

    def _length(self, text: str, path: str) -> Iterator[Problem]:
        cost = segments(f"{text} {mark(path)}")
        if cost.messages > SMS_SEGMENTS:
            why = f", because of {cost.outside!r}" if cost.outside else ""
            yield Problem(
                path, 0, f"takes {cost.messages} text messages ({cost.alphabet}{why}); {SMS_SEGMENTS} are enough"
            )


def _is_allowed(name: str, allowed: Collection[str]) -> bool:
    """Say whether a dotted name, or the whole that it is read from or of, is among those allowed."""
    parts = name.split(".")
    heads = {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
    prefixes = {f"{head}.*" for head in heads}
    whole = any(entry.startswith(f"{name}.") for entry in allowed)
    return name in allowed or name in BUILT_IN or whole or not prefixes.isdisjoint(allowed)
