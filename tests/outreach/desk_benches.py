"""The benches of all desks: a desk, the stand-in behind it, and what an agent does there."""

import html
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from outreach.base import Change, TicketDesk
from outreach.desk_bench import DeskBench, Held
from outreach.remote import RemoteDesk
from outreach.tickets.builtin import BuiltinDesk, MemoryTickets
from outreach.tickets.freshdesk import Freshdesk
from outreach.tickets.jira import Jira
from outreach.tickets.servicenow import ServiceNow
from outreach.tickets.zammad import Zammad
from outreach.tickets.zendesk import Zendesk
from tests.outreach.fakes import freshdesk as fd
from tests.outreach.fakes import jira as jr
from tests.outreach.fakes import servicenow as sn
from tests.outreach.fakes import zammad as zm
from tests.outreach.fakes import zendesk as zd
from tests.outreach.fakes.desk import START, FakeDesk
from tests.outreach.fakes.freshdesk import FakeFreshdesk
from tests.outreach.fakes.jira import FakeJira
from tests.outreach.fakes.servicenow import FakeServiceNow
from tests.outreach.fakes.zammad import FakeZammad
from tests.outreach.fakes.zendesk import FakeZendesk

NOBODY = "http://127.0.0.1:9"


@dataclass
class Clock:
    """A time that passes when it is told to."""

    time: float = START

    def __call__(self) -> float:
        return self.time


class BuiltinBench(DeskBench):
    """The built-in desk on tickets in memory."""

    remote = False
    closes = False

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryTickets(now=self.clock)
        self.desk = BuiltinDesk(store=self.store)

    def held(self) -> list[Held]:
        return [self._held(number) for number in self.store.drafts]

    def _held(self, number: int) -> Held:
        draft, notes = self.store.drafts[number], self.store.notes.get(number, [])
        pictures = [each for each in (draft.picture, *(picture for _, picture in notes)) if each]
        text = "\n".join([draft.body, *(note for note, _ in notes)])
        state = self.store.states[number].status.value
        return Held(str(number), draft.subject, text, "", pictures, draft.tags, draft.severity,
                    state, draft.parent, draft.requester)  # fmt: skip

    def says(self, ticket: str, verdict: str) -> None:
        self.store.update(int(ticket), Change(tags=(f"forewarn-{verdict}",)))

    def pass_time(self, seconds: float) -> None:
        self.clock.time += seconds

    def time(self) -> float:
        return self.clock.time

    def unreachable(self) -> TicketDesk:
        return BuiltinDesk(store=Away())


class Away(MemoryTickets):
    """A store that cannot be reached."""

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_"):
            return super().__getattribute__(name)
        raise ConnectionError("the database is away")


class RemoteBench(DeskBench):
    """A desk behind HTTP and its stand-in."""

    desk: RemoteDesk
    fake: Any
    """One of `FakeDesk`, with an `event` and a `sign`."""
    signs: bool = True
    """Whether the vendor signs what it tells, and not only shows a secret."""
    stamps: bool = True
    """Whether the time is in what it signs."""
    windows: bool = True
    """Whether the vendor tells how many requests are left."""

    def __init__(self, fake: FakeDesk) -> None:
        self.fake = fake
        self.desk = self.build()

    def build(self, **changes: Any) -> RemoteDesk:
        """Return a desk that talks to the stand-in."""
        raise NotImplementedError

    def pass_time(self, seconds: float) -> None:
        self.fake.now += seconds

    def time(self) -> float:
        return float(self.fake.now)

    def swallow(self) -> None:
        self.fake.swallow()

    def unreachable(self) -> TicketDesk:
        return self.build(url=NOBODY)

    def webhook(self, ticket: str, secret: str | None = None) -> tuple[dict[str, str], bytes]:
        """Return the headers and the body of a request about a ticket."""
        body = self.fake.event(ticket)
        return self.fake.sign(body) if secret is None else self.fake.sign(body, secret), body

    def signed(self, body: bytes) -> dict[str, str]:
        """Return the headers of a request with that body."""
        signature: dict[str, str] = self.fake.sign(body)
        return signature

    def given(self, **more: Any) -> dict[str, Any]:
        """Return what all of them are made with."""
        return {"url": self.fake.url, "timeout": 0.5, "now": lambda: self.fake.now} | more


