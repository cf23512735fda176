"""Several dispatchers share what providers and agents can take: together they are no faster than one may be."""

from pathlib import Path

import pytest

from engine.dispatching.dispatcher import Dispatcher
from engine.traffic.bucket import Bucket
from engine.traffic.common import Common
from tests.engine.post import Post

LIMITED = {"channels.yaml": "email: {type: memory, rate: 12 per 1m}\n"}
PACED = {"policy.yaml": "pace: {agents: 2, contacts_per_agent: 6 per 1h}\n"}


class Room:
    """A room of six at once and one a second, and what was written down of it."""

    def __init__(self) -> None:
        self.total = 0.0

    def share(self) -> tuple[Bucket, Common]:
        bucket = Bucket(1.0, 6.0, 0.0)
        return bucket, Common("room", bucket)

    def taken(self, common: Common, count: int, now: float) -> None:
        """Let one take so many, as in a transaction that is committed."""
        common.learn(self.total, now)
        for _ in range(count):
            common.take(now)
        self.total += common.tell()


def free(bucket: Bucket, now: float) -> int:
    """Return how many would fit now."""
    return next(count for count in range(100) if bucket.turn("new", now, weight=1.0 + count) > now or count == 6)


@pytest.fixture
def room() -> Room:
    return Room()


def test_each_knows_what_the_other_took(room: Room) -> None:
    (one, a), (two, b) = room.share(), room.share()
    b.learn(room.total, 0.0)
    room.taken(a, 4, 0.0)
    b.learn(room.total, 0.0)
    assert (free(one, 0.0), free(two, 0.0)) == (2, 2)
    room.taken(b, 1, 1.0)
    a.learn(room.total, 1.0)
    assert (free(one, 1.0), free(two, 1.0)) == (2, 2)


def test_who_is_new_begins_with_nothing_where_anybody_sent_before(room: Room) -> None:
    (_, a), (two, b) = room.share(), room.share()
    room.taken(a, 1, 0.0)
    b.learn(room.total, 0.0)
    assert (free(two, 0.0), free(two, 2.0)) == (0, 2)
    (three, c) = room.share()
    c.learn(0.0, 0.0)
    assert free(three, 0.0) == 6


def test_machines_whose_clocks_differ_agree(room: Room) -> None:
    (one, a), (two, b) = room.share(), room.share()
    ahead = 3600.0
    b.learn(room.total, ahead)
    for second in range(10):
        room.taken(a, 1, float(second))
        room.taken(b, 1, ahead + second)
    a.learn(room.total, 10.0)
    assert free(one, 10.0) == free(two, ahead + 10.0) == 0


def test_what_was_not_committed_is_not_counted_twice_nor_for_ever(room: Room) -> None:
    (_, a), (two, b) = room.share(), room.share()
    b.learn(0.0, 0.0)
    a.learn(0.0, 0.0)
    a.take(0.0)
    a.tell()  # and the transaction fails
    room.taken(a, 1, 0.0)
    b.learn(room.total, 0.0)
    assert free(two, 0.0) == 5


def rounds(post: Post, dispatchers: list[Dispatcher], seconds: float) -> None:
    """Let all work, second by second."""
    for _ in range(int(seconds)):
        for each in dispatchers:
            while each.run_once():
                pass
        post.clock.advance(1.0)


def crowd(folder: Path, changes: dict[str, str], count: int) -> Post:
    """Return a post office with so many messages that are due, of as many accounts."""
    post = Post(folder, {**changes, "playbooks/errors.yaml": UNBOUNDED})
    for number in range(count):
        post.tell(f"contact/ann-a{number}", post.issue(post.account(f"a{number}"), f"iss_{number}"))
    return post


UNBOUNDED = """
name: errors
when: {detector: errors}
steps:
  - message: {channels: [email], template: errors/notice}
  - message: {on: resolved, template: errors/resolved}
limits: {blast_radius: {max: 1000000, canary: 100%}}
"""


@pytest.mark.parametrize("store_kind", ["postgres"], indirect=True)
@pytest.mark.parametrize(("changes", "room"), [(LIMITED, 24.0), (PACED, 7.2)], ids=["rate", "pace"])
def test_together_they_send_no_faster_than_one_may(
    changes: dict[str, str], room: float, tmp_path: Path, store_kind: str
) -> None:
    post = crowd(tmp_path, changes, 60)
    dispatchers = [post.another(f"dispatcher {n}") for n in range(3)]
    rounds(post, dispatchers, 60.0)
    assert room * 2 / 3 < len(post.sent()) <= room + 3, "what fits at once and what flows in, and the last of each"
    post.database.close()
