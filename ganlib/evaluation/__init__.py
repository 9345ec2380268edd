"""How good and how varied pictures are, in numbers."""