class ZendeskBench(RemoteBench):
    """Zendesk."""

    def build(self, **changes: Any) -> Zendesk:
        return Zendesk(**self.given(email=zd.EMAIL, token=zd.TOKEN, webhook_secret=zd.SECRET) | changes)

    def uninvited(self) -> TicketDesk:
        return self.build(token="guess")

    def held(self) -> list[Held]:
        return [self._held(ticket) for ticket in self.fake.tickets.values()]

    def _held(self, ticket: dict[str, Any]) -> Held:
        comments = ticket["comments"]
        return Held(
            str(ticket["id"]),
            ticket["subject"],
            "\n".join(each["body"] for each in comments),
            "\n".join(each["body"] for each in comments if each["public"]),
            [picture for each in comments for picture in each["pictures"]],
            tuple(ticket["tags"]),
            ticket["priority"],
            ticket["status"],
            str(ticket["problem_id"] or ""),
            ticket.get("requester", {}).get("email", ""),
        )

    def says(self, ticket: str, verdict: str) -> None:
        self.fake.tickets[ticket]["tags"].append(f"forewarn-{verdict}")


class ZammadBench(RemoteBench):
    """Zammad."""

    stamps = False
    windows = False
    closes = False

    def build(self, **changes: Any) -> Zammad:
        more = {"token": zm.TOKEN, "group": "Users", "customer": "bot@example.com", "webhook_secret": zm.SECRET}
        return Zammad(**self.given(**more) | changes)

    def uninvited(self) -> TicketDesk:
        return self.build(token="guess")

    def held(self) -> list[Held]:
        return [self._held(ticket) for ticket in self.fake.tickets.values()]

    def _held(self, ticket: dict[str, Any]) -> Held:
        articles = ticket["articles"]
        return Held(
            str(ticket["id"]),
            ticket["title"],
            "\n".join(unmarked(each["body"]) for each in articles),
            "\n".join([ticket["title"], *(each["body"] for each in articles if not each["internal"])]),
            [picture for each in articles for picture in each["pictures"]],
            tuple(ticket["tags"]),
            ticket["priority"],
            ticket["state"],
            ticket["parent"],
            ticket["customer"],
        )

    def says(self, ticket: str, verdict: str) -> None:
        self.fake.tickets[ticket]["tags"].append(f"forewarn-{verdict}")


class FreshdeskBench(RemoteBench):
    """Freshdesk."""

    signs = False
    stamps = False

    def build(self, **changes: Any) -> Freshdesk:
        more = {"api_key": fd.KEY, "email": "bot@example.com", "webhook_secret": fd.SECRET}
        return Freshdesk(**self.given(**more) | changes)

    def uninvited(self) -> TicketDesk:
        return self.build(api_key="guess")

    def held(self) -> list[Held]:
        return [self._held(ticket) for ticket in self.fake.tickets.values()]

    def _held(self, ticket: dict[str, Any]) -> Held:
        own = [ticket["description"]] if ticket["email"] != "bot@example.com" else []
        open_notes = [each["body"] for each in ticket["notes"] if not each["private"]]
        parents = [tag.split("-")[-1] for tag in ticket["tags"] if tag.startswith("forewarn-incident-")]
        return Held(
            str(ticket["id"]),
            ticket["subject"],
            unmarked("\n".join([ticket["description"], *(each["body"] for each in ticket["notes"])])),
            "\n".join([ticket["subject"], *own, *open_notes]),
            [picture for each in ticket["notes"] for picture in each["pictures"]],
            tuple(ticket["tags"]),
            str(ticket["priority"]),
            str(ticket["status"]),
            parents[0] if parents else "",
            ticket["email"],
        )

    def says(self, ticket: str, verdict: str) -> None:
        self.fake.tickets[ticket]["tags"].append(f"forewarn-{verdict}")


