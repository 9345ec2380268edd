"""A model goes out: a folder to give away, with a card, and ONNX for other programs."""
