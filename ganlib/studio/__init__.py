"""The latent studio: a state that knows no widgets, panels made of widgets, and the page around them."""

from importlib.util import find_spec

from ganlib.errors import GanlibError

if find_spec("ipywidgets") is None:  # also for the widgets of the course, which stand on these
    raise GanlibError("Sliders and buttons are widgets: type pip install ipywidgets, and restart the kernel.")
