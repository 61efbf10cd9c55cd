"""The SMTP side: who may connect, and what is taken for whom."""
