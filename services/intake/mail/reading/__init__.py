"""A raw RFC 5322 message → what it says, safely. `MailReader` is the door; `models` is what goes in and
comes out.
"""
