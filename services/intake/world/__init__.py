"""What intake knows of the world while it accepts, at hand in this process."""
