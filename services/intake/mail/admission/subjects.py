"""Whether the part of a subject line that its sender added says that a machine answers. Pure.

An autoresponder puts its words in front of the subject it answers ("Abwesend: Re: Thread test") or
writes its own ("Pia is out of the office"). What stands in the ticket's own subject, or behind
"Re:", is what somebody else wrote before, so it is no evidence: a reply on a ticket named "Out of
office replies bounce" is a person's.

This is medium evidence. Where the mail answers a ticket of ours, it may keep that ticket as it is,
shown and flagged for an agent. It never refuses or loses anything. docs/evidence.md has the table.
"""

from __future__ import annotations

import re
import unicodedata

# What autoresponders write by themselves, by language.
_PHRASES = (
    # English
    r"auto(?:matic(?:ally generated)?|mated)?[- ]?(?:reply|response|answer)",
    r"auto[- ]?respon(?:se|der)|vacation (?:reply|notice|response|message)|away(?: message)?",
    r"(?:i am |i'm )?(?:currently )?out of (?:the |my )?office(?: (?:auto|automatic)[- ]?reply)?"
    r"|ooo",
    r"(?:i am |i'm )?(?:currently )?on (?:vacation|holiday|(?:annual |parental )?leave)",
    r"away from (?:my )?(?:e-?mail|mail|desk|office)|absen(?:t|ce)(?: notice| from the office)?",
    # German
    r"abwesend|abwesenheit(?:s(?:notiz|nachricht|meldung|assistent|info|benachrichtigung))?",
    r"automatische (?:antwort|abwesenheits\w*|r[üu]ckmeldung)|autoantwort|automatische e-?mail",
    r"nicht (?:im (?:b[üu]ro|haus|dienst)|am arbeitsplatz)|au(?:ß|ss)er haus"
    r"|(?:ich bin )?im urlaub",
    # French
    r"r[ée]ponse automatique|absen(?:ce|t|te) du bureau|(?:message|avis) d['’]absence"
    r"|absente?|en cong[ée]s?",
    # Spanish, Portuguese, Italian, Catalan, Romanian
    r"respuesta autom[áa]tica|fuera de (?:la )?oficina|ausente|de vacaciones|mensaje de ausencia",
    r"resposta autom[áa]tica|fora do escrit[óo]rio|aus[êe]ncia(?: do escrit[óo]rio)?|de f[ée]rias",
    r"risposta automatica|fuori (?:sede|ufficio)|assente|in ferie|resposta autom[àa]tica",
    r"r[ăa]spuns automat|absen[țt][ăa]",
    # Dutch, Scandinavian, Finnish, Estonian
    r"automatisch(?:e)? (?:antwoord|beantwoord(?:ing)?)|afwezig(?:heid(?:sbericht)?)?"
    r"|niet aanwezig",
    r"auto(?:matisk(?:t)? )?sv[aå]r|automatisk (?:svar|besvarelse)|fr[åa]nvar(?:o|ande)"
    r"|frav[æa]r(?:ende)?|fraværsmelding|ikke p[åa] kontoret|ej p[åa] kontoret",
    r"automaattinen (?:vastaus|poissaoloviesti)|poissa(?:olo)?(?:ilmoitus|viesti)?"
    r"|automaatvastus",
    # Polish, Czech, Slovak, Hungarian, Croatian, Slovenian, Lithuanian, Latvian
    r"odpowied[źz] automatyczna|automatyczna odpowied[źz]|autoodpowied[źz]|nieobecno[śs][ćc]"
    r"|poza biurem",
    r"automatick[áa] (?:odpov[ěe][dď]|odpove[dď])|nep[řr][íi]tomnost|mimo kancel[áa][řr]"
    r"|nepr[íi]tomnos[tť]",
    r"automatikus v[áa]lasz|h[áa]zon k[íi]v[üu]l|szabads[áa]gon",
    r"automatski odgovor|samodejni odgovor|odsoten|odsutan|automatinis atsakymas"
    r"|autom[āa]tisk[āa] atbilde",
    # Greek, Turkish, Indonesian, Malay, Vietnamese
    r"αυτ[όο]ματη απ[άα]ντηση|εκτ[όο]ς γραφε[ίι]ου",
    r"otomatik (?:yan[ıi]t|cevap)|ofis d[ıi][şs][ıi]nda(?:y[ıi]m)?",
    r"balasan otomatis|jawaban otomatis|di luar kantor|balasan automatik",
    r"tr[ảa] l[ờo]i t[ựu] đ[ộo]ng|v[ắa]ng m[ặa]t",
    # Russian, Ukrainian, Bulgarian, Serbian
    r"автоматический ответ|автоответ(?:чик)?|отсутств\w+|вне офиса|нет на месте",
    r"автоматична відповідь|автовідповідь|автоматичен отговор|извън офиса|аутоматски одговор",
    # Hebrew, Arabic, Hindi, Thai
    r"תשובה אוטומטית|מענה אוטומטי|מחוץ למשרד|رد تلقائي|خارج المكتب|स्वचालित उत्तर|ตอบกลับอัตโนมัติ",
    # Chinese, Japanese, Korean
    r"自动(?:回复|答复|應答)|自動(?:回[覆復]|回信|返信|応答|回答)|外出|休假|不在(?:通知|届)?|休暇中"
    r"|자동 ?(?:회신|응답|답장)|부재 ?중?",
)
_FROM_TO = (
    r"(?:until|till|to|from|back|returning|bis|vom|ab|zur[üu]ck|jusqu\S*|du|au|hasta|del?|at[ée]"
    r"|fino"
    r"|dal?|tot|van|t\.?o\.?m\.?|til|fra|do|od|с|до|по)"
)
# Brackets, a colon, a dash or a reply mark: where a machine's words end.
_ENDS = (
    r"(?:[\])】>*!.]+\s*)?"
    r"(?:[:：|]|\s[-–—]|[-–—]\s|[\]】]|(?=\s(?:re|aw|fwd?|sv|antw|tr|rv)\s?[:：]))"
)
_UNTIL = rf"(?:\s*\([^)]{{0,60}}\)|\s*,?\s+(?:{_FROM_TO}\b|\d)[^:]{{0,60}}?)?"
_UNTIL_DAY = rf"(?:\s*\([^)]{{0,60}}\)|\s*,?\s+{_FROM_TO}\s[^:]{{0,20}}?\d[\d./ \w-]{{0,20}})?"
"""Free text is only part of the autoresponder's words where a colon or "Re:" ends it, or a day."""
_PHRASE = rf"(?:{'|'.join(_PHRASES)})"
# The phrase first, and then nothing, an end, or how long the absence lasts.
_AT_START = re.compile(
    rf"\s*[\[(【<*#]?\s*(?:auto:\s*)?{_PHRASE}"
    rf"(?:{_UNTIL}\s*{_ENDS}|{_UNTIL_DAY}\s*[\])】>*!.]*$)",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    rf"(?:auto:\s*)?[^:]{{0,60}}\b(?:is|are) (?:currently |now )?"
    rf"(?:out of (?:the )?office|away|on (?:vacation|holiday|leave)){_UNTIL}\s*[.!]*",
    re.IGNORECASE,
)
"""Lotus Notes: "Pia Premium is out of the office (returning 3 December)"."""
# Some put their words behind the subject they answer.
_AT_END = re.compile(rf"[\s\[(<–—|:-]+{_PHRASE}[\s\])>.!]*", re.IGNORECASE)
# Reply and forward marks of the common mailers.
_REPLIES = re.compile(
    r"\s*(?:(?:re|aw|antw|antwort|sv|vs|rv|ref|tr|r|odp|ynt|回复|答复|返信|fwd?|wg|i)"
    r"(?:\[\d+\])?\s?[:：]|received:)\s*",
    re.IGNORECASE,
)
# A longer subject is cut: the patterns stay quick whatever is sent.
_LONGEST = 500


def find_answering_words(subject: str, own: str = "") -> str:
    """The words with which the sender of `subject` says that a machine answers; empty where they do
    not. `own`: the subject of the ticket it answers, as far as known.
    """
    # What the ticket's own subject says is somebody else's, so only what was added counts.
    before, after = _split_around_own(_plain(subject[:_LONGEST]), _plain(own))
    if (found := _AT_START.match(before)) is not None:
        return found[0].strip()
    if not after and not _REPLIES.match(before) and _WHOLE.fullmatch(before):
        return before
    return after.strip() if after and _AT_END.fullmatch(after) else ""


def _split_around_own(given: str, own: str) -> tuple[str, str]:
    """What stands before and behind the ticket's own subject; all of it where that is not in it."""
    # The last place it stands in: what is in front of it may quote it too.
    found = list(re.finditer(re.escape(own), given, re.IGNORECASE)) if own else []
    if not found:
        return given, ""
    return given[: found[-1].start()].rstrip(), given[found[-1].end() :]


def _plain(text: str) -> str:
    """Composed letters and single blanks."""
    return " ".join(unicodedata.normalize("NFC", text).split())
