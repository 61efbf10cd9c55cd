"""What every request passes: who asks, how often, under which key, and the shape of the answer."""
