"""Another help desk's tickets, read from files: `records` reads files, `zendesk` and `tables` know
two shapes, `tickets` makes bodies of `POST /v1/import/tickets`, `report` says what came and what
did not.
"""
