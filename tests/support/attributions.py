"""What mail programs write above a quotation, each in its languages. `{who}` is a display name,
`{at}` its address. For tests: the code under test has its own tables.
"""

from __future__ import annotations

SENTENCES: dict[str, str] = {
    "gmail en": "On Mon, Nov 30, 2026 at 3:36 PM {who} <{at}> wrote:",
    "gmail en-gb": "On Mon, 30 Nov 2026 at 15:36, {who} <{at}> wrote:",
    "gmail de": "Am Mo., 30. Nov. 2026 um 15:36 Uhr schrieb {who} <{at}>:",
    "gmail fr": "Le lun. 30 nov. 2026 à 15:36, {who} <{at}> a écrit :",
    "gmail es": "El lun, 30 nov 2026 a las 15:36, {who} (<{at}>) escribió:",
    "gmail pt-br": "Em seg., 30 de nov. de 2026 às 15:36, {who} <{at}> escreveu:",
    "gmail pt": "{who} <{at}> escreveu (segunda, 30/11/2026 à(s) 15:36):",
    "gmail it": "Il giorno lun 30 nov 2026 alle ore 15:36 {who} <{at}> ha scritto:",
    "gmail nl": "Op ma 30 nov 2026 om 15:36 schreef {who} <{at}>:",
    "gmail da": "Den man. 30. nov. 2026 kl. 15.36 skrev {who} <{at}>:",
    "gmail no": "man. 30. nov. 2026 kl. 15:36 skrev {who} <{at}>:",
    "gmail sv": "Den mån 30 nov. 2026 kl 15:36 skrev {who} <{at}>:",
    "gmail fi": "ma 30. marrask. 2026 klo 15.36 {who} ({at}) kirjoitti:",
    "gmail is": "mán., 30. nóv. 2026 kl. 15:36 skrifaði {who} <{at}>:",
    "gmail pl": "pon., 30 lis 2026 o 15:36 {who} <{at}> napisał(a):",
    "gmail cs": "po 30. 11. 2026 v 15:36 odesílatel {who} <{at}> napsal:",
    "gmail sk": "po 30. 11. 2026 o 15:36 {who} <{at}> napísal(a):",
    "gmail hu": "{who} <{at}> ezt írta (időpont: 2026. nov. 30., H, 15:36):",
    "gmail ro": "În lun., 30 nov. 2026 la 15:36, {who} <{at}> a scris:",
    "gmail bg": "На пн, 30.11.2026 г. в 15:36 {who} <{at}> написа:",
    "gmail ru": "пн, 30 нояб. 2026 г. в 15:36, {who} <{at}>:",
    "gmail uk": "пн, 30 лист. 2026 р. о 15:36 {who} <{at}> пише:",
    "gmail sr": "пон, 30. нов 2026. у 15:36 {who} <{at}> је написао/ла:",
    "gmail hr": "pon, 30. stu 2026. u 15:36 {who} <{at}> napisao je:",
    "gmail sl": "V V pon., 30. nov. 2026 ob 15:36 je oseba {who} <{at}> napisala:",
    "gmail el": "Στις Δευ 30 Νοε 2026 στις 3:36 μ.μ., ο χρήστης {who} <{at}> έγραψε:",
    "gmail tr": "{who} <{at}>, 30 Kas 2026 Pzt, 15:36 tarihinde şunu yazdı:",
    "gmail lt": "2026-11-30, pr, 15:36 {who} <{at}> rašė:",
    "gmail lv": "pirmd., 2026. g. 30. nov., plkst. 15:36 — lietotājs {who} (<{at}>) rakstīja:",
    "gmail et": "Kuupäev E, 30. november 2026 kell 15:36 kirjutas {who} <{at}>:",
    "gmail ca": "Missatge de {who} <{at}> del dia dl., 30 de nov. 2026 a les 15:36:",
    "gmail eu": "{who} erabiltzaileak hau idatzi du (<{at}>) (2026 aza. 30, al. (15:36)):",
    "gmail gl": "O luns, 30 de nov. de 2026 ás 15:36, {who} (<{at}>) escribiu:",
    "gmail he": (
        "\u202bבתאריך יום ב׳, 30 בנוב׳ 2026 ב-15:36 מאת \u202a{who}\u202c\u200f "
        "<\u202a{at}\u202c\u200f>:\u202c"
    ),
    "gmail ar": (
        "في الاثنين، ٣٠ نوفمبر ٢٠٢٦ في ٣:٣٦ م تمت كتابة ما يلي بواسطة "
        "\u202a{who}\u202c\u200f <\u202a{at}\u202c\u200f>:\u202c"
    ),
    "gmail fa": (
        "در تاریخ دوشنبه ۳۰ نوامبر ۲۰۲۶،\u200f ۱۵:۳۶ \u202a{who}\u202c\u200f "
        "<\u202a{at}\u202c\u200f> نوشت:"
    ),
    "gmail hi": "सोम, 30 नव॰ 2026 को 3:36 pm बजे को {who} <{at}> ने लिखा:",
    "gmail bn": "সোম, ৩০ নভে, ২০২৬ তারিখে ৩:৩৬ PM টায় {who} <{at}> লিখেছেন:",
    "gmail th": "ในวันที่ จ. 30 พ.ย. 2026 เวลา 15:36 {who} <{at}> เขียนว่า:",
    "gmail vi": "Vào Th 2, 30 thg 11, 2026 vào lúc 15:36 {who} <{at}> đã viết:",
    "gmail id": "Pada tanggal Sen, 30 Nov 2026 pukul 15.36 {who} <{at}> menulis:",
    "gmail ms": "Pada Isn, 30 Nov 2026 pada 3:36 PTG {who} <{at}> menulis:",
    "gmail fil": "Noong Lun, Nob 30, 2026 nang 3:36 PM, isinulat ni {who} <{at}> ang:",
    "gmail sw": "Mnamo Jtt, 30 Nov 2026 saa 15:36 {who} <{at}> aliandika:",
    "gmail ja": "2026年11月30日(月) 15:36 {who} <{at}>:",
    "gmail ko": "2026년 11월 30일 (월) 오후 3:36, {who} <{at}>님이 작성:",
    "gmail zh-cn": "{who} <{at}> 于2026年11月30日周一 15:36写道：",
    "gmail zh-tw": "{who} <{at}> 於 2026年11月30日 週一 下午3:36寫道：",
    "apple en": "On 30. Nov 2026, at 15:36, {who} <{at}> wrote:",
    "apple de": "Am 30.11.2026 um 15:36 schrieb {who} <{at}>:",
    "apple fr": "Le 30 nov. 2026 à 15:36, {who} <{at}> a écrit :",
    "apple no name": "On 30 Nov 2026, at 15:36, {at} wrote:",
    "apple ja": "2026/11/30 15:36、{who} <{at}>のメール:",
    "apple zh": "在 2026年11月30日，15:36，{who} <{at}> 写道：",
    "thunderbird en": "On 11/30/26 15:36, {who} wrote:",
    "thunderbird de": "Am 30.11.26 um 15:36 schrieb {who}:",
    "thunderbird fr": "Le 30/11/2026 à 15:36, {who} a écrit :",
    "thunderbird ru": "30.11.2026 15:36, {who} пишет:",
    "yahoo en": "On Monday, November 30, 2026 at 03:36:00 PM UTC, {who} <{at}> wrote:",
    "yahoo es": "El lunes, 30 de noviembre de 2026, 15:36:00 CET, {who} <{at}> escribió:",
    "proton en": "On Monday, November 30th, 2026 at 15:36, {who} <{at}> wrote:",
    "mail.ru": "Понедельник, 30 ноября 2026, 15:36 +03:00 от {who} <{at}>:",
    "yandex": '30.11.2026, 15:36, "{who}" <{at}>:',
    "fastmail": "On Mon, Nov 30, 2026, at 3:36 PM, {who} <{at}> wrote:",
    "mutt": "On Mon, Nov 30, 2026 at 03:36:12PM +0000, {who} <{at}> wrote:",
    "horde de": "Zitat von {who} <{at}>:",
    "roundcube": "On 2026-11-30 15:36, {who} <{at}> wrote:",
    "netease": 'At 2026-11-30 15:36:00, "{who}" <{at}> wrote:',
    "zoho": "---- On Mon, 30 Nov 2026 15:36:00 +0000 {who} <{at}> wrote ----",
    "a language nobody knows": "Zzz qqq 30 xxx 2026, 15:36 {who} <{at}> vvv:",
}
"""Client and language → the sentence above lines that are marked with `>`."""

