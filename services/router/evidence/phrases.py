"""How a sentence speaks of a service it names: it fails, it is ruled out, it is compared, it is
only supposed. Pure; case-folded text.
"""

from __future__ import annotations

import re

from services.router.evidence.expressions import Expression

FAILING = Expression(
    # Errors of sockets, refusals and time-outs.
    r"econnrefused|econnreset|etimedout|epipe|ehostunreach|refus(?:es|ed|ing|e)?\b|timed? ?-?out"
    r"|times out|timing out|time-?outs?\b"
    r"|unreachable|unresponsive"
    # Somebody or something cannot reach it.
    r"|(?:can ?not|can't|cannot|could ?n[o']t|unable to|not able to|fails? to|failed to"
    r"|impossible to|no longer) (?:\w+ )?(?:connect"
    r"|reach|talk|log ?in|login|authenticate|open|send|deliver|write|read|resolve|access|post)"
    # It does not do its work.
    r"|(?:does|do|did|is|are|was|were)(?: not|n't| no longer) (?:answer|respond|reach|connect"
    r"|accept|work|arriv|receiv|deliver|available"
    r"|get|load|responding|answering|accepting|working)"
    r"|no (?:response|answer|connection|longer)"
    r"|not (?:responding|reachable|answering|available|accepting|arriving|delivered|working)"
    # A connection that breaks, certificates.
    r"|connection (?:was )?(?:reset|closed|lost|dropped|error|failed|failure)|lost connection"
    r"|certificate (?:has |is |was )?(?:expired|invalid)|expired certificate|handshake|ssl_error"
    r"|sslerror|tls error"
    # Login, and answers of mail and HTTP servers.
    r"|auth\w* (?:failed|failure|error|rejected)|invalid (?:password|credentials|username)"
    r"|wrongpass|noauth|access denied|permission denied"
    r"|\b(?:535|421|454|451|550|554)\b|\b50[0234]\b|too many connections"
    r"|max(?:imum)? number of clients|connection limit|\boom\b"
    r"|readonly|misconf"
    # A state that something is in.
    r"|\b(?:is|are|was|went|seems?|appears?|be|been) (?:\w+ )?(?:down|dead|gone|offline"
    r"|unavailable|broken|unstable|flapping|slow|stuck"
    r"|failing|unusable)\b"
    # What happens to messages and data.
    r"|outage|unavailable|reject(?:s|ed|ing)?\b|deferred|defers|spam|bounc(?:e|es|ed|ing)"
    r"|drops?\b|dropped|dropping|los(?:t|es|ing|e)\b"
    r"|disappear|missing|duplicat|twice|evict|corrupt"
    # General words of failure.
    r"|stopped|stops\b|stuck|hang(?:s|ing)?\b|fail(?:s|ed|ing|ure|ures)?\b|error(?:s|ed)?\b"
    r"|exception|crash|broken|nothing|gaps?\b|delay"
    r"|late\b|latency|slow|spike|throttl|rate limit"
    # Wrong results, and what is full, late or locked.
    r"|wrong|incorrect|empty|full\b|exceed|expired|denied|blocked|suspended|locked"
    r"|not (?:show|appear|there|found|synced)"
    # German, French, Spanish, Portuguese, Russian, Japanese.
    r"|nicht erreichbar|verweigert|keine verbindung|antwortet nicht|fällt aus|ne répond|refus"
    r"|injoignable|connexion (?:perdue|refus)"
    r"|en panne|no responde|rechaza|caíd|não responde|recusa|перестал|ошибк|медленн|не отвеча"
    r"|接続できません|エラー"
)
"""The service does something it should not. Only looked for near a hit."""

