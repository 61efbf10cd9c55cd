"""What is special about tickets that come in: imports, who a note names, saved views, asking people to take part."""
