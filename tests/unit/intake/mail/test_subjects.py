"""What an autoresponder's subject looks like, in many languages; and that the subject of the ticket
itself never does.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.mail.admission.subjects import find_answering_words

AWAY = (
    "Abwesend: Re: Thread test",
    "Abwesenheitsnotiz: Thread test",
    "Abwesenheitsnotiz: AW: Thread test",
    "Automatische Antwort: Thread test",
    "Nicht im Büro: Re: Thread test",
    "Automatic reply: Thread test",
    "Automatic reply: [EXT] Re: Thread test",
    "Auto-Reply: Re: Thread test",
    "AutoReply: Thread test",
    "Auto Response: Thread test",
    "[Auto-Reply] Re: Thread test",
    "Re: Thread test (Auto-Reply)",
    "Re: Thread test - Out of office",
    "Out of Office: Re: Thread test",
    "Out of office Re: Thread test",
    "Out of Office AutoReply: Thread test",
    "Out of office until Monday: Re: Thread test",
    "OOO: Thread test",
    "Away: Thread test",
    "On vacation: Re: Thread test",
    "I'm on holiday",
    "Pia Premium is out of the office (returning 12/03/2026)",
    "AUTO: Pia Premium is out of the office.",
    "Réponse automatique : Thread test",
    "Absence du bureau: Re: Thread test",
    "Message d'absence: Re: Thread test",
    "Respuesta automática: Thread test",
    "Fuera de la oficina: Re: Thread test",
    "Resposta automática: Thread test",
    "Ausência: Re: Thread test",
    "Risposta automatica: Thread test",
    "Fuori sede: Re: Thread test",
    "Automatisch antwoord: Thread test",
    "Afwezigheidsbericht: Re: Thread test",
    "Autosvar: Thread test",
    "Automatiskt svar: Thread test",
    "Automatisk svar: Thread test",
    "Frånvaro: Re: Thread test",
    "Automaattinen vastaus: Thread test",
    "Odpowiedź automatyczna: Thread test",
    "Automatická odpověď: Thread test",
    "Automatikus válasz: Thread test",
    "Otomatik yanıt: Thread test",
    "Автоответ: Re: Thread test",
    "Автоматический ответ: Thread test",
    "Автоматична відповідь: Thread test",
    "自動返信: Thread test",
    "【自動返信】Thread test",
    "不在通知: Re: Thread test",
    "自动回复: Thread test",
    "自動回覆：Thread test",
    "자동 회신: Thread test",
    "부재중: Re: Thread test",
    "תשובה אוטומטית: Thread test",
    "رد تلقائي: Thread test",
    "Trả lời tự động: Thread test",
)


@pytest.mark.parametrize("subject", AWAY)
def test_what_an_autoresponder_puts_into_the_subject(subject: str) -> None:
    assert find_answering_words(subject, "Thread test")
    assert find_answering_words(f"  {subject.upper()}", "Thread test")


PEOPLE = (
    "Re: Thread test",
    "AW: Thread test",
    "Fwd: Re: Thread test",
    "Re: Received: Thread test",
    "Thread test",
    "",
    "Still broken",
    "Automatic reply does not work",
    "Our automatic replies are broken",
    "Away from the desk for two minutes when it broke",
    "Absence of logs since noon",
    "Re: Thread test, I will be away tomorrow",
    "The office router is out of memory",
    "I am out of ideas",
    "Vacation rental app answers H12",
    "On leave-request form: H12",
)


@pytest.mark.parametrize("subject", PEOPLE)
def test_what_people_put_into_the_subject(subject: str) -> None:
    assert find_answering_words(subject, "Thread test") == ""


@pytest.mark.parametrize(
    "own", [*AWAY, "Out of office replies bounce", "Automatic reply: not sent"]
)
@pytest.mark.parametrize("before", ["", "Re: ", "AW: ", "Re: Received: ", "RE: RE: ", "Fwd: "])
def test_the_tickets_own_subject_is_no_evidence(own: str, before: str) -> None:
    assert find_answering_words(before + own, own) == ""
    if own.isascii():
        assert find_answering_words((before + own).upper(), own) == ""


@pytest.mark.parametrize("own", AWAY)
def test_behind_re_stands_what_somebody_else_wrote_also_where_the_ticket_is_not_known(
    own: str,
) -> None:
    if not own.startswith("Re: "):
        assert find_answering_words(f"Re: {own}") == ""


@given(st.text(max_size=200), st.sampled_from(["", "Re: ", "Sv: ", "回复: "]))
def test_no_subject_of_a_ticket_makes_a_persons_reply_a_machines(own: str, before: str) -> None:
    plain = " ".join(own.split())
    if plain:
        assert find_answering_words(before + plain, plain) == ""


@given(st.text(max_size=600), st.text(max_size=100))
def test_any_subject_is_read(subject: str, own: str) -> None:
    found = find_answering_words(subject, own)
    assert len(found) <= 500
