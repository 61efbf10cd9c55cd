"""The fields of a browser's form: one value a name, lines ended by a newline, never more than we take."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

from shared.errors import Refused

MOST_FIELDS = 100


async def fields_of(request: Request, most: int) -> dict[str, str]:
    """The body as `application/x-www-form-urlencoded`. Raises Refused: `too-large` (413), `bad-request` (400)."""
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > most:
            raise Refused("too-large", f"a form may have {most} bytes", status=413)
    try:
        found = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError as error:
        raise Refused("bad-request", "this form does not parse", status=400) from error
    return {name: value.replace("\r\n", "\n") for name, value in found}
