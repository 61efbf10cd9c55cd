"""What people set for themselves: profile, contact methods, what they are told by mail."""
