"""The log on a full disk: no line of it may end the work."""

import io

from shared.telemetry.logs import UnfailingStream


def test_a_closed_stream_raises_nothing() -> None:
    file = io.StringIO()
    file.close()
    stream = UnfailingStream(file)
    assert stream.write("a line") == 6


def test_what_can_be_written_is() -> None:
    file = io.StringIO()
    UnfailingStream(file).write("a line")
    assert file.getvalue() == "a line"
