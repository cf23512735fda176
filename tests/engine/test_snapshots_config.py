"""Where snapshots and versions of models are: said in forewarn.yaml."""

import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from engine.clock import FakeClock
from engine.config.check import checked
from engine.config.load import load_or_raise
from engine.storage import Storage
from tests.bucket import Bucket
from tests.engine.conftest import FILES, Forewarn

STATE = {"x": np.arange(10)}


def told(shop: Path, text: str) -> Path:
    """Write what forewarn.yaml says of snapshots, and return the configuration's folder."""
    (shop / "config/forewarn.yaml").write_text(f"{FILES['config/forewarn.yaml']}{text}\n")
    return shop / "config"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("s3", '"s3" is no place for snapshots; write s3://bucket/…, file:///folder or database'),
        ("s3://", '"s3://" is no place for snapshots'),
        ("file://server/share", "a folder of another machine cannot be named so; mount it, and write file:///…"),
        ("s3://key:hunter2@bucket/a", "a secret may stand in it; let the store's own variables tell it"),
        ("s3://bucket/a?token=hunter2", "a secret may stand in it"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(shop: Path, url: str, problem: str) -> None:
    config, problems = checked(told(shop, f"snapshots: {{url: '{url}'}}"))
    said = [str(each) for each in problems]
    assert config is None
    assert any(each.startswith("forewarn.yaml:5:18:") and problem in each for each in said), said
    assert "hunter2" not in "".join(said)


@pytest.mark.parametrize("url", ["", "database", "s3://bucket", "s3://bucket/forewarn/", "file:///mnt/shared"])
def test_what_is_right_is_taken(shop: Path, url: str) -> None:
    config, problems = checked(told(shop, f"snapshots: {{url: '{url}'}}"))
    assert config is not None, [str(each) for each in problems]
    assert config.main.snapshots.url == url


@pytest.fixture(params=["data folder", "folder", "bucket", "sqlite", "postgres"])
def place(request: pytest.FixtureRequest, shop: Path) -> str:
    """Let forewarn.yaml name each kind of store; return how its snapshots are called."""
    match request.param:
        case "data folder":
            told(shop, "")
            return str(shop / "config/var/snapshots")
        case "folder":
            told(shop, f"snapshots: {{url: '{(shop / 'with space').as_uri()}'}}")
            return str(shop / "with space/snapshots")
        case "bucket":
            Bucket.at(shop.name)
            told(shop, f"snapshots: {{url: 'bucket://{shop.name}/here/'}}")
            return f"bucket://{shop.name}/here/snapshots"
        case "sqlite":
            told(shop, "snapshots: {url: database}")
            return "snapshots"
        case _:
            url = request.getfixturevalue("postgres")
            told(shop, f"snapshots: {{url: database}}\nstore: {{url: '{url}'}}")
            return "snapshots"


def test_doctor_and_models_look_there(forewarn: Forewarn, shop: Path, place: str) -> None:
    assert {each["state"] for each in forewarn("doctor", "--json").json if each["what"].startswith("snap")} == {"ok"}
    config = load_or_raise(shop / "config", {})
    with closing(Storage.embedded(config, FakeClock(0.0))) as storage:
        assert storage.snapshots is not None
        assert storage.versions is not None
        storage.snapshots.write(0, 1234, STATE, {}, epoch=1)
        bad = storage.snapshots.write(0, 1235, STATE, {}, epoch=1)
        blobs = storage.snapshots._blobs
        where = blobs.place(bad)
        blobs.delete(bad)
        blobs.write(bad, [b"rubbish"])
        for version in ("old", "new"):
            storage.versions.keep(("errors", version, 0), 9, STATE, {"at": float(version == "new"), "series": 3})
    assert place in where
    found = {each["what"]: each for each in forewarn("doctor", "--json").json}
    assert found["snapshot 0"]["state"] == "warning"
    assert where in found["snapshot 0"]["detail"]
    listed = forewarn("models", "list", "errors", "--json").json
    assert [(each["version"], each["partition"], each["series"]) for each in listed] == [("new", 0, 3), ("old", 0, 3)]
    refused = forewarn("models", "revert", "errors", "older")
    assert (refused.code, "it has new, old" in refused.err) == (1, True)


def test_versions_are_trimmed_there(shop: Path, place: str) -> None:
    config = load_or_raise(shop / "config", {})
    with closing(Storage.embedded(config, FakeClock(0.0))) as storage:
        versions = storage.versions
        assert versions is not None
        for at, version in enumerate(("a", "b", "c")):
            for partition in range(2):
                versions.keep(("errors", version, partition), 9, STATE, {"at": at, "series": 3})
        versions.keep(("errors", "c", 0), 10, {"x": np.zeros(3)}, {"at": 9.0, "series": 0})
        assert versions.find("errors", "c", 0).offset == 9, "one that is there stays as it is"
        versions._blobs.delete("errors/b-p00000.model")
        versions._blobs.write("errors/b-p00000.model", [b"rubbish"])
        assert [each.version for each in versions.listing()] == ["c", "c", "b", "a", "a"]
        assert versions.trim(1) == 3
        assert [each.version for each in versions.listing("errors")] == ["c", "c"]


def test_without_fsspec_doctor_says_what_to_install(
    forewarn: Forewarn, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(shop, "snapshots: {url: 's3://bucket/forewarn'}")
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    found = {each["what"]: each for each in forewarn("doctor", "--json").json}
    assert found["snapshots"]["state"] == "failed"
    assert "install forewarn[objects]" in found["snapshots"]["detail"]
