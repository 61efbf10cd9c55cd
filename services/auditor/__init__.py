"""The auditor reads the log and the far ends' receipts, writes nothing in Kafka, and names what
should have happened and did not.
"""