UNREACHABLE = Expression(
    # Errors of sockets, refusals and time-outs.
    r"econnrefused|econnreset|etimedout|epipe|refus(?:es|ed|ing|e)?\b|timed[ -]?out|times out"
    r"|timing out|unreachable"
    # A time-out that is a setting (`timeout = 5`) is no failure, hence the look-aheads.
    r"|[a-z]timeout(?:error|exception)?\b(?![\"']?\s*[:=]\s*\d)|execution expired"
    r"|(?<![\w.-])time-?outs?\b(?![\"']?\s*[:=]|\s+(?:of|is"
    r"|are|set|setting|settings|to|value|option|parameter|after|from \d|\d)\b)"
    r"|unresponsive"
    # Somebody or something cannot reach it, or it does not answer.
    r"|(?:can ?not|can't|cannot|could ?n[o']t|unable to|not able to|fails? to|failed to"
    r"|no longer) (?:\w+ )?(?:connect|reach|talk to"
    r"|log ?in to|authenticate)"
    r"|(?:does|do|did|is|are|was|were)(?: not|n't| no longer) (?:answer|respond|reachable|accept"
    r"|responding|answering|accepting|receiv)"
    r"|no (?:response|answer) |not (?:responding|reachable|answering|accepting)"
    r"|connection (?:was )?(?:reset|closed|lost|dropped|failed)"
    r"|lost connection"
    # Certificates and login.
    r"|certificate (?:has |is |was )?expired|expired certificate|handshake (?:fail|error)"
    r"|auth\w* (?:failed|failure|error|rejected)|answers? 535|\b(?:535|421|454|451|550|554)\b"
    r"|too many connections"
    r"|max(?:imum)? number of clients|connection limit"
    # The service reports its own limits or its own state.
    r"|oom command|readonly you|misconf|wrongpass|noauth"
    r"|\b(?:is|went|has been|been) (?:down|offline|unavailable)\b"
    r"|could not establish|cannot establish|(?:return(?:s|ed|ing)?|answer(?:s|ed)?"
    r"|respond(?:s|ed)? with|gives?|gets?|sends?) (?:a |an "
    r"|http |status |code |only )*50[0234]"
    # What is sent to it does not come through.
    r"|deferred|(?:shows?|receives?|gets?) nothing|nothing (?:arrives|is shown|comes)"
    r"|reject(?:s|ed|ing)\b|(?:drops|loses|dropping|losing) "
    # The same in other languages.
    r"|nicht erreichbar|verweigert|antwortet nicht|ne répond (?:pas|plus)|no responde"
    r"|não responde|接続できません"
)
"""Stronger: the service at that host does not take, or throws out, what is sent to it."""

