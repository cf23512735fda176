"""Secrets: named in the configuration, read from the environment or a file, never shown."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from engine.config.problems import Problems
from engine.config.yamlsource import Scalar, Table

SOURCES = ("env", "file")


class Secret(str):
    """A text that shows neither in reprs nor in logs of them; where it is used it is the text itself.

    >>> {"token": Secret("hunter2")}
    {'token': Secret(***)}
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(***)"


class Unset(Secret):
    """Stands for a secret whose variable or file is not there: empty, with the reason."""

    __slots__ = ("reason",)
    reason: str

    def __new__(cls, reason: str) -> "Unset":
        """Make an empty text that knows why it is empty."""
        self = super().__new__(cls, "")
        self.reason = reason
        return self

    def __repr__(self) -> str:
        return f"Unset({self.reason!r})"


@dataclass(frozen=True, slots=True)
class Vault:
    """Where secrets are looked up."""

    environ: Mapping[str, str]
    folder: Path
    """What relative paths of `{file: …}` are relative to."""
    what: str = "the channel"
    """Whose secrets they are."""

    def asked(self, node: object) -> bool:
        """Say whether `node` is `{env: NAME}` or `{file: PATH}`."""
        return isinstance(node, Table) and [entry.key for entry in node.entries] in [[key] for key in SOURCES]

    def read(self, node: Table, problems: Problems) -> Secret:
        """Return the secret that `node` names; one that is not there is a warning."""
        entry = node.entries[0]
        if not isinstance(entry.value, Scalar) or not entry.value.text:
            problems.error(entry.value.place, f"{entry.key} needs a name", f"write {{{entry.key}: NAME}}")
            return Unset("it has no name")
        secret = self._env(entry.value.text) if entry.key == "env" else self._file(entry.value.text)
        if isinstance(secret, Unset):
            problems.warning(entry.value.place, secret.reason, f"{self.what} cannot be used without it")
        return secret

    def _env(self, name: str) -> Secret:
        value = self.environ.get(name)
        return Secret(value) if value else Unset(f"the variable {name} is not set")

    def _file(self, name: str) -> Secret:
        try:
            value = (self.folder / name).read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            return Unset(f"the secret file {name} cannot be read: {reason}")
        return Secret(value) if value else Unset(f"the secret file {name} is empty")


def unset(params: Mapping[str, Any]) -> list[str]:
    """Return, of the parameters of a channel, the reasons of those whose secret is not there.

    >>> unset({"host": "127.0.0.1", "token": Unset("the variable TOKEN is not set")})
    ['the variable TOKEN is not set']
    """
    return [each.reason for value in params.values() for each in _each(value) if isinstance(each, Unset)]


def redacted(text: str, params: Mapping[str, Any]) -> str:
    """Return `text` with every secret of `params` struck out."""
    for value in params.values():
        for each in _each(value):
            if isinstance(each, Secret) and each:
                text = text.replace(str.__str__(each), "***")
    return text


def _each(value: Any) -> list[Any]:
    """Return the values within a value, of a list and of what a nested mapping became."""
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in fields(value)]
    return list(value) if isinstance(value, list | tuple) else [value]
