"""Sites' mails with verification codes and confirming links that arrive at the support address.

Somebody may sign up somewhere as our support address and read the code in a ticket that the mail
opened, and so pass for us. Such a mail is shown to staff only (RELIABILITY, Security).
"""

from __future__ import annotations

import re

# A code stands near the beginning; a long mail that quotes one further down is a person's.
LOOKED_AT = 3000

# What such mail calls its code or link, in the languages sites write in.
_PHRASE = re.compile(
    r"\b(?:verification|confirmation|security|one[- ]?time|single[- ]use|log-?in|sign-?in"
    r"|sign-?up|access"
    r"|activation|authentication|auth|2fa|otp)[- ]"
    r"(?:code|pin|passcode|password|token|link)\b"
    r"|\b(?:verify|confirm|validate|activate|complete)\s(?:your|this|the)\s(?:e-?mail|account"
    r"|address|registration|sign-?up|subscription|identity|new)"
    r"|\b(?:reset|choose|change|create)\s(?:your|a new)\spassword\b|\bpassword reset\b"
    r"|\bmagic link\b|\binvit(?:ed you|ation) to join\b"
    r"|bestätigungscode|sicherheitscode|bestätigen sie (?:ihre|bitte)|passwort zurücksetzen"
    r"|code de (?:vérification|confirmation|sécurité)"
    r"|confirmez votre|código de (?:verificación|seguridad|verificação|confirmación)"
    r"|codice di (?:verifica|sicurezza)|verificatiecode"
    r"|認証コード|確認コード|验证码|驗證碼|인증 ?(?:번호|코드)|код подтверждения",
    re.IGNORECASE,
)
# Words that hand something over. The phrase alone also stands in questions about codes.
_GIVES = re.compile(
    r"\byour\b.{0,40}\b(?:code|pin|passcode|password|token)\b.{0,20}(?:is|:)|\b(?:use|enter|copy"
    r"|paste)\b.{0,40}\b(?:code|pin|passcode)\b"
    r"|\bcode\b.{0,30}(?:is|:)\s|\b(?:click|tap|follow|press|use)\b.{0,60}\b(?:link|button|below"
    r"|here)\b"
    r"|\bcode\b.{0,40}\bexpires?\b|\blink\b.{0,40}\bexpires?\b|geben sie|klicken sie|cliquez"
    r"|haga clic|以下|入力|输入|입력",
    re.IGNORECASE | re.DOTALL,
)
# Four to eight digits or capitals, and not a part of a number, an address or a path.
_CODE = re.compile(
    r"(?<![\w.:/#+-])(?:\d{4,8}|\d{3}[ -]\d{3,4}|[A-Z0-9]{3,4}-[A-Z0-9]{3,4}"
    r"|(?=[A-Z0-9]{0,7}\d)[A-Z0-9]{5,8})(?![\w:/-])"
)
# An address that confirms something when it is opened.
_LINK = re.compile(
    r"https?://[^\s<>\"]{0,400}(?:verif|confirm|activat|validat|token|reset|magic|signup|sign-up"
    r"|register|invit|otp|auth|code=)[^\s<>\"]{0,400}",
    re.IGNORECASE,
)


def gives_code(subject: str, text: str, *, answers: bool) -> bool:
    """`answers`: it replies to a mail, as a person's does who quotes such a thing."""
    if answers:
        return False
    start = text[:LOOKED_AT]
    # A phrase must come first: links and numbers stand in every mail.
    if not (_PHRASE.search(subject) or _PHRASE.search(start[:1000])):
        return False
    return bool(_LINK.search(start)) or bool(
        _GIVES.search(f"{subject}\n{start}") and _CODE.search(f"{subject}\n{start}")
    )
