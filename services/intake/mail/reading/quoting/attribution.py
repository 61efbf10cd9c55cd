"""The lines that mail programs put above what they quote, in the languages of the large ones. Pure.

Two shapes. A sentence: `On Monday, Ann <ann@example.com> wrote:` (Gmail, Apple Mail, Thunderbird,
Yahoo, Proton, Yandex, Mail.ru). A block of labels: `From:`, `Sent:`, `To:`, `Subject:` (Outlook,
GMX, Samsung, Zimbra, Notes, QQ, Naver), often below a rule or `-----Original Message-----`.

Sources: what these programs write, as their own help pages and public test mails show it.
"""

from __future__ import annotations

import re

_WROTE = (
    # Germanic
    "wrote", "writes", "schrieb", "hat geschrieben", "geschrieben", "schreef", "geschreven",
    "skrev", "skrifaði", "het geskryf", "skreiv",
    # Romance
    "a écrit", "a ecrit", "écrivait", "escribió", "escribio", "ha escrito", "escreveu",
    "ha scritto", "va escriure", "ha escrit", "a scris", "escribiu", "scrisse",
    # Slavic
    "napisał", "napisała", r"napisał\(a\)", "pisze", "napsal", "napsala", r"napsal\(a\)",
    "napísal", r"napísal\(a\)", "написа", "пишет", "написал", "написала", r"написал\(а\)", "пише",
    "написав", r"написав\(ла\)", "написао је", "је написао", "napisao je", "je napisao",
    "je napisal", "je napisala", "napisao", "je oseba napisala", "napisao/la je", "піша",
    # Baltic, Uralic, Turkic, Greek, Celtic, Basque, Albanian
    "rašė", "parašė", "rakstīja", "kirjutas", "kirjoitti", "írta", "ezt írta", "yazdı",
    "şunu yazdı", "şunları yazdı", "yazıb", "έγραψε", "ysgrifennodd", "scríobh", "idatzi du",
    "shkroi",
    # Semitic, Iranian, Indic
    "كتب",
    "כתב", "כתבה", "כתב/ה", "נכתב על ידי", "نوشت", "نوشته", "تحریر کیا", "ने लिखा", "লিখেছেন",
    "எழுதியது", "రాశారు", "यांनी लिहिले",
    # East and South-East Asia, Africa
    "写道", "寫道", "写到", "寫", "님이 작성", "님이 작성한 내용", "작성", "さんは書きました", "が書きました",
    "のメール", "เขียนว่า", "เขียน", "đã viết", "viết", "menulis", "sumulat", "isinulat", "aliandika",
)  # fmt: skip
"""`wrote`, at the end of the sentence or right after the address."""
_QUOTES = ("zitat von", "quoting", "citando", "citando a", "citation de", "cytowanie", "citerar")
"""Horde and others: `Quoting Ann <ann@example.com>:`."""
_OPENS = (
    "on", "am", "le", "el", "il", "il giorno", "em", "op", "den", "d.", "dne", "dňa", "w dniu",
    "dnia", "in data", "vào", "pada", "pe", "la", "στις", "dana", "dne", "på", "em", "a(z)",
    "ngày", "tanggal", "në", "ar", "ann an", "în", "на",
)  # fmt: skip
"""Words that such a sentence begins with, before its date."""

