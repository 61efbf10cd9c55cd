"""Policy documents: checked, simulated, and the rota's changes."""
