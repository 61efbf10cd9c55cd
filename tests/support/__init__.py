"""What the tests speak: a running stack, its people, its far end, its clock."""
