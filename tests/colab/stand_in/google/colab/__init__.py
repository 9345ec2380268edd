"""A stand-in for the module that Colab's runtimes have: only what a lesson or ganlib asks of it."""
