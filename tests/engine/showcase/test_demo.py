"""A small fleet end to end, its page, and a backtest over the same events written to a file."""

import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from markupsafe import Markup
from sqlmodel import select

from detectors.durations import Duration
from engine.backtest import Backtest, backtest
from engine.backtest import page as backtest_page
from engine.chunk import Chunk
from engine.config.load import load_or_raise
from engine.config.model import Config
from engine.recordings.chunks import chunks
from engine.rehearsal import rehearsal
from engine.showcase.demo import STAND_INS, Run, play, tell
from engine.showcase.page import render
from engine.showcase.samples import Reasoned
from engine.showcase.scorecard import Moment, Scorecard, compare
from engine.showcase.timeline import timeline
from engine.simulate import Scenario, Truth, read_scenario, simulate, truth, write
from engine.starter import default_scenario, starter
from engine.store.models import Issue

SEED = 5


@pytest.fixture(scope="module")
def config() -> Config:
    return load_or_raise(starter() / "config", STAND_INS)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """Four days of sixty accounts, most of them with all that can break."""
    whole = read_scenario(default_scenario())
    waves = tuple(
        replace(wave, starts=(Duration("26h"), Duration("60h")), count=3, accounts=min(wave.accounts, 4))
        for wave in whole.waves
    )
    return replace(
        whole,
        accounts=60,
        days=4,
        waves=waves,
        chunk=Duration("30m"),
        api=replace(whole.api, share=0.5, per_day=1000.0),
        webhooks=replace(whole.webhooks, share=0.4),
        devices=replace(whole.devices, share=0.4),
    )


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, config: Config, scenario: Scenario) -> tuple[Scorecard, str, float]:
    out = tmp_path_factory.mktemp("demo")
    known = truth(scenario, SEED)
    begin = time.process_time()
    with rehearsal(config, scenario.starts_at) as held:
        went = play(held, simulate(scenario, SEED), scenario, "forewarn demo --seed 5")
        card = tell(held, config, known, went, out)
    return card, (out / "index.html").read_text("utf-8"), time.process_time() - begin


def test_a_small_fleet_is_warned(ran: tuple[Scorecard, str, float], scenario: Scenario) -> None:
    card, _, _ = ran
    known = truth(scenario, SEED)
    assert card.would_contact == sum(len(incident.contacts) for incident in known.incidents)
    assert card.affected == sum(len(incident.accounts) for incident in known.incidents)
    assert card.by_wave["device-offline"].found == card.by_wave["device-offline"].incidents
    assert card.by_wave["job-missed"].found == card.by_wave["job-missed"].incidents
    assert card.warned_before > 0
    assert card.messages > card.without_cause


def test_the_page_fetches_nothing_and_runs_nothing(ran: tuple[Scorecard, str, float]) -> None:
    _, page, _ = ran
    parser = _Loads()
    parser.feed(page)
    assert parser.found == []
    assert "<script" not in page.lower()
    assert not re.search(r"@import|url\(", page)


def test_the_page_shows_what_it_promises(ran: tuple[Scorecard, str, float]) -> None:
    card, page, _ = ran
    assert f"{card.warned_before} of {card.would_contact}" in page
    assert page.count("<iframe") == 2
    assert "forewarn demo --seed 5" in page
    assert 'class="timeline"' in page
    assert "data:image/svg+xml;base64," in page


def test_what_is_put_into_a_page_is_escaped() -> None:
    moment = Moment("<b>wave</b>", "account/a", 0.0, 10.0, 5.0, 6.0)
    drawn = timeline([moment], 0.0, 86400.0)
    assert "<b>" not in drawn
    assert "&lt;b&gt;wave" in drawn
    evil = "<script>alert(1)</script>"
    card = compare([], [], Truth(evil, 1, 0.0, 86400.0, 10, ()))
    page = render(
        "demo.html.j2", card=card, run=Run(1, 1.0, 900.0, evil), timeline=Markup(drawn), issues=[], most=0,
        mails=[], texts=[], ticket=None, decisions=[Reasoned("send", "allowed", evil, 1)],
    )  # fmt: skip
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 3


class _Loads(HTMLParser):
    """Collects what a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            fetched = name in {"src", "data", "poster", "background"} or (tag == "link" and name == "href")
            if fetched and not (value or "").startswith("data:"):
                self.found.append(f"{tag} {name}={value}")


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory, config: Config, scenario: Scenario) -> Backtest:
    file = tmp_path_factory.mktemp("recording") / "events.ndjson.zst"
    short = replace(scenario, days=2, accounts=30)
    write(short, SEED, file)
    return backtest(config, chunks([file], 1800.0))


def test_a_backtest_finds_what_a_run_finds(tested: Backtest, config: Config, scenario: Scenario) -> None:
    short = replace(scenario, days=2, accounts=30)
    with rehearsal(config, short.starts_at) as held:
        play(held, simulate(short, SEED), short, "")
        with held.engine.storage.database.reading() as session:
            ran = {(each.detector, each.series) for each in session.exec(select(Issue)).all()}
    assert {(each.detector, each.series) for each in tested.issues} == ran
    assert tested.rejected == {}
    assert tested.report.issues.opened == len(tested.issues)


def test_a_backtest_as_json_and_html(tested: Backtest) -> None:
    plain = msgspec.json.decode(msgspec.json.encode(tested))
    assert plain["events"] == tested.events
    parser = _Loads()
    parser.feed(backtest_page(tested))
    assert parser.found == []


def test_recordings_are_put_in_order_and_cut(tmp_path: Path) -> None:
    first, second = tmp_path / "a.ndjson", tmp_path / "b.ndjson"
    first.write_text(f"{line(10)}\n{line(5)}\nno json\n{line(130)}\n", "utf-8")
    second.write_text(f"{line(7)}\n{line(200)}\n", "utf-8")
    found = list(chunks([first, second], 60.0))
    assert [chunk.until for chunk in found] == [60.0, 120.0, 180.0, 200.0]
    assert found[0] == Chunk(60.0, "\n".join([line(5), "no json", line(7), line(10)]).encode())
    assert [chunk.payload.decode() for chunk in found[1:]] == ["", line(130), line(200)]


def line(second: int) -> str:
    return f'{{"id":"{second}","time":"1970-01-01T00:{second // 60:02d}:{second % 60:02d}Z"}}'


def test_an_empty_recording_is_told(tmp_path: Path, config: Config) -> None:
    empty = tmp_path / "empty.ndjson"
    empty.write_bytes(b"")
    with pytest.raises(ValueError, match="no event"):
        backtest(config, chunks([empty], 60.0))