class ServiceNowBench(RemoteBench):
    """ServiceNow, with a field for tags."""

    unknown = "f" * 32
    signs = False
    stamps = False
    windows = False

    def build(self, **changes: Any) -> ServiceNow:
        more = {"user": sn.USER, "password": sn.PASSWORD, "tags_field": sn.TAGS, "webhook_secret": sn.SECRET}
        return ServiceNow(**self.given(**more) | changes)

    def uninvited(self) -> TicketDesk:
        return self.build(password="guess")

    def held(self) -> list[Held]:
        return [self._held(case) for case in self.fake.tickets.values()]

    def _held(self, case: dict[str, Any]) -> Held:
        contacts = {one["sys_id"]: one["email"] for one in self.fake.contacts}
        contact = contacts.get(case.get("contact"), "")
        return Held(
            case["sys_id"],
            case["short_description"],
            "\n".join([case["description"], *case["notes"]]),
            "\n".join([case["short_description"], case["description"] if contact else ""]),
            case["attachments"],
            tuple(case[sn.TAGS].split(",")),
            case["priority"],
            case["state"],
            case["parent"],
            contact,
        )

    def says(self, ticket: str, verdict: str) -> None:
        self.fake.tickets[ticket][sn.TAGS] += f",forewarn-{verdict}"


class JiraBench(RemoteBench):
    """Jira Service Management."""

    unknown = "SUP-99999"

    def build(self, **changes: Any) -> Jira:
        more = {"email": jr.EMAIL, "token": jr.TOKEN, "project": "SUP", "service_desk": "10", "request_type": "25"}
        return Jira(**self.given(**more, webhook_secret=jr.SECRET) | changes)

    def uninvited(self) -> TicketDesk:
        return self.build(token="guess")

    def held(self) -> list[Held]:
        return [self._held(issue) for issue in self.fake.tickets.values()]

    def _held(self, issue: dict[str, Any]) -> Held:
        people = {one["accountId"]: one["emailAddress"] for one in self.fake.customers if "emailAddress" in one}
        comments, links = issue["comments"], [one for one in self.fake.links if one["child"] == issue["key"]]
        assert len(links) < 2, "linked twice"
        shown = [each["body"] for each in comments if each["public"]]
        return Held(
            issue["key"],
            issue["summary"],
            "\n".join([issue["description"], *(each["body"] for each in comments)]),
            "\n".join([issue["summary"], issue["description"] if issue["reporter"] else "", *shown]),
            [picture for each in comments for picture in each["pictures"]],
            tuple(issue["labels"]),
            issue["priority"],
            issue["status"],
            links[0]["parent"] if links else "",
            people.get(issue["reporter"], ""),
        )

    def says(self, ticket: str, verdict: str) -> None:
        self.fake.tickets[ticket]["labels"].append(f"forewarn-{verdict}")


@contextmanager
def builtin() -> Iterator[DeskBench]:
    yield BuiltinBench()


def remote(there: Callable[[], Any], made: type[RemoteBench]) -> Callable[[], AbstractContextManager[Any]]:
    """Return a way to have a bench with its stand-in running."""

    @contextmanager
    def bench() -> Iterator[RemoteBench]:
        with there() as fake:
            opened = made(fake)
            yield opened
            opened.desk.close()

    bench.__name__ = made.__name__
    return bench


zendesk = remote(FakeZendesk, ZendeskBench)
jira = remote(FakeJira, JiraBench)
freshdesk = remote(FakeFreshdesk, FreshdeskBench)
servicenow = remote(FakeServiceNow, ServiceNowBench)
zammad = remote(FakeZammad, ZammadBench)


def unmarked(text: str) -> str:
    """Return HTML as it is read."""
    return html.unescape(re.sub(r"<[^>]*>", "\n", text))


REMOTE: list[Callable[[], AbstractContextManager[Any]]] = [zendesk, zammad, freshdesk, servicenow, jira]
ALL: list[Callable[[], AbstractContextManager[Any]]] = [builtin, *REMOTE]
