"""Commands about tickets and pages: submit, list, explain, route, due."""
