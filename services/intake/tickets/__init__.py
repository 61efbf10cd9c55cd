"""What is special about tickets that come in: imports, whom a note names, saved views."""
