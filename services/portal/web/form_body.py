"""The fields of a browser's form: one value a name, lines ended by a newline, never more than we
take.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

from shared.errors import Refused

# More than any form of ours has.
MOST_FIELDS = 100
FORM = "application/x-www-form-urlencoded"


async def fields_of(request: Request, most: int) -> dict[str, str]:
    """The body as `application/x-www-form-urlencoded`. Raises Refused: `unsupported-media-type`
    (415), `too-large` (413), `bad-request` (400).
    """
    kind = request.headers.get("content-type", FORM)
    if kind.partition(";")[0].strip().lower() != FORM:
        raise Refused("unsupported-media-type", f"send the form as {FORM}", status=415)
    raw = bytearray()
    # Counted as it comes: a length that was announced is not believed.
    async for part in request.stream():
        raw += part
        if len(raw) > most:
            raise Refused("too-large", f"a form may have {most} bytes", status=413)
    try:
        found = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"
        )
    except ValueError as error:
        # Not ASCII, a broken escape, or too many fields.
        raise Refused("bad-request", "this form does not parse", status=400) from error
    return {name: value.replace("\r\n", "\n") for name, value in found}