LABELS: dict[str, tuple[str, str, str, str]] = {
    "en": ("From", "Sent", "To", "Subject"),
    "de": ("Von", "Gesendet", "An", "Betreff"),
    "fr": ("De", "Envoyé", "À", "Objet"),
    "es": ("De", "Enviado", "Para", "Asunto"),
    "pt": ("De", "Enviado", "Para", "Assunto"),
    "it": ("Da", "Inviato", "A", "Oggetto"),
    "nl": ("Van", "Verzonden", "Aan", "Onderwerp"),
    "da": ("Fra", "Sendt", "Til", "Emne"),
    "sv": ("Från", "Skickat", "Till", "Ämne"),
    "no": ("Fra", "Sendt", "Til", "Emne"),
    "fi": ("Lähettäjä", "Lähetetty", "Vastaanottaja", "Aihe"),
    "pl": ("Od", "Wysłane", "Do", "Temat"),
    "cs": ("Od", "Odesláno", "Komu", "Předmět"),
    "sk": ("Od", "Odoslané", "Komu", "Predmet"),
    "hu": ("Feladó", "Elküldve", "Címzett", "Tárgy"),
    "ro": ("De la", "Trimis", "Către", "Subiect"),
    "ru": ("От", "Отправлено", "Кому", "Тема"),
    "uk": ("Від", "Надіслано", "Кому", "Тема"),
    "bg": ("От", "Изпратено", "До", "Относно"),
    "el": ("Από", "Στάλθηκε", "Προς", "Θέμα"),
    "tr": ("Kimden", "Gönderildi", "Kime", "Konu"),
    "he": ("מאת", "נשלח", "אל", "נושא"),
    "ar": ("من", "تم الإرسال", "إلى", "الموضوع"),
    "ja": ("差出人", "送信日時", "宛先", "件名"),
    "ko": ("보낸 사람", "보낸 날짜", "받는 사람", "제목"),
    "zh-cn": ("发件人", "发送时间", "收件人", "主题"),
    "zh-tw": ("寄件者", "寄件日期", "收件者", "主旨"),
    "vi": ("Từ", "Đã gửi", "Đến", "Chủ đề"),
    "th": ("จาก", "ส่ง", "ถึง", "เรื่อง"),
    "id": ("Dari", "Dikirim", "Kepada", "Subjek"),
    "sl": ("Od", "Poslano", "Za", "Zadeva"),
    "hr": ("Šalje", "Poslano", "Prima", "Predmet"),
    "et": ("Saatja", "Saadetud", "Adressaat", "Teema"),
    "lt": ("Nuo", "Išsiųsta", "Kam", "Tema"),
    "lv": ("No", "Nosūtīts", "Kam", "Tēma"),
    "a language nobody knows": ("Zxx", "Qxx", "Vxx", "Wxx"),
}
"""Language → the labels of Outlook's block."""

