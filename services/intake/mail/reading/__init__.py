"""A raw RFC 5322 message → what it says, safely. `Reader` is the door; `shape` is what goes in and comes out."""
