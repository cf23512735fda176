"""The one composition root: a configuration and a clock become a running engine.

`Engine` has no loop of its own. `engine/serve.py` drives it with threads and the machine's clock, `engine/replay.py`
over recorded events with a clock that the events drive: what runs in between is the same.
"""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import replace
from secrets import token_hex
from socket import gethostname

import structlog

from engine.clock import Clock
from engine.cluster.leadership import Follower
from engine.cluster.roles import ALL, Role
from engine.config.check import checked
from engine.config.model import NOWHERE, Config
from engine.config.problems import Problem, errors
from engine.connectors import channels_of, desks_of, exchange, rehearsed
from engine.conversations.answers import templates_of
from engine.desks.polling import Poller
from engine.dispatching import Dispatcher, Unfinished
from engine.errors import ConfigError
from engine.eventlog.membership import Membership
from engine.events import Decoder, Schema
from engine.feed import Feed
from engine.incidents.consumer import Incidents
from engine.intake import Intake
from engine.letters import Outside
from engine.links import Links
from engine.partitions import Alone, Nowhere, Partitions
from engine.pipeline import Pipeline
from engine.schedule import Job, Schedule, daily, every
from engine.scoring import Scorer, Subjects
from engine.standing import Pool, Standing
from engine.status.keeper import Keeper
from engine.storage import Storage
from engine.store.progress import PIPELINE
from engine.tickets import Tickets
from engine.traffic import SendingState, Traffic
from engine.upkeep import Upkeep
from engine.web import mailboxes
from engine.web.services import Services
from engine.wording import Speaker
from outreach.base import Channel, TicketDesk
from outreach.tickets.builtin import BuiltinDesk

log = structlog.get_logger()
STATUS = 15.0
"""Seconds between two looks whether maintenance begins, or subscribers are to be told."""
TICK = 10.0
"""Seconds between two checks of what did not come."""


