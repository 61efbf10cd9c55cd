"""A small Zendesk export on disk: two customers of an organization, an agent, someone without an
address; tickets in every state.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

USERS: list[dict[str, Any]] = [
    {
        "id": 1,
        "name": "Zoe  Zander",
        "email": "Zoe@zander.example",
        "role": "end-user",
        "organization_id": 10,
    },
    {
        "id": 2,
        "name": "Zed",
        "email": "zed@zander.example",
        "role": "end-user",
        "organization_id": None,
    },
    {"id": 3, "name": "Ann Agent", "email": "ann@desk.example", "role": "agent"},
    {"id": 4, "name": "By phone", "email": None, "role": "end-user"},
]
TICKETS: list[dict[str, Any]] = [
    {
        "id": 501,
        "subject": "Dynos do not start",
        "description": "H10 since noon.",
        "status": "closed",
        "priority": "urgent",
        "requester_id": 1,
        "created_at": "2024-03-01T12:00:00Z",
        "updated_at": "2024-03-02T09:00:00Z",
        "type": "problem",
        "comments": [
            {
                "id": 9001,
                "author_id": 1,
                "body": "H10 since  noon.",
                "public": True,
                "created_at": "2024-03-01T12:00:00Z",
            },
            {
                "id": 9003,
                "author_id": 3,
                "body": "Probably the slug.",
                "public": False,
                "created_at": "2024-03-01T12:30:00Z",
            },
            {
                "id": 9002,
                "author_id": 3,
                "body": "Please deploy again.",
                "public": True,
                "created_at": "2024-03-01T13:00:00Z",
            },
            {
                "id": 9004,
                "author_id": 2,
                "body": "I am copied on this.",
                "public": True,
                "created_at": "2024-03-01T14:00:00Z",
            },
        ],
    },
    {
        "id": 502,
        "subject": "",
        "description": "How do I scale?",
        "status": "open",
        "priority": None,
        "requester_id": 2,
        "type": "question",
        "created_at": "2024-05-05T08:00:00Z",
        "updated_at": "2024-05-05T08:00:00Z",
    },
    {
        "id": 503,
        "subject": "By phone",
        "description": "x",
        "status": "open",
        "requester_id": 4,
        "created_at": "2024-05-06T08:00:00Z",
    },
    {
        "id": 504,
        "subject": "Ours",
        "description": "x",
        "status": "open",
        "requester_id": 3,
        "created_at": "2024-05-06T08:00:00Z",
    },
    {
        "id": 505,
        "subject": "Gone",
        "description": "x",
        "status": "deleted",
        "requester_id": 1,
        "created_at": "2024-05-06T08:00:00Z",
    },
]


def write_export(folder: Path, suffix: str = "") -> Path:
    """`suffix` makes the people of this export other people than those of another one."""
    folder.mkdir(parents=True, exist_ok=True)
    users = [
        {**user, "email": user["email"] and user["email"].replace("@", f"{suffix}@")}
        for user in USERS
    ]
    tickets = [{**ticket, "id": f"{ticket['id']}{suffix}"} for ticket in TICKETS]
    (folder / "users.json").write_text(json.dumps({"users": users, "end_of_stream": True}))
    (folder / "organizations.json").write_text(json.dumps([{"id": 10, "name": "Zander Ltd"}]))
    (folder / "tickets.ndjson").write_text(
        "".join(json.dumps(ticket) + "\n" for ticket in tickets) + "{broken\n\n"
    )
    return folder
