"""The latent studio: a state that knows no widgets, panels made of widgets, and the page around them."""
