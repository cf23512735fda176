"""Everything that is wrong with a configuration, at once: each file by itself, and what they say of each other."""

import re
from collections.abc import Mapping
from pathlib import Path

from engine.config.check_calendars import check_calendars
from engine.config.check_desks import check_desks
from engine.config.check_detectors import check_detectors
from engine.config.check_digest import check_digest
from engine.config.check_goodwill import check_articles, check_goodwill, check_roles
from engine.config.check_incidents import check_incidents
from engine.config.check_limits import check_limits
from engine.config.check_mail import check_mail
from engine.config.check_main import check_main
from engine.config.check_messages import check_messages
from engine.config.check_playbooks import check_playbooks
from engine.config.check_policy import check_policy
from engine.config.check_sending import check_sending
from engine.config.check_status import check_status
from engine.config.check_templates import check_templates
from engine.config.load import read_folder
from engine.config.loaded import Loaded
from engine.config.model import Config
from engine.config.problems import Problem, errors
from engine.config.tests_read import load_tests

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


def check(folder: Path, environ: Mapping[str, str] | None = None) -> list[Problem]:
    """Return all problems of the configuration under `folder`, by file, line and column."""
    return checked(folder, environ)[1]


def checked(folder: Path, environ: Mapping[str, str] | None = None) -> tuple[Config | None, list[Problem]]:
    """Return the configuration, or None where anything is an error, and all problems."""
    loaded = read_folder(folder, environ)
    check_main(loaded)
    check_desks(loaded)
    check_policy(loaded)
    check_incidents(loaded)
    check_sending(loaded)
    check_calendars(loaded)
    check_detectors(loaded)
    check_playbooks(loaded)
    check_limits(loaded)
    check_status(loaded)
    check_goodwill(loaded)
    check_articles(loaded)
    check_roles(loaded)
    check_templates(loaded)
    check_messages(loaded)
    check_mail(loaded)
    check_digest(loaded)
    _check_names(loaded)
    loaded.problems.found.extend(load_tests(loaded.folder)[1])
    problems = loaded.problems.sorted()
    return (None if errors(problems) else loaded.config()), problems


def _check_names(loaded: Loaded) -> None:
    for section in ("detectors", "playbooks"):
        names = loaded.declared[section]
        for name, place in names.items():
            alone = sum(other.file == place.file for other in names.values()) == 1
            stem = Path(place.file).stem
            if not _NAME.fullmatch(name):
                loaded.problems.error(place, f'"{name}" is no name', "use letters, digits and - only")
            elif alone and stem != name:
                loaded.problems.warning(place, f'the name "{name}" is not the file\'s', f"call the file {name}.yaml")
