"""Channels and desks are found by the name of their file."""

from importlib.metadata import EntryPoint

import pytest

from outreach import registry
from outreach.base import ADDRESSES, Channel, TicketDesk


def test_every_channel_loads_and_is_named_as_its_file() -> None:
    for name in registry.channel_types():
        class_ = registry.channel_class(name)
        assert issubclass(class_, Channel)
        assert class_.kind == name
        assert class_.address in ADDRESSES


def test_every_desk_loads_and_is_named_as_its_file() -> None:
    for name in registry.desk_kinds():
        assert issubclass(registry.desk_class(name), TicketDesk)
        assert registry.desk_class(name).kind == name


@pytest.mark.parametrize(
    ("name", "hint"), [("emial", "did you mean 'email'?"), ("telegraph-wire", "there are email, inapp")]
)
def test_an_unknown_type_names_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(ValueError, match="no channel type") as caught:
        registry.channel_class(name)
    assert hint in str(caught.value)


def test_a_folder_is_not_left_by_a_name() -> None:
    with pytest.raises(ValueError, match="no channel type"):
        registry.channel_class("../base")


def test_a_wrong_entry_point_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("odd", "outreach.base:Message", "forewarn.channels")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    registry._found.cache_clear()
    with pytest.raises(ValueError, match="is no Channel"):
        registry.channel_class("odd")
    registry._found.cache_clear()