class Engine:
    """Every part, put together. Not thread-safe: what `engine/serve.py` has a thread for has one caller each."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        storage: Storage,
        channels: Mapping[str, Channel] | None = None,
        roles: Collection[Role] = ALL,
    ) -> None:
        self.config = config
        self.roles = frozenset(roles)
        self.clock = clock
        self.storage = storage
        self.tickets = Tickets(storage.database, clock)
        self.feed = Feed(storage.database, clock)
        self._given = channels is not None
        """Whether this is a rehearsal: what is sent stays here, tickets too."""
        self.channels = dict(channels) if channels is not None else channels_of(config, self.feed)
        self.desks = self._desks(config)
        self._retired: list[Channel | TicketDesk] = []
        self.traffic: Traffic | None = None
        self.links = Links(config.main.listen.public_url, storage.secret)
        self._name = f"{gethostname()}:{os.getpid()}:{token_hex(4)}" if storage.database.several else "dispatcher"
        """Under which it claims what it sends, and partitions; no two processes have the same."""
        self._partitions = Partitions(config, storage, clock, self._membership())
        self.intake = Intake(storage.log, storage.dead_letters, decoder_of(config), clock)
        leadership = None if Role.SCHEDULE in self.roles else Follower()
        self.schedule = Schedule((), storage.database, clock, leadership)
        self._unfinished = Unfinished()
        self._next: tuple[Config, dict[str, Channel], dict[str, TicketDesk]] | None = None
        self._snapshot_due = False
        self._assemble()

    def _membership(self) -> Membership:
        if Role.WORKER not in self.roles:
            return Nowhere()
        told = self.config.main.log
        joined = self.storage.log.join(told.group, self._name, session=told.session)
        return joined or Alone(self.storage.log, self._name)

    @property
    def pipelines(self) -> list[Pipeline]:
        """Those of the partitions this process has."""
        return self._partitions.pipelines

    def _assemble(self) -> None:
        """Build what is built anew with a new configuration; models are not."""
        config = self.config
        self.intake.decoder = decoder_of(config)
        several = self.storage.database.several
        self.traffic = Traffic(config, self.channels, self.clock.time(), self.traffic, several=several)
        self.dispatcher = Dispatcher(
            config,
            self.storage.database,
            Outside(
                channels=self.channels,
                desks=self.desks,
                templates=templates_of(config),
                speaker=Speaker(config, self.links),
            ),
            self.clock,
            name=self._name,
            traffic=self.traffic,
            unfinished=self._unfinished,
            concurrent=not self._given,
        )
        self.poller = Poller(config, self.storage.database, self.desks, self.intake, self.clock)
        self.incidents = Incidents(config, self.storage, self.clock, self._name)
        self.upkeep = Upkeep(config, self.storage, self.clock)
        self.schedule.jobs = [*self._jobs(), *self._status_jobs()]

    def _jobs(self) -> list[Job]:
        config, upkeep = self.config.main, self.upkeep
        return [
            Job("tick", every(TICK), upkeep.tick, kept=False),
            Job("follow-up", every(60.0), upkeep.follow_up, kept=False),
            Job("reconcile", every(60.0), lambda _: self.dispatcher.reconcile(), kept=False),
            Job("deliveries", every(60.0), upkeep.deliveries, kept=False),
            Job("streams", every(60.0), upkeep.streams, kept=False),
            Job("snapshot", every(float(config.snapshot_every)), self._want_snapshot, kept=False, everywhere=True),
            Job("retention", every(3600.0), upkeep.retain),
            Job("models", daily(config.report_at), upkeep.keep_models),
            Job("report", daily(config.report_at), upkeep.report, every_run=True),
        ]

    def _status_jobs(self) -> list[Job]:
        """Return what the status page asks for, if there is one, and in-app channels; nothing of it in a rehearsal."""
        if self._given:
            return []
        jobs = [Job("feed", every(3600.0), lambda _: self.feed.forget(), kept=False)]
        if self.config.status is not None:
            keeper = Keeper(self.config, self.config.status, self.storage, self.clock)
            jobs.append(Job("status", every(STATUS), keeper.tick, kept=False))
        return jobs

    def restore(self) -> list[str]:
        """Come back to where the engine was; returns what went wrong on the way, as sentences."""
        if Role.DISPATCH in self.roles:
            self.dispatcher.recover()
        return self._partitions.restore()

    def step(self) -> int:
        """Process what has come in since; returns how many events that was."""
        self._take_over()
        self._partitions.follow()
        count = self._partitions.step()
        due, self._snapshot_due = self._snapshot_due, False
        self._partitions.snapshot_aside(due=due)
        return count

    def dispatch(self) -> int:
        """Do what is due in the outbox; returns how many intents were dealt with."""
        return self.dispatcher.run_once()

    def collect(self) -> int:
        """Read the mailboxes of channels, if this process leads; returns how many mails there were."""
        if not self.schedule.look():
            return 0
        return mailboxes.collect(services(self, tuple))

    def form(self) -> int:
        """Make incidents of what partitions told, if this process leads; returns how many lines that was."""
        return self.incidents.run_once() if self.schedule.look() else 0

    def poll(self) -> int:
        """Ask the ticket desks that are due, if this process leads; returns how many were asked."""
        if not self.schedule.look():
            return 0
        return self.poller.run_once()

    def run_due(self) -> list[str]:
        """Run the jobs that are due; returns their names."""
        return self.schedule.run_due()

    def _want_snapshot(self, due: float) -> None:
        """Ask for a snapshot at the end of the next step: only there do the models stand still."""
        self._snapshot_due = True

    def snapshot(self) -> None:
        """Write every partition's models, and let the log forget what lies before."""
        self._partitions.snapshot()

    def write_aside(self, executor: Executor) -> None:
        """Let `executor` write the snapshots that come due, while events are processed."""
        self._partitions.aside = executor

    def leave(self) -> None:
        """Give up the partitions: others need not wait until this process is missed."""
        self._partitions.close()

    def sending(self) -> SendingState:
        """Return how every provider stands, and who is on duty."""
        return self.dispatcher.traffic.state(self.clock.time())

    def lags(self) -> dict[int, int]:
        """Return, of each partition that it has, how many events are in the log and not yet processed."""
        return self._partitions.lags()

    def lag(self) -> int:
        """Return how many events of its partitions are in the log and not yet processed."""
        return sum(self.lags().values())

    def unread(self) -> dict[int, int]:
        """Return, of each partition of the log, how many events no worker has put behind it for good."""
        log = self.storage.log
        told = self.config.main.log
        done = log.progress(told.group if told.kafka else PIPELINE)
        every = range(log.partitions)
        return log.lags({each: done[each] if each in done else log.begin(each) for each in every})

    def standing(self) -> Standing:
        """Return how this process stands; any thread may ask."""
        pool = self.storage.database.pool()
        leads = self.schedule.leads and Role.SCHEDULE in self.roles
        standing = self._partitions.standing()
        return replace(standing, roles=self.roles, leads=leads, pool=pool and Pool(*pool))

    def reload(self) -> Sequence[Problem]:
        """Read the configuration anew; with any error in it the running one stays, and the problems are returned."""
        config, problems = checked(self.config.folder)
        try:
            if config is not None:
                self._next = config, self._channels_of(config), self._desks_of(config)
                return problems
        except ConfigError as error:
            log.warning("configuration not taken over", error=str(error))
            return [*problems, Problem(NOWHERE, "error", error.cause)]
        log.warning("configuration not taken over", problems=[str(problem) for problem in errors(problems)])
        return problems

    def _channels_of(self, config: Config) -> dict[str, Channel]:
        """Return the channels there now, unless `config` says other than the configuration in force."""
        same = self._given or config.channels == self.config.channels
        return self.channels if same else channels_of(config, self.feed)

    def _desks_of(self, config: Config) -> dict[str, TicketDesk]:
        """Return the ticket desks, as `_channels_of`."""
        return self.desks if config.desks == self.config.desks else self._desks(config)

    def _desks(self, config: Config) -> dict[str, TicketDesk]:
        own = BuiltinDesk(store=self.tickets)
        return rehearsed(config, own) if self._given else desks_of(config, own)

    def _take_over(self) -> None:
        """Go on under the configuration that was read last; called between two steps, where nothing is under way."""
        if self._next is None:
            return
        (self.config, channels, desks), self._next = self._next, None
        self._retired += exchange(self.channels, channels)  # one may be sending: closed at the end
        self._retired += exchange(self.desks, desks)
        self._partitions.reconfigure(self.config)
        self._assemble()
        log.info("configuration taken over", folder=str(self.config.folder))

    def close(self) -> None:
        """Let go of connections and files. What was not snapshot is replayed at the next start."""
        with ExitStack() as stack:
            stack.callback(self.storage.close)
            stack.callback(self.schedule.stop)
            for connector in (*self._retired, *self.channels.values(), *self.desks.values()):
                stack.callback(connector.close)


def intake(config: Config, storage: Storage, clock: Clock) -> Intake:
    """Return the way in alone, for a process that puts events into the log and does nothing with them."""
    return Intake(storage.log, storage.dead_letters, decoder_of(config), clock)


def decoder_of(config: Config) -> Decoder:
    """Return what decodes what any detector of `config` wants."""
    rules, nobody = config.main.events, Subjects(lambda _: None, lambda _: {})
    scorer = Scorer(config.detectors, config.calendars, lateness=float(rules.lateness), subjects=nobody)
    return Decoder(Schema.build(scorer.fields, rules.known), future=float(rules.future))


def services(engine: Engine, unready: Callable[[], Sequence[str]]) -> Services:
    """Return what the web part needs of `engine`; `unready` says what keeps it from working."""
    return Services(
        config=lambda: engine.config,
        clock=engine.clock,
        database=engine.storage.database,
        log=engine.storage.log,
        dead_letters=engine.storage.dead_letters,
        intake=engine.intake,
        tickets=engine.tickets,
        links=engine.links,
        channels=engine.channels,
        unready=unready,
        lags=engine.lags,
        unread=engine.unread,
        standing=engine.standing,
        reload=engine.reload,
        sending=engine.sending,
        desks=engine.desks,
    )