_RULED_OUT_BEFORE = Expression(
    # "It is not the …", at the end of what stands before the name.
    r"(?:(?:is|are|was|were|be)(?: \w+ly| \w+)? ?(?:not|n't)|it'?s not|that'?s not|\bnot|isn'?t"
    r"|aren'?t|wasn'?t|weren'?t)"
    r" (?:\w+ly )?(?:(?:a|an|the|our|any|about|due to|caused by|because of|related to|coming from"
    r"|it is|it's) )*(?:(?:problem|issue"
    r"|matter|fault|error|bug|outage) (?:with|of|in|at|on) )?(?:(?:a|an|the|our) )?$"
    # "Ruled out", "unlike", "no problem with", and the like.
    r"|(?:rul(?:e|ed|ing) out|ruled|exclud(?:e|ed|ing)|eliminat(?:e|ed)|nothing to do with"
    r"|unrelated to|independent of|other than"
    r"|except(?: for)?|apart from|aside from"
    r"|unlike|without|rather than|instead of|no (?:\w+ )?(?:problem|issue|error|trouble|incident"
    r"|timeout|failure)s? (?:\w+ )?(?:with|at"
    r"|on|from|to|by)|(?:do|does"
    r"|did)(?:n't| not) (?:use|involve|touch|think (?:it is|it's|this is))"
    # It is gone or not in use; French, German, Spanish, Portuguese.
    r"|uninstalled|stopped using|not using|ce n'est pas|es liegt nicht an|es ist nicht|no es|não é)"
    r" (?:(?:a|an|the|our|any|both|that|it is|it's|un|une|le|la) )*(?:\w+ (?:and|or"
    r"|nor) )?(?:\w+ )?$"
    # "Nor is the …", and what is only mentioned for comparison.
    r"|\bn?or (?:is|are) (?:it )?(?:the |our )?$"
    r"|(?:for comparison|by comparison|in contrast)[:,]? (?:\w+ ){0,3}$"
)
_RULED_OUT_AFTER = re.compile(
    # What may stand between the name and its verb.
    r"\)?(?:'s)?(?: (?:and|or) \w+| itself| server| instance| service| status page| dashboard"
    r"| metrics| side| add-?on| connection| logs?)*"
    r" ?(?:is|are|was|were|looks?|seems?|works?|appears?|shows?|reports?|says?|answers?|responds?"
    r"|has|have|had|can be|could be|est|ist"
    r"|funktioniert|läuft)"
    r" (?:(?:all|completely|totally|perfectly|absolutely|still|also|both|been|to be|everything"
    r"|it is|all systems|itself|now|that all is"
    r"|already) )*"
    # It is fine, or it is not the cause.
    r"(?:fine\b|ok\b|okay|healthy|green\b(?! \w)|up\b(?! to)|up and running|good|normal|innocent"
    r"|operational|unaffected|ruled out|excluded"
    r"|not (?:the|to blame|involved|affected|related|our fault|it\b)"
    r"|no (?:errors|problems?|issues?|incidents?)|nothing to do|nothing unusual|nothing wrong"
    r"|idle|perfect|in \d+ ?ms|within \d+|quickly"
    r"|instantly"
    r"|without (?:any )?(?:problem|error|trouble|issue)|well\b|as (?:expected|usual|before|always))"
    # The same in longer forms.
    r"|[^.,;:]{0,12} (?:is|was)(?: not|n't) (?:the|our|a|to|involved|affected|related)\b"
    r"|[^.]{0,60}\b(?:is|are|was) not (?:involved|affected|related"
    r"|the (?:cause|problem|issue|culprit))\b|,? is only (?:for|used)\b"
    # It works; the test for it answered.
    r"|[^.,;:]{0,12} (?:does (?:get|receive|answer|work)|(?:gets|receives) (?:all|every))\b"
    r"|,? (?:is|are) (?:all )?running\b"
    r"|[^.,;:]{0,20}\b(?:pong\b|accepts? (?:all|every|our|mails|connections))"
    r"|,? (?:and )?(?:there|that one|it|which) [^.]{0,20}\b(?:is"
    r"|are|works|looks|was) (?:right|fine|ok|correct"
    r"|good|well)\b"
    r"|[^.,;:]{0,25}\b(?:works?|working|runs?|connects?|answers?) (?:fine|well|normally|perfectly"
    r"|without)\b"
)
_BUT_THEN = Expression(
    # "It was fine until today" rules nothing out.
    r"\b(?:until|till|before|yesterday|last (?:week|month|night)|for (?:months|years|weeks)"
    r"|but (?:now|since|then|today)|used to"
    r"|no longer|any ?more|previously)\b"
)
_COMPARING = Expression(
    # Moving, choosing, weighing one against the other.
    r"\bcompar|\bversus\b|\bvs\b|alternative|\bmigrat"
    r"|\bmov(?:e|ing) (?:\w+ ){0,3}(?:away|from|to|over|off)"
    r"|\bswitch(?:ing)? (?:\w+ ){0,2}(?:from|to|over)|difference between|instead of"
    r"|replac(?:e|ing)|choose between|which is better"
    r"|better than"
    r"|cheaper|thinking (?:of|about)|consider(?:ing)?|evaluat|umsteigen|wechseln zu"
)
_SUPPOSING = Expression(
    # The writer is not sure.
    r"\b(?:maybe|perhaps|might|possibly|not sure|could be|may be|i guess|suspect|we wonder"
    r"|wondering|unclear|cannot tell|can't tell"
    r"|don't know|no idea)\b"
)
_HYPOTHETICAL = Expression(
    # Asked, or only imagined.
    r"\b(?:what happens|if|would(?! not|n't)|could(?! not|n't)|should|whether|in case|suppose"
    r"|when we|how (?:do|can|to|should)"
    r"|is it possible|can (?:we|i))\b"
)
DOUBT = Expression(
    # The network in between.
    r"packet loss|lose packets|\bdns\b|enotfound|getaddrinfo|name resolution|cannot resolve"
    r"|could not resolve|nameserver"
    r"|\bnetwork(?:ing)?\b|firewall|egress|outbound|private space|peering|vpn|allow-?list|whitelist"
    # It works from elsewhere, or only some dynos see it: the fault may be on their side.
    r"|works? (?:\w+ )?(?:fine )?(?:from|on|in|with) (?:my|our|a|another|other|the other|local"
    r"|localhost|staging|outside|every other)"
    r"|from (?:my|our|a) (?:laptop|local|office|own)|reachable from|locally|localhost|127\.0\.0\.1"
    r"|only (?:on )?(?:one|some|two|a few|certain|from|web\.\d|worker\.\d)"
    r"|(?:one|some|two|half) of (?:the|our) dynos|new dynos"
    r"|after (?:a |the )?(?:daily )?(?:dyno )?restart|other dynos|in one region"
    r"|(?:my|our) (?:own )?(?:code|client|pool|bug|change"
    r"|function|script|loop)"
    # A contrast inside the sentence; port 25 and planned maintenance are the platform's.
    r"|\bbut [^.]{0,60}\b(?:works?|connects?|succeeds?|is fine|are fine|no problem)\b|port 25\b"
    r"|your maintenance|planned maintenance"
    # How it was attached and paid for.
    r"|attach(?:ed|ing)? (?:it|the|to)|credit card|unpaid|billing"
    r"|old (?:url|host|value|credentials|password"
    r"|config)|points to"
    # Something changed shortly before, or somebody removed it.
    r"|(?:since|after) (?:the |our |we |my |i |a )*(?:last |latest |new )?(?:deploy|releas|upgrad"
    r"|updat|migrat|push|refactor|chang|mov"
    r"|bump|switch|roll)"
    r"|(?:we|i|somebody|someone|colleague) (?:accidentally |have |had |just )*(?:delet|remov"
    r"|destroy|detach|deprovision|cancel|chang"
    r"|switch|mov|edit)\w*(?! nothing)|typo|deprovision"
    # Other services fail too, or something stands in between.
    r"|external (?:services?|hosts?|apis?)|other (?:services|hosts|add-?ons|apis)|any host"
    r"|as well as|docker|github actions|\bci\b"
    # Other programs that connect, an earlier time, an incident that is known.
    r"|tableau|metabase|pgadmin|datagrip|last (?:week|month|year)|incident"
    # How the app is run, or a test by hand.
    r"|procfile|buildpack|one-off|telnet|\bnc -|says open|is open\b|run:detached|run bash"
    # The platform is meant, or asked.
    r"|stack upgrade|heroku-\d\d|dyno type|your side|from heroku|to heroku"
    r"|is it (?:you|heroku|the platform)|your (?:router|network"
    r"|platform)"
)
"""Signs in the whole text that the fault may be between us and the add-on, or at home: no
assignment without an agent's look.
"""
TRACE = Expression(
    r"\bin (?:the|a|its|our|my) (?:back|stack|thread)?[- ]?(?:trace|dump)"
    r"|\b(?:trace|dump) (?:has|shows|contains|says|points)"
)
"""It is only seen in a trace: that says what was running."""
LIBRARY = re.compile(
    # What follows a name if it is the name of a library, or of a text about it.
    r"[-_ ]?(?:'s )?(?:gem|rb|py|js|node|client|clients|library|lib|package|sdk|module|driver|npm"
    r"|plugin|in (?:the |a |my |our )?(?:back"
    r"|stack)? ?trace|docs|documentation|tutorial"
    r"|adapter|wrapper|version \d)\b"
)


