"""The groups of the API's calls, in the order in which the reference shows them."""

from __future__ import annotations

TAGS: dict[str, str] = {
    "Tickets": "Open a ticket, read it, answer it, and do everything else that is done with one.",
    "Search and views": "Find tickets, and keep a search or a filter under a name.",
    "Attachments": "Upload a file, name it in a ticket or a reply, download it.",
    "Following": "What became of a request, and everything that happens as it happens.",
    "Pages": "The pages that wake somebody, and what the person paged does about them.",
    "On call": "Who is on call, who stands in for whom, and how each person is reached.",
    "Incidents": "Incidents of the platform, from the draft to the post-mortem.",
    "Maintenances": "Maintenance that is planned, moved, ended or called off.",
    "Announcements": "What a provider writes to the users of its add-on.",
    "Alerts": "What monitors send, and heartbeats of what must not fall silent.",
    "Status": "What the public status page says. Anybody may ask.",
    "Status of 2012": "The Heroku Status API v3, for programs that were written for it.",
    "Subscriptions": "Status updates by mail or webhook, for anybody.",
    "Help": "The articles of the help centre. Anybody may ask.",
    "Account": "What somebody sets for their own account.",
    "Tokens": "API tokens: made, listed and ended.",
    "Sign-in": "Passwords, the second step, invitations and the first administrator.",
    "Directory": "Accounts, apps, providers and teams, one by one or in bulk. For administrators.",
    "Policies": "Opening hours, promises, the rota and the list of components, version by version.",
    "Mail": "Mail that came in: handed in by a gateway, looked at and released by staff.",
    "Operations": "Figures, reports, webhooks that are disabled, and test notices.",
}
"""Tag → what its calls are for."""
