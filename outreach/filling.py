"""Templates of one folder as forms that are filled in, where they can be (`outreach.forms`)."""

from collections.abc import Callable

from jinja2 import TemplateError

from outreach.files import BODY, SUBJECT
from outreach.forms import Filled, Forms
from outreach.layout import Mail
from outreach.names import Names
from outreach.plan import Branch, Planner
from outreach.sandbox import Sandbox
from outreach.skeleton import fillable, page
from outreach.values import Said, Unplanned

MAIL = "/email.txt.j2"
"""How the names of texts end around which there is a page."""
WRONG = (ValueError, TypeError, ArithmeticError, LookupError, RecursionError, OSError)
"""What values may raise that a template is not meant for; OSError: a time too far away."""


class Filling:
    """Fills messages in. Safe to use from several threads."""

    def __init__(self, environment: Sandbox, names: Names, page_of: Callable[[str], str]) -> None:
        """`page_of` returns the name of the page around a text."""
        self._environment, self._names, self._page_of = environment, names, page_of
        self._planner = Planner(environment, names)
        self._forms: dict[str, Forms | None] = {}

    def filled(self, name: str, said: Said, *, has_subject: bool) -> Filled | None:
        """Return what the text `name` says; None where it has to be rendered: that tells what is wrong, if anything."""
        if name not in self._forms:
            self._forms[name] = self.forms(name, has_subject=has_subject)
        forms = self._forms[name]
        try:
            return forms.filled(said) if forms else None
        except (Unplanned, *WRONG):
            return None

    def forms(self, name: str, *, has_subject: bool) -> Forms | None:
        """Return a text's forms; None where it has none."""
        try:
            subject = self._planner.plan(name + SUBJECT) if has_subject else Branch([])
            body, around = self._planner.plan(name + BODY), self._page_of(name)
            fits = name.endswith(MAIL) and fillable(self._names, around)
        except (Unplanned, TemplateError):
            return None

        def laid_out(mail: Mail, said: Said) -> str | None:
            return page(self._environment, around, mail.data(), said) if fits else None

        return Forms(subject, body, laid_out)
