"""Words that reports of an add-on that does not answer are made of. Proof needs that every word of
the text is understood. Pure data.

A list of what is suspicious is never complete: somebody will write of a transfer, a push, a
resolver. So it is the other way round: what stands here says *that* it fails, since when and for
whom, and nothing of *why*. One other word is put up with (a name, a slip of the pen); from the
second on, or where a word of `CAUSES` stands, an agent has a look.
"""

from __future__ import annotations

import re

from services.router.evidence.expressions import Expression

PROSE = 1200
"""Characters of prose beyond which a text says too much to be sure."""

_WORDS = """
a about above absolutely accept accepted accepting accepts account accounts add addon address affect
affected affecting affects again agent ago alert all almost alone already also always am an and any
anybody anymore anyone anything app apparently appears application applications appreciate apps
april are arrive arrived arrives arriving as ask at attempt attempts august auth authenticate
authentication available away back bad be became because been before began begin being between big
bigger body both broken broker business by cache call called calls came can cannot cant certificate
cest cet check checked checkout claims client clients clock close closed closes closing cluster
colleagues come comes coming command completely connect connected connecting connection
connectionerror connections consumer consumers continuous continuously could couldnt credentials
critical customer customers daily data database day days dead dear december deferred delivered
delivery denied deny did didnt do does doesnt doing done down drain drains drop dropped dropping
drops during each early econnrefused econnreset edt either email emails empty end ended entirely
error errors est etc etimedout evening event events every everybody everyone everywhere exactly
exception execution expired expires fail failed failing fails failure failures fatal february few
fifty five fix following for forty found four fri friday from full further fwd gb generated get gets
getting give given gives giving gmt go goes gone good got greeting greetings guys had half handshake
happen happened happening happens harvest has hasnt have havent hello help helping her here hey hi
his host hostname hosts hour hours http https i image images immediately impact in inbox incident
index information instance instances invalid invoice invoices ip is isnt issue issues it its itself
january job jobs july june just kb keep keeps kind kindly know large last late later least line
lines list log logged logging login logs long longer look lose loses losing lost lot mail mailer
mails many march master max may mb me means member members message messages midnight minute minutes
missing moment mon monday month more morning most much must my name near need never night no nobody
node nodes none noon nor not nothing november now number october of off offline often ok on once one
ones only open operation or order orders our out outage outgoing over page pages pass password
passwords payment payments pdt people per percent please port ports possible post posts primary
problem problems process processes prod producers production pst publisher publishers queries query
queue queues quickly re reach reachable reached reaching read readable reading reads reason receive
received receives receiving redis refuse refused refuses refusing regards reject rejected rejecting
rejects relay repeatedly replica replicas reply report reported reporting reports request requests
reset resets respond responding responds response responses result return returned returning returns
right running same sat saturday save saw say saying says search second seconds see seeing seem seems
seen send sender sending sends sent september server servers service services session sessions
several severity shard shards she shop should show showing shown shows shut side silent simply since
single site sites small smtp so some something soon sorry ssl start started starting state status
step still stop stopped stops store stream subject such sudden suddenly sun sunday support sure
system take taken takes tcp team temporarily temporary ten than thank thanks that the their them
then there therefore these they thing third thirty this those though three thu thursday ticket time
timed timeout timeouts times timing tls to today together tonight too took total totally tried tries
try trying tue tuesday turn twenty twice two unable unavailable under unexpected unreachable until
up upload uploaded uploads urgent us use used user users utc valid verified verify very via want
warning was watch way we web wed wednesday week weeks well were what when whenever where which while
who whole will with within without wont worked worker workers working works would writable write
writes writing wrong yes yesterday yet you your yours
"""
# The list has each word as it is written in mails, also without its apostrophe: `didnt`.
KNOWN = frozenset(_WORDS.split())

UNKNOWN = 1
"""Words not in the list that are put up with."""

