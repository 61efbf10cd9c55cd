"""Whether a consumer gets on, how late it is, and who else has its name."""
