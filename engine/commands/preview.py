"""`forewarn preview`"""

import json as json_of
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.commands.output import emit, heading, note, safe
from engine.commands.shared import AsJson, ConfigFolder, Unusable, configured
from engine.config.problems import nearest
from engine.errors import ForewarnError
from outreach.files import ARM, as_variables
from outreach.lint import WHATSAPP
from outreach.registry import channel_types
from outreach.render import Rendered, TemplateError, Templates

app = typer.Typer(add_completion=False)
TICKET = "ticket"
FORMS = ("email", "sms", TICKET)


@app.command()
def preview(
    template: Annotated[str, typer.Argument(help="Its name, as api-errors/notice.")],
    config: ConfigFolder = None,
    sample: Annotated[
        Path | None, typer.Option(help="JSON file of variables; without it the template's sample.json.")
    ] = None,
    channel: Annotated[str, typer.Option(help="email, sms, ticket …; without it the first it has a text for.")] = "",
    locale: Annotated[str, typer.Option(help="As de or en-GB; without it the configuration's own.")] = "",
    html: Annotated[Path | None, typer.Option(help="Write the HTML of an e-mail to this file.")] = None,
    json: AsJson = False,
) -> None:
    """Show a template as its reader gets it: subject, text, and with --html the HTML; and the arms of an experiment."""
    main = configured(config)
    templates = Templates(main.templates_dir, default_locale=main.main.locale)
    if template not in templates.templates():
        raise Unusable(f"there is no template {template!r}", remedy=nearest(template, templates.templates()))
    form, wanted = channel or _form(templates, template), locale or main.main.locale
    _refuse_unknown(form)
    rendered = _rendered(templates, template, form, wanted, sample)
    arms = {name: _rendered(templates, name, form, wanted, sample) for name in templates.files.arms(template)}
    if rendered.locale.partition("-")[0] != wanted.replace("_", "-").partition("-")[0]:
        note(f"there is no text in {wanted!r}; readers get {rendered.locale!r}")
    if html is not None:
        _write(html, rendered)
    if json:
        emit(_plain(rendered) | {"arms": {name: _plain(each) for name, each in arms.items()}})
        return
    _show(rendered)
    for name, each in arms.items():
        heading(_titled(templates, name))
        _show(each)
    if form == WHATSAPP:
        _show_approval(templates, template, wanted)


def _refuse_unknown(form: str) -> None:
    known = [*channel_types(), TICKET]
    if form not in known:
        raise Unusable(f"there is no channel {form!r}", place="--channel", remedy=nearest(form, known))


def _form(templates: Templates, template: str) -> str:
    return next((form for form in FORMS if templates.has(template, form)), FORMS[0])


def _rendered(templates: Templates, template: str, channel: str, locale: str, sample: Path | None) -> Rendered:
    try:
        if sample is None:
            return templates.preview(template, channel, locale)
        return templates.render(template, channel, locale, as_variables(_sample(sample), locale))
    except TemplateError as error:
        raise ForewarnError(error.cause, place=error.place, remedy=error.remedy) from error


def _sample(path: Path) -> dict[str, Any]:
    try:
        found = json_of.loads(path.read_bytes())
    except ValueError as error:
        raise Unusable(f"is no JSON: {error}", place=str(path), remedy="write an object of variables") from error
    if not isinstance(found, dict):
        raise Unusable("is no JSON object", place=str(path), remedy="write an object of variables")
    return found


def _plain(rendered: Rendered) -> dict[str, str]:
    return {"subject": rendered.subject, "text": rendered.text, "html": rendered.html, "locale": rendered.locale}


def _titled(templates: Templates, name: str) -> str:
    arm = name.partition(ARM)[2]
    share = templates.settings(name).variants.get(arm)
    return f"{name}: {f'{share:.0%} of the accounts' if share else 'closes what that arm began'}"


def _show_approval(templates: Templates, template: str, locale: str) -> None:
    """Show what is sent outside of a conversation."""
    try:
        found = templates.show_approval(template, locale)
    except TemplateError as error:
        raise ForewarnError(error.cause, place=error.place, remedy=error.remedy) from error
    heading(f"outside of 24 hours: {found.content}" if found else "outside of 24 hours: nothing, as none is approved")
    if found:
        typer.echo(safe(found.text))


def _write(path: Path, rendered: Rendered) -> None:
    if not rendered.html:
        raise Unusable("this text has no HTML", place=str(path), remedy="only e-mails have: --channel email")
    path.write_text(rendered.html, encoding="utf-8")


def _show(rendered: Rendered) -> None:
    if rendered.subject:
        typer.echo(f"Subject: {safe(rendered.subject)}\n")
    typer.echo(safe(rendered.text), nl=False)
