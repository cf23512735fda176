"""What people read: templates into subject, text and HTML, in their locale, within bounds (`outreach.sandbox`).

Most messages are a form that is filled in (`outreach.filling`); what no form can take is rendered by Jinja.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from traceback import walk_tb
from typing import Any, NamedTuple, NoReturn

from jinja2 import TemplateError as JinjaError
from jinja2 import TemplateNotFound, TemplateSyntaxError

from outreach.files import ARM, BODY, SUBJECT, WITH_SUBJECT, Files, PartsLoader, as_variables
from outreach.filling import MAIL, WRONG, Filling
from outreach.formats import FILTERS
from outreach.forms import Filled, Laid
from outreach.layout import Mail
from outreach.lint import Lint
from outreach.lint_rules import Problem, Rules
from outreach.names import Names
from outreach.replies import Grammar
from outreach.sandbox import Sandbox
from outreach.segments import plain
from outreach.settings import BASE, Settings
from outreach.text import CONTROL, one_line, short
from outreach.values import Said

LAYOUT = "_layouts/email.html.j2"
FRAME = "_common/digest"
"""The template around what is told together."""
ENDS = "_common/ends"
"""The one around several ends that are told together."""


class TemplateError(ValueError):
    """A template that cannot be used, or not with these variables."""

    def __init__(self, cause: str, *, place: str = "", remedy: str = "") -> None:
        self.cause, self.place, self.remedy = cause, place, remedy
        head = f"{place}: {cause}" if place else cause
        super().__init__(f"{head}; {remedy}" if remedy else head)


class Rendered(NamedTuple):
    """A message as its reader gets it."""

    subject: str
    text: str
    html: str
    locale: str
    """The locale it is written in."""
    laid: Laid | None = None
    """Its HTML in two parts, where it has much in common with others'."""


@dataclass(frozen=True, slots=True)
class Approval:
    """An approved WhatsApp template with its values: what is sent, and what the person reads."""

    content: str
    """Twilio's ContentSid."""
    variables: Mapping[str, str]
    text: str
    locale: str