ASKS_HOW = re.compile(
    # Matched at the beginning of a subject, hence no screen.
    r"\W*(?:how|where|which|what is|what are|can (?:i|we|you)|could you|is it possible|is there"
    r"|do (?:i|we|you)|does|should)\b"
)
"""A subject that asks for knowledge."""
ASIDE = Expression(
    r"\b(?:by the way|btw|fyi|in case (?:that|it|this) matters"
    r"|for (?:completeness|your information|the record)|our stack|the stack"
    r"|we (?:also |only |just )?(?:use|run))\b"
)
"""It is mentioned in passing."""
_OVER = Expression(
    r"\b(?:is|are|was|were|been|got|seems?|now) (?:\w+ )?(?:solved|resolved|fixed|recovered|over"
    r"|back to normal|working again|ok again"
    r"|fine again|up again|reachable again)\b"
    r"|(?:fine|ok|okay|good|well|normal|normally|stable) (?:now|again|since)\b|works? again"
    r"|recovered|resolved itself|went away|is gone now"
)


def is_over(text: str) -> bool:
    """What failed does so no more."""
    return _OVER.search(text) is not None


def is_failing(passage: str) -> bool:
    return FAILING.search(passage) is not None


def is_ruled_out(before: str, after: str) -> bool:
    """The sentence says that it is not this one, or that it works."""
    # The last 120 characters up to the last blank: half a word of the hit itself must not count.
    before = before[-120:]
    before = before[: before.rfind(" ") + 1] or before
    if _RULED_OUT_BEFORE.search(before[-90:]):
        return True
    # The word may follow within one sentence; `_BUT_THEN` takes the ruling out back.
    found = _RULED_OUT_AFTER.match(after[:110])
    return found is not None and not _BUT_THEN.search(after)