# The label of the sender, in the languages of the mail programs.
_FROM = (
    "from", "von", "de", "da", "van",
    "från", "fra", "lähettäjä", "od", "feladó", "от", "від", "από",
    "kimden", "gönderen", "من", "מאת", "از", "发件人", "寄件者", "寄件人", "差出人", "送信者", "送信元",
    "보낸 사람", "보낸사람", "보낸이", "发送人", "จาก", "từ", "dari", "expéditeur", "remitente",
    "remetente", "mittente", "afzender", "absender", "avsändare", "afsender", "avsender", "nadawca",
    "odesílatel", "odesilatel", "odosielateľ", "pošiljatelj", "šalje", "отправитель", "відправник",
    "saatja", "no", "nuo", "kas", "nga", "ek", "prejšnji", "frá", "nork", "des de", "o", "mula kay",
    "प्रेषक", "প্রেরক", "அனுப்புநர்", "kutoka kwa", "expeditor", "de la", "şuradan",
)  # fmt: skip
_TO = (
    "to", "an", "à", "a", "para", "aan", "till", "til", "vastaanottaja", "do", "komu", "címzett",
    "кому", "до", "προς", "kime", "إلى", "אל", "به", "收件人", "收件者", "宛先", "받는 사람", "받는사람",
    "받는이", "ถึง", "đến", "tới", "kepada", "destinataire", "destinatario", "destinatário",
    "empfänger",
    "cc", "kopie", "copie", "kopia", "kopi", "копия", "копія", "抄送", "副本", "참조", "bilgi", "за",
    "prima", "per", "kam", "kellele", "către", "pre", "bcc", "reply-to", "antwort an",
)  # fmt: skip
# A date of an attribution: a year, a clock, or digits between marks.
_EARLIER_DATE = re.compile(r"\d{4}|\d{1,2}[:.h]\d{2}|\d{1,4}[./-]\d{1,2}[./-]|\d\s?[時时시]")
_CLOCK = re.compile(r"\d{1,2}\s?[:.hH時时시]\s?\d{2}")
_YEAR = re.compile(r"\d{4}|\d{1,2}[./-]\d{1,2}[./-]\d{2}")
# The colon at the end, with quotes, brackets and dashes that programs put around it.
_CLOSED = r"[\s>\"'”»)\]’-]{0,12}[:：][\s\-]{0,12}"
_ANY_VERB = "|".join(sorted(_WROTE, key=len, reverse=True))
_ANY_OPENING = "|".join(re.escape(word) for word in _OPENS)
# The verb at the end; or between dashes; or `Quoting …:`.
_VERB = re.compile(
    rf"(?:{_ANY_VERB})(?!\w)[^:：]{{0,60}}(?:[:：]\d\d[^:：]{{0,12}})?{_CLOSED}$"
    rf"|^\W{{0,4}}-{{2}}.*(?<!\w)(?:{_ANY_VERB})\s{{0,3}}-{{2,40}}\s{{0,3}}$"
    rf"|^\W{{0,4}}(?:{'|'.join(_QUOTES)})\s.*[:：]\s*$",
    re.IGNORECASE,
)
_OPENING = re.compile(
    rf"[\s>*\"“«]{{0,4}}(?:(?:{_ANY_OPENING})\s[^\n]{{0,40}}\d|\d{{4}}\s?[年년])", re.IGNORECASE
)
_COLON_AT_END = re.compile(r"[:：][\s\-]{0,12}$")
_LABEL = re.compile(r"[\s>*|_]{0,8}([^\s:：|*][^:：|*]{0,28}?)[\s*]{0,4}(?:[:：|]|\t)")
_WORDS_BEFORE = re.compile(
    r"[^\n]*\w[^\w\n]*\s?(?:On|Am|Le|El|Il giorno|Em|Op|Den|Dne|Dnia|W dniu)\s[^\n]{0,30}\d"
)
"""Words of the writer's, and the sentence behind them on the same line."""
# A line of words between dashes, such as `-----Original Message-----`.
SEPARATOR = re.compile(
    r"\s{0,4}[-_=*#~]{2,40}\s{0,3}[^\s\-_=*#~].{0,120}?[-_=*#~]{2,40}\s{0,4}[:：]?\s*$"
)
# A line of nothing but dashes.
RULE = re.compile(r"\s{0,4}[-_=─—]{10,}\s*$")


def is_closed(text: str) -> bool:
    """Whether it ends with a colon."""
    return _COLON_AT_END.search(text) is not None


def has_date(text: str) -> bool:
    """Whether a year, a clock or a date of digits stands in it, in any script's digits."""
    return _EARLIER_DATE.search(text) is not None


def has_whole_date(text: str) -> bool:
    """Whether both the day and the time stand in it: then the sentence begins in it."""
    return _CLOCK.search(text) is not None and _YEAR.search(text) is not None


def says_wrote(text: str) -> bool:
    """Whether it ends as such a sentence does in a language we know."""
    return _VERB.search(text) is not None


def opens(line: str) -> bool:
    """Whether such a sentence may begin with this line."""
    return _OPENING.match(line) is not None


def has_words_before(line: str) -> bool:
    """Whether the writer's own words stand before such a sentence, on its line."""
    return not opens(line) and _WORDS_BEFORE.match(line[:300]) is not None


def label_of(line: str) -> str | None:
    """`from`, `to`, `other` for a line `Label: value`; None for other lines."""
    found = _LABEL.match(line)
    # An address or a link before the colon is no label.
    if found is None or "@" in found[1] or "//" in found[1]:
        return None
    word = " ".join(found[1].casefold().split())
    return "from" if word in _FROM_WORDS else "to" if word in _TO_WORDS else "other"


# Folded once here: every line of every reply is compared with them.
_FROM_WORDS = frozenset(word.casefold() for word in _FROM)
_TO_WORDS = frozenset(word.casefold() for word in _TO)
