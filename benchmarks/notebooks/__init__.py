"""How long each notebook takes, and the picture that it opens with."""
