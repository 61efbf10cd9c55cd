"""What the facts of topic `status` come to, purely: how long it was yellow and red, what a ticket
may be about, a post-mortem's draft.
"""
