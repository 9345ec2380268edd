"""The parts of the latent studio: a state that knows no widgets, and panels that are made of them."""
