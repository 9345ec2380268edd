"""What maintains the notebooks, the website and the pictures of the README."""
