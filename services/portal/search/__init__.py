"""Search over what somebody may see."""
