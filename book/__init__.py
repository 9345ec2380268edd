"""The course as a website: the notebooks with the outputs of a full run, and the texts around them."""
