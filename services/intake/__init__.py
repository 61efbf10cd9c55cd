"""Intake: takes in what people and machines ask for, says who asks and what was known of the world,
and writes it down.
"""
