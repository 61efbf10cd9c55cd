"""What each call of intake answers, for the reference of the API; nothing here runs when one
comes.
"""