def is_compared(text: str) -> bool:
    return _COMPARING.search(text) is not None


_QUALIFIED = Expression(
    # Any of these may turn the sentence round, so it is no proof.
    r"\b(?:but|however|except|unless|whereas|only|instead|because|since we|after we|why|although"
    r"|though|if)\b"
)


def is_qualified(text: str) -> bool:
    """The sentence has a but: a contrast, a condition or a cause that an agent should weigh."""
    return _QUALIFIED.search(text) is not None


_ABOUT_PLATFORM = Expression(
    # Only questions about the platform: the question mark must stand in the same sentence.
    r"[^.?!\n]{0,120}\b(?:dynos?|heroku|platform|router|buildpacks?|release|review apps?|pipeline"
    r"|scheduler|you)\b[^.?!\n]{0,120}\?"
)
_ASKED_OF_THEM = Expression(
    # "Can you look?" ends nearly every ticket and doubts nothing.
    r"(?:can|could|would|will) you (?:please )?(?:\w+ )?(?:look|check|have a look|restart|help"
    r"|fix|tell|see|investigate|raise|lift|confirm)"
)


def asks_of_platform(text: str) -> str:
    """A question about dynos, releases, the platform; empty where there is none. To be looked at is
    what everybody asks.
    """
    # Without a question mark the long expression need not run.
    if "?" not in text:
        return ""
    for found in _ABOUT_PLATFORM.finditer(text):
        if not _ASKED_OF_THEM.search(found.group()):
            return found.group().strip()
    return ""


def is_supposed(text: str) -> bool:
    return _SUPPOSING.search(text) is not None


def is_hypothetical(text: str) -> bool:
    return _HYPOTHETICAL.search(text) is not None