class Templates:
    """A folder of templates as it stood when this was made; what was edited since is seen by a new one only."""

    def __init__(self, folder: Path, *, default_locale: str = "en") -> None:
        self.folder = folder.resolve()
        self.files = Files(self.folder, default_locale)
        self.environment = Sandbox(PartsLoader(self.files), FILTERS)
        self._names = Names(self.environment)
        self._filling = Filling(self.environment, self._names, self._page)
        self._promotion: dict[str, str] = {}

    @cached_property
    def grammar(self) -> Grammar:
        """What answers mean: our words, and those of this folder."""
        return Grammar(self.folder)

    def templates(self) -> list[str]:
        """Return the names of all templates."""
        return self.files.templates()

    def has(self, template: str, channel: str) -> bool:
        """Say whether the template has a text for the channel in any locale."""
        return self.files.text(template, channel, "") is not None

    def digested(self, template: str, locale: str, frame: str = FRAME) -> bool:
        """Say whether it can be told with others: it has words for that in the language of those around them."""
        own, around = (self.files.text(*each, locale) for each in ((template, "digest"), (frame, "email")))
        return own is not None and around is not None and own[0] == around[0]

    def render(self, template: str, channel: str, locale: str, variables: Mapping[str, Any]) -> Rendered:
        """Render for one reader. Raises TemplateError; gives a text, never half of one.

        `variables` are mappings, lists and scalars; times are epoch seconds. Times are shown in the person's zone,
        else the customer's. `locale`, `zone` and `spoken`, whether it is heard, are given beside them.
        """
        written, name = self._find(template, channel, locale)
        values = Said(variables, locale=_spoken(locale, written), zone=_zone(variables), spoken=channel == "voice")
        said = self._filling.filled(name, values, has_subject=self._has_subject(name)) or self._laid_out(name, values)
        text = plain(said.text) if name.endswith("/sms.txt.j2") else said.text
        if said.laid is not None:
            return Rendered(said.subject, text, said.html, written, said.laid)
        html = self._html(name, values, said.subject, text) if name.endswith(MAIL) else ""
        return Rendered(said.subject, text, html, written)

    def preview(self, template: str, channel: str, locale: str) -> Rendered:
        """Render with the template's `sample.json`."""
        return self.render(template, channel, locale, self._sample(template, locale))

    def settings(self, template: str) -> Settings:
        """Return what holds for the template in all its locales. Raises TemplateError."""
        try:
            return self.files.settings(template)
        except ValueError as error:
            raise TemplateError(str(error)) from error

    def arm(self, template: str, arm: str) -> str:
        """Return the name of the template's words in an arm of an experiment; its own where it has none for that."""
        named = f"{template}{ARM}{arm}"
        return named if arm not in ("", BASE) and self.files.locales(named) else template

    def promotion(self, template: str) -> str:
        """Return the first promotional words of a template or one of its arms, unless it says that none are (C10)."""
        if self.settings(template).no_promotion:
            return ""
        if template not in self._promotion:
            lint = self._lint(Rules())
            words = (word for name in (template, *self.files.arms(template)) for word in lint.promotional(name))
            self._promotion[template] = next(filter(None, words), "")
        return self._promotion[template]

    def has_approval(self, template: str, locale: str) -> bool:
        """Say whether WhatsApp approved a template that says it, in any locale."""
        return self.files.approval(template, locale) is not None

    def approval(self, template: str, locale: str, variables: Mapping[str, Any]) -> Approval | None:
        """Return the approved WhatsApp template, filled in for one reader; each value is rendered by itself.

        Raises TemplateError, also for a blank value.
        """
        found = self.files.approval(template, locale)
        if found is None:
            return None
        written, name = found
        try:
            approved = self.files.approved(name)
        except ValueError as error:
            raise TemplateError(str(error)) from error
        values = {**variables, "locale": _spoken(locale, written), "zone": _zone(variables)}
        filled = {key: one_line(self._run(f"{name}?{key}", values)) for key in approved.variables}
        if blank := next((key for key, value in filled.items() if not value), ""):
            remedy = "WhatsApp takes no empty value: write what it says where there is nothing"
            raise TemplateError(f"the value of {blank} is blank", place=str(self.folder / name), remedy=remedy)
        return Approval(approved.content, filled, approved.filled(filled), written)

    def variables(self, template: str, channel: str, locale: str) -> set[str]:
        """Return the dotted names of the variables it reads, e.g. `customer.name`."""
        _, name = self._find(template, channel, locale)
        try:
            return {use.name for use in self._names.uses(name)}
        except JinjaError as error:
            self._fail(error, name)

    def problems(self, template: str, channels: Sequence[str], rules: Rules) -> list[Problem]:
        """Return all that is wrong with a template, and with its arms, for these channels; line 0: the whole file."""
        lint = self._lint(rules)
        return [found for name in (template, *self.files.arms(template)) for found in lint.problems(name, channels)]

    def _lint(self, rules: Rules) -> Lint:
        return Lint(self._names, self.files, self, TemplateError, rules)

    def show_approval(self, template: str, locale: str) -> Approval | None:
        """Fill the approved WhatsApp template in with the template's `sample.json`."""
        return self.approval(template, locale, self._sample(template, locale))

    def _sample(self, template: str, locale: str) -> dict[str, Any]:
        try:
            return as_variables(self.files.sample(template), locale)
        except ValueError as error:
            raise TemplateError(str(error)) from error

    def _find(self, template: str, channel: str, locale: str) -> tuple[str, str]:
        found = self.files.text(template, channel, locale)
        if found is None:
            remedy = f"write {self.folder}/{template}/{self.files.default_locale}/{channel}.txt.j2"
            raise TemplateError(f"template {template!r} has no text for {channel!r}", remedy=remedy)
        return found

    def _has_subject(self, name: str) -> bool:
        return name.rsplit("/", 1)[1].partition(".")[0] in WITH_SUBJECT

    def _laid_out(self, name: str, values: Mapping[str, Any]) -> Filled:
        """Return what a template says, but for its page."""
        subject = short(one_line(self._run(name + SUBJECT, values))) if self._has_subject(name) else ""
        return Filled(subject, CONTROL.sub("", self._run(name + BODY, values)).strip() + "\n")

    def _html(self, name: str, values: Mapping[str, Any], subject: str, text: str) -> str:
        mail = Mail.of(values, subject, text)
        return CONTROL.sub("", self._run(self._page(name), {**values, "mail": mail.data()}))

    def _page(self, name: str) -> str:
        """Return which page is around a mail."""
        own = name.replace("email.txt.j2", "email.html.j2")
        return own if self.files.has(own) else LAYOUT

    def _run(self, name: str, variables: Mapping[str, Any]) -> str:
        try:
            return self.environment.run(self.environment.get_template(name), variables)
        except (JinjaError, *WRONG) as error:
            self._fail(error, name)

    def _fail(self, error: Exception, name: str) -> NoReturn:
        if isinstance(error, TemplateNotFound):
            raise TemplateError(
                f"no template file {error.name!r}", place=str(self.folder / name.partition("?")[0])
            ) from error
        cause = (error.message or "") if isinstance(error, JinjaError) else f"{type(error).__name__}: {error}"
        place = f"{self.folder / name.partition('?')[0]}:{self._line(error)}"
        if isinstance(error, TemplateSyntaxError):
            place = f"{error.filename}:{error.lineno}"
        raise TemplateError(cause, place=place, remedy="correct the template, then try `forewarn preview`") from error

    def _line(self, error: Exception) -> int:
        """Return the line of the template where it happened: Jinja maps its frames back to the files."""
        lines = [line for frame, line in walk_tb(error.__traceback__) if frame.f_code.co_filename.endswith(".j2")]
        return lines[-1] if lines else 1


def _spoken(asked: str, written: str) -> str:
    """Return the locale for numbers and times: the reader's own, if the text is in that language."""
    same = asked.replace("_", "-").partition("-")[0] == written.partition("-")[0]
    return asked if same else written


def _zone(variables: Mapping[str, Any]) -> str:
    """Return the zone the reader lives in, as far as it is known."""
    return str(variables.get("person", {}).get("zone") or variables.get("customer", {}).get("zone") or "")
