"""What each read of the portal answers, for the reference of the API; nothing here runs when one
comes.
"""
