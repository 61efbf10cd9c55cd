"""Forms in which mailers pack parts of a message: S/MIME, Outlook's winmail.dat, uuencode.
`unpacking` is the door.
"""
