"""Which words of which event are whose. Deny by default: an event, or a text of one, that does not
stand here stops an erasure.

Paths are dotted; lists are passed through, `*` is every value of a mapping. Texts are erased

* `owner`: where the ticket is the person's;
* `author`: where the person asked for it, wrote it or sent it;
* `either`: in both cases (what a mail quotes below somebody's own text);
* `mail`: where the message was the person's, or became part of a ticket of theirs;
* `house`: never as a whole. We said it ourselves, or the company published it. The person's address
  and name are replaced in it,
  as they are everywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TextFields:
    """The free texts of one event, or of one row, by whose they are."""

    owner: tuple[str, ...] = ()
    author: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    mail: tuple[str, ...] = ()
    house: tuple[str, ...] = ()

    @property
    def named(self) -> frozenset[str]:
        return frozenset((*self.owner, *self.author, *self.either, *self.mail, *self.house))


def _texts(
    owner: str = "", author: str = "", either: str = "", mail: str = "", house: str = ""
) -> TextFields:
    # Blanks part the paths, so that a row of the table stays one line.
    return TextFields(*(tuple(words.split()) for words in (owner, author, either, mail, house)))


# Groups of paths that many events share.
_NONE = _texts()
_OPENED = "subject body quoted urgent.* times.original times.ambiguous_because attachments"
_SUBJECT = _texts(owner="subject")
_REASON = _texts(author="reason")
_TRAIL = "trail.because"
_SCOPE = "stacks.effects"
_HOUSE_REASON = _texts(house="reason")
_BODY = _texts(house="body")
_TITLE = _texts(house="title")

TABLE: dict[str, TextFields] = {
    # requests
    "OpenTicket": _texts(owner=f"{_OPENED} no_receipt"),
    "AddReply": _texts(author="body attachments automatic_because", either="quoted"),
    "AssignTicket": _NONE,
    "HandBack": _REASON,
    "TakeBack": _REASON,
    "TakeTicket": _NONE,
    "HandOverTicket": _REASON,
    "ReleaseTicket": _REASON,
    "TagTicket": _texts(house="add remove"),
    "MergeTicket": _NONE,
    "NoteMerge": _NONE,
    "InsistScope": _texts(author="information"),
    "DismissSuggestion": _REASON,
    "AcceptSuggestion": _NONE,
    "ReviewPriority": _REASON,
    "AppealPriority": _texts(author="information"),
    "DecideAppeal": _REASON,
    "Solve": _texts(author="resolution"),
    "Reopen": _REASON,
    "CloseTicket": _NONE,
    "RateTicket": _texts(author="comment"),
    "ShareTicket": _NONE,
    "RevokeShare": _NONE,
    "JoinTicket": _NONE,
    "AskParticipant": _NONE,
    "AnswerAsk": _NONE,
    "RemoveParticipant": _NONE,
    "GrantAccess": _NONE,
    "ConfirmSender": _NONE,
    "LinkIncident": _TITLE,
    "UnlinkIncident": _TITLE,
    "Acknowledge": _NONE,
    "ResolvePage": _NONE,
    "EscalatePage": _NONE,
    "NotePage": _texts(author="body"),
    "ReassignPage": _NONE,
    "VerifyContact": _NONE,
    "TestPage": _NONE,
    "TestNotice": _NONE,
    "Heartbeat": _texts(author="name"),
    "RedeliverNotice": _NONE,
    "SilenceAlerts": _NONE,
    "RestoreAlerts": _NONE,
    # requests about incidents, maintenances, announcements: published by the company or a provider
    "OpenIncident": _texts(house=f"title body {_SCOPE}"),
    "CorrectIncident": _texts(house="title body reason"),
    "UpdateIncident": _texts(house=f"body {_SCOPE}"),
    "PublishIncident": _texts(house="title body"),
    "ResolveIncident": _BODY,
    "PublishPostmortem": _texts(house="sections.heading sections.body"),
    "RaiseAlert": _texts(house="summary description labels.* title body"),
    "ScheduleMaintenance": _texts(house="title body override_reason"),
    "RescheduleMaintenance": _texts(house="body override_reason"),
    "EndMaintenance": _BODY,
    "CancelMaintenance": _BODY,
    "MakeAnnouncement": _texts(house="subject body override_reason"),
    # urgent
    "PagedDirectly": _texts(owner="subject began", house="attempts.reason attempts.receipt"),
    # tickets
    "TicketOpened": _texts(owner=_OPENED),
    # what is asked for (`missing`) repeats what was said
    "PrioritySet": _texts(owner=f"subject began missing no_receipt {_TRAIL}", house="reason"),
    "TicketRouted": _texts(owner=_TRAIL),
    "ScopeDecided": _texts(
        owner=f"subject {_TRAIL}", either="information", house="reason pointers"
    ),
    "ProviderSuggested": _texts(owner="because"),
    "SuggestionDismissed": _REASON,
    "QueueSuggested": _texts(owner="because"),
    "QueueSuggestionDismissed": _REASON,
    "TicketAssigned": _texts(owner="subject body", author="reason"),
    "OwnerChanged": _texts(owner="subject", author="reason", house=_TRAIL),
    "TicketTagged": _texts(house="tags added removed"),
    "TicketMerged": _SUBJECT,
    "MergeNoted": _NONE,
    "PriorityReviewed": _texts(owner="subject", author="reason", house=_TRAIL),
    "PriorityAppealed": _texts(owner="subject", author="information"),
    "AppealDecided": _texts(owner="subject", author="reason"),
    "ReplyAdded": _texts(
        owner="subject", author="body attachments automatic_because", either="quoted"
    ),
    "NoteAdded": _texts(owner="subject", author="body attachments"),
    "TicketSolved": _texts(owner="subject", author="resolution"),
    "TicketReopened": _texts(owner="subject", author="reason"),
    "TicketClosed": _HOUSE_REASON,
    "TicketRated": _texts(author="comment"),
    "TicketShared": _NONE,
    "ShareRevoked": _NONE,
    "ParticipantJoined": _SUBJECT,
    "ParticipantAsked": _SUBJECT,
    "ParticipantDeclined": _NONE,
    "ParticipantRemoved": _NONE,
    "AccessGranted": _NONE,
    "AccessEnded": _HOUSE_REASON,
    "SenderConfirmed": _texts(owner="subject", house="reason"),
    "TicketLinked": _texts(owner="subject", house="title"),
    "TicketUnlinked": _TITLE,
    "RequestRefused": _HOUSE_REASON,
    "RequestParked": _NONE,  # `request` is a request again: it is erased as one
    # clocks
    "ClockStarted": _SUBJECT,
    "ClockRetargeted": _HOUSE_REASON,
    "ClockPaused": _NONE,
    "ClockResumed": _NONE,
    "ClockWarned": _SUBJECT,
    "ClockMet": _NONE,
    "ClockBreached": _SUBJECT,
    "ClockStopped": _HOUSE_REASON,
    "ClockRanOut": _NONE,
    # page-inbox
    "PageWanted": _texts(owner="subject began"),
    "DirectPageSeen": _texts(owner="subject began", house="attempts.reason attempts.receipt"),
    "AckAsked": _NONE,
    "ResolveAsked": _NONE,
    "EscalateAsked": _NONE,
    "PageNoteAsked": _texts(author="body"),
    "ReassignAsked": _NONE,
    "DowngradeSeen": _REASON,
    "SolveSeen": _texts(house="reason"),
    "ContactCheckWanted": _NONE,
    "SilenceAsked": _NONE,
    "RestoreAsked": _NONE,
    "ActivitySeen": _NONE,
    # pages
    "PageOpened": _texts(owner="subject began"),
    "PageJoined": _texts(owner="subject", house="reason"),
    "PageAttempted": _NONE,
    "PageAccepted": _texts(house="receipt"),
    "PageFailed": _HOUSE_REASON,
    "PageReachedNobody": _HOUSE_REASON,
    "PageEscalated": _HOUSE_REASON,
    "PageAcknowledged": _NONE,
    "PageCancelled": _REASON,
    "PageResolved": _REASON,
    "PageRequestRefused": _HOUSE_REASON,
    "ContactCheckStarted": _NONE,
    "ContactChecked": _texts(house="reason receipt"),
    "PageReopened": _HOUSE_REASON,
    "PageNoted": _texts(author="body"),
    "PageReassigned": _NONE,
    "PageAttended": _NONE,
    "PageSilenced": _HOUSE_REASON,
    "PageRestored": _HOUSE_REASON,
    # status
    "IncidentDrafted": _texts(house=f"title body {_SCOPE}"),
    "IncidentOpened": _texts(house=f"title body {_SCOPE}"),
    "IncidentUpdated": _texts(house=f"title body {_SCOPE}"),
    "ImpactChanged": _TITLE,
    "IncidentCorrected": _texts(house="title body reason"),
    "IncidentResolved": _texts(house="title body"),
    "PostmortemPublished": _texts(house="title sections.heading sections.body"),
    "AlertRaised": _texts(house="title summary description labels.*"),
    "AlertCleared": _texts(house="title summary"),
    "MaintenanceScheduled": _texts(house="title body override_reason"),
    "MaintenanceRescheduled": _texts(house="title body override_reason"),
    "MaintenanceStarted": _TITLE,
    "MaintenanceEnded": _texts(house="title body"),
    "MaintenanceCancelled": _texts(house="title body"),
    "AnnouncementMade": _texts(house="title body override_reason"),
    "StatusRequestRefused": _texts(house="title reason"),
    # notices
    "NoticeOwed": _NONE,
    "NoticeAttempted": _NONE,
    "NoticeDelivered": _texts(house="receipt"),
    "NoticeFailed": _HOUSE_REASON,
    "NoticeSuppressed": _HOUSE_REASON,
    # figures
    "FigureComputed": _NONE,
    # mail
    "MailReceived": _texts(
        author="sender_name peer helo message_id in_reply_to references attachments",
        mail="subject",
        house=(
            "automatic troubles authentication.dkim authentication.spf authentication.dmarc "
            "authentication.reason gateway"
        ),
    ),
    "MailTicketed": _texts(mail="no_receipt"),
    "MailThreaded": _texts(mail="because"),
    "MailDuplicate": _NONE,
    "MailQuarantined": _texts(mail="subject", house="explanation unanswerable"),
    "MailReleased": _NONE,
    "MailBounced": _texts(mail="recipients.diagnostic original_id"),
    # directory, policies, dead letters: `erasing.py` knows them by their kind
    "DirectoryRecorded": _NONE,
    "PolicyPublished": _texts(house="note"),
    "DeadLetter": _HOUSE_REASON,
    # erasures
    "PersonErased": _NONE,
}

ROWS: dict[str, TextFields] = {
    "router-state": _texts(
        owner="subject excerpt", house="tags title body stacks.effects firing.*.summary"
    ),
    "sla-state": _texts(owner="clocks.*.subject"),
    "pager-state": _texts(owner="pages.*.subject pages.*.began"),
}
"""State topic → the texts of its rows. A ticket's and an incident's rows share one topic: `title`,
`body` are the incident's.
"""

WHOLE = frozenset(
    {
        ("RequestParked", "request"),
        ("DirectoryRecorded", "document"),
        ("PolicyPublished", "document"),
        ("DeadLetter", "raw"),
    }
)
"""(event, field) that hold an event or a document: `erasing.py` looks into them."""

EMPTIED = frozenset(
    {"attachments", "message_id", "in_reply_to", "references", "original_id", "peer", "helo"}
)
"""Names and references, where other texts leave a word that says that there was one."""

_PLAIN = """
type id key cause by digest mail imported delivery lane code via state status to to_name instead_of
owner owner_name team said_by how mentions
actor.email actor.name actor.provider requester requester_name author author_name participant participant_name participants
sender account mail_from rcpt_to cc recipients.address recipients.status changed_by person destination template
ticket_id follows request_id incident_id page obligation obligations cancels attempt dedup_key check update corrects follow_up_of
incident incidents components maintenance silenced_by token_hash lane notice_id blob fingerprint group_key alert source severity
app addon provider queue previous stage plan rule trail.rule calendar clock escalation channel method activity request_type
previous_components components.id components.name components.words components.addon
test_of former_components.id former_components.name former_components.words former_components.addon
ever.id ever.name ever.words ever.addon about place gone_url stacks.stack times.field updates
only_if.owner only_if.queue into into_status into_people merged email asked_by by_name not_asked
admission.loads.email admission.addons.slug admission.addons.name admission.addons.aliases admission.addons.hosts admission.app_owner
admission.app_collaborators admission.open_incidents admission.requester_name
attempts.attempt attempts.to attempts.channel attempts.method attempts.dedup_key
affected.id affected.name affected.words affected.addon episode.alert episode.obligation kept
complaint figure group doc_id worker topic asked headers.* policy.* pseudonym
"""

PLAIN = frozenset(_PLAIN.split())
"""Fields that hold ids, machine words, addresses and names: no free text. The person's address and
name are replaced in them.
"""
