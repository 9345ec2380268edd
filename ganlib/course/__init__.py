"""What only the notebooks use: their setup cell, toys and demonstrations."""