BLOCKS: dict[str, str] = {
    "outlook": (
        "{0}: {who} <{at}>\n{1}: 30.11.2026 15:36\n{2}: Pia <premium@example.com>\n{3}: Help"
    ),
    "outlook rule": "{rule}\n{0}: {who} <{at}>\n{1}: 30.11.2026 15:36\n{2}: Pia\n{3}: Help",
    "outlook mailto": "{0}: {who} [mailto:{at}]\n{1}: 30.11.2026 15:36\n{2}: Pia\n{3}: Help",
    "outlook bold": "*{0}:* {who} <{at}>\n*{1}:* 30.11.2026 15:36\n*{2}:* Pia\n*{3}:* Help",
    "gmx": '{1}: 30. November 2026 um 15:36 Uhr\n{0}: "{who}" <{at}>\n{2}: Pia\n{3}: Help',
    "dashes": "-----Original Message-----\n{0}: {who} <{at}>\n{1}: 30.11.2026\n{2}: Pia\n{3}: Help",
    "samsung": (
        "-------- 원본 메일 --------\n{0}: {who} <{at}>\n{1}: 30.11.2026 15:36\n{3}: Help\n{2}: Pia"
    ),
    "qq": (
        '------------------ 原始邮件 ------------------\n{0}: "{who}" <{at}>;\n'
        '{1}: 2026年11月30日\n{2}: "Pia";\n{3}: Help'
    ),
    "netease": (
        "---- 回复的原邮件 ----\n| {0} | {who}<{at}> |\n| {1} | 2026年11月30日 |\n"
        "| {2} | Pia |\n| {3} | Help |"
    ),
    "inotes": (
        "-----{who} <{at}> wrote: -----\n{2}: Pia\n{0}: {who} <{at}>\n{1}: 30.11.2026\n{3}: Help"
    ),
    "zimbra": (
        "----- Original Message -----\n{0}: {who} <{at}>\n{2}: Pia\n"
        "{1}: Monday, 30 November 2026 15:36:00\n{3}: Help"
    ),
    "broken lines": "{0}: {who}\n<{at}>\n{1}: 30.11.2026 15:36\n{2}: Pia\n{3}: Help",
}
"""Client → its block; below it nothing is marked."""
