"""The agents' desk: its homes and lists, colleagues, macros, saved views, many tickets at once,
who else is at a ticket.
"""
