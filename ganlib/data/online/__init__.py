"""Picture sets that lie in the net: on Kaggle, on Hugging Face or behind a link."""