CAUSES = Expression(
    # The app and its releases, or the platform.
    r"\b(?:dynos?|deploy\w*|releas\w*|boot\w*|docker|container\w*|config\w*|env|environment"
    r"|peaks?|load(?:ed)?|scal\w+|traffic|heroku"
    r"|platform|router|buil[dt]\w*"
    # How it was set up, or who did something by mistake.
    r"|regions?|typed|mistake\w*|accident\w*|maybe|perhaps|by hand|manually|first|provision\w*"
    r"|attach\w*|install\w*|upgrad\w*"
    # Resources and versions, and anything that is not the add-on.
    r"|restart\w*|reboot\w*|memory|threads?"
    r"|pool\w*|versions?|our own|others?|else|everything|stripe|aws|s3|google|idl\w+|cron"
    r"|schedul\w*|pipelines?|stag(?:e|ing)"
    # Other environments, and changes to data or code.
    r"|development|local\w*|laptop"
    r"|test(?:s|ing|ed)?|migrat\w*|mov(?:e|ed|ing)|new|permissions?|proxy|procfile|quota|paid"
    r"|bills?|bugs?|code|librar\w+|package\w*"
    r"|gems?|sometimes|one of"
    # A question, and acts of people.
    r"|should|can (?:i|we)|how|why|which|chang\w*|push\w*|kill\w*|remov\w*|delet\w*|transfer\w*"
    r"|space|vpc|audit|credit)\b"
)
"""Words by which another cause comes in."""

_RULED_OUT = re.compile(
    # "On all our dynos": the fault is on no single one.
    r"\b(?:on|of|from|in|to|for|by)? ?(?:all|every|each|any) (?:one )?(?:of )?(?:our "
    r"|the )?(?:\w+ )?(?:dynos?|process(?:es)?|workers?"
    r"|apps?)"
    # "We did not deploy anything."
    r"|\b(?:no|not|never|nothing|none|without|didn't|haven't|hasn't|wasn't"
    r"|weren't)(?: \w+){0,5} (?:deploy|releas|chang|config|action"
    r"|touch|updat|rotat)\w*"
    r"(?: (?:on|by|from|at|of|for|in|since|today|yesterday|\d+|two|our|the|side|end|us|ours|part"
    r"|weeks?|days?|monday|tuesday|wednesday"
    r"|thursday|friday))*"
    # "The credentials are the same."
    r"|\b(?:config\w*|credentials?|settings?|passwords?|env\w*|urls?)(?: \w+){0,4} (?:unchanged"
    r"|untouched|the same|same as"
    r"|did not change|didn't change|correct)"
    # "Could you have a look", "a restart did not help".
    r"|\bsame (?:credentials?|config\w*|user|password|settings?)"
    r"|\bcould you (?:please )?(?:have a )?(?:look|check)"
    r"|\brestart\w*(?: \w+){0,4} (?:did not|didn't|does not|doesn't) (?:help|change)(?: anything)?"
)
"""What people say to show that it is not them."""
# Log lines, stack frames and quotes: their words say nothing of what the writer means.
_NOT_PROSE = re.compile(r"^\W{0,3}\d{4}-\d\d-\d\d|^\s+(?:at|from|file)\b|^>")
# Such a token is no word of a language, so it need not be understood.
_NAME = re.compile(r"[./:@=<>{}\[\]\\_#&*\d]|(?<=\w)-(?=\w)")
"""In a host, a path, a number, a name in a program, an app's name."""


def not_understood(text: str, names: frozenset[str]) -> str:
    """Why a case-folded text may say more than that something fails; empty where every word is
    understood. `names`: the add-on's.
    """
    # Only the writer's own sentences are judged.
    lines = [line for line in text.split("\n") if not _NOT_PROSE.match(line[:100])]
    prose = "\n".join(lines)
    if len(prose) > PROSE:
        return "it says more than that something fails"
    words = []
    for token in prose.replace("’", "'").split():
        bare = token.strip(".,;:!?()'\"`")
        if bare and not _NAME.search(bare):
            words.append(bare)
        # `|` marks the end of a sentence, so that no expression reaches over it.
        if token.endswith((".", "!", "?", ";", ":")):
            words.append("|")
    # What rules the writer out is taken away first: it names causes in order to deny them.
    left = _RULED_OUT.sub(" ", " ".join(words))
    # A named cause is enough for doubt, however well the rest is understood.
    if cause := CAUSES.search(left):
        return f'a cause may be meant: "{cause.group()}"'
    # The rest must be known words; names of the add-on are known.
    other = [
        w
        for word in left.split()
        if (w := word.replace("'", "")).isalpha() and not _is_known(w, names)
    ]
    return (
        f'words that may mean another cause: "{", ".join(dict.fromkeys(other))[:80]}"'
        if len(set(other)) > UNKNOWN
        else ""
    )


def _is_known(word: str, names: frozenset[str]) -> bool:
    return word in KNOWN or word in names or word.endswith(("error", "exception", "timeout"))
