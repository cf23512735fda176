"""What we ask of desks and what our stand-ins answer, held against the vendors' own descriptions."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from outreach.base import Change
from outreach.desk_bench import PICTURE
from tests.outreach.desk_benches import RemoteBench, freshdesk, jira, servicenow
from tests.outreach.fakes.web import Answer, Request
from tests.outreach.openapi import Description

SPECS = Path(os.environ.get("FOREWARN_SPECS", str(Path(__file__).parents[3] / "shared" / "specs")))

CASES: list[tuple[str, Callable[[], AbstractContextManager[RemoteBench]], set[str], set[str]]] = [
    (
        "jira_service_management.json",
        jira,
        {
            "POST /rest/servicedeskapi/request",
            "POST /rest/servicedeskapi/request/{issueIdOrKey}/comment",
            "GET /rest/servicedeskapi/request/{issueIdOrKey}/comment",
            "POST /rest/servicedeskapi/request/{issueIdOrKey}/attachment",
            "POST /rest/servicedeskapi/servicedesk/{serviceDeskId}/attachTemporaryFile",
            "GET /rest/servicedeskapi/servicedesk/{serviceDeskId}/customer",
            "GET /rest/servicedeskapi/servicedesk/{serviceDeskId}",
        },
        {"/rest/api/2/"},
    ),
    (
        "freshdesk.yaml",
        freshdesk,
        {"POST /api/v2/tickets", "GET /api/v2/tickets", "GET /api/v2/tickets/{id}"},
        {"/api/v2/search/", "/api/v2/agents/", "/api/v2/tickets/"},
    ),
    (
        "servicenow.yaml",
        servicenow,
        {
            "POST /api/sn_customerservice/case",
            "GET /api/now/table/{tableName}",
            "GET /api/now/table/{tableName}/{sys_id}",
            "PATCH /api/now/table/{tableName}/{sys_id}",
            "GET /api/now/contact",
        },
        {"/api/now/attachment/"},
    ),
]
"""A description, the desk, the operations that it describes and we use, and what it does not describe."""


def conversation(bench: RemoteBench) -> list[tuple[Request, Answer]]:
    """Do everything a desk can do once; return what was asked and answered."""
    desk = bench.desk
    assert desk.check() == ""
    parent = bench.made("int_1")
    whole = replace(bench.draft("int_2"), requester="ann@acme.example", picture=PICTURE, parent=parent)
    child = desk.create(whole).provider_id
    desk.annotate(child, "seen again")
    desk.annotate(child, "seen again", PICTURE)
    desk.link(child, parent)
    for status in bench.statuses:
        desk.update(child, Change(status=status, severity="low", tags=("spread",)))
    desk.annotate(bench.unknown, "lost")
    desk.noted(child, "seen again")
    desk.states(bench.time() - 60)
    return list(bench.fake.exchanges)


@pytest.mark.parametrize(("file", "make", "used", "beyond"), CASES, ids=[case[0] for case in CASES])
def test_a_whole_conversation(file: str, make: Any, used: set[str], beyond: set[str]) -> None:
    if not (SPECS / file).is_file():
        pytest.skip(f"{file} is not here: set FOREWARN_SPECS")
    description, seen = Description(SPECS / file), set()
    with make() as bench:
        for request, answer in conversation(bench):
            found = description.operation(request)
            if found is None:
                assert any(request.path.startswith(each) for each in beyond), f"{request.path} is not described"
                continue
            template, operation = found
            seen.add(f"{request.method} {template}")
            wrong = [*description.asked(request, operation), *description.answered(answer, operation)]
            assert wrong == [], f"{request.method} {request.path}"
    assert seen == used


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"raiseOnBehalfOf": 7}, ["x.raiseOnBehalfOf is 7, not a string"]),
        ({"requestParticipants": [None]}, ["x.requestParticipants[0] is None, not a string"]),
        ({"surprise": 1}, ["x.surprise is not described"]),
    ],
)
def test_the_checker_finds_what_is_wrong(change: dict[str, Any], expected: list[str]) -> None:
    path = SPECS / "jira_service_management.json"
    if not path.is_file():
        pytest.skip("Jira's description is not here: set FOREWARN_SPECS")
    value = {"serviceDeskId": "10", "requestFieldValues": {"summary": "x"}} | change
    schema = {"$ref": "#/components/schemas/RequestCreateDTO"}
    assert list(Description(path).problems(value, schema, "x")) == expected
