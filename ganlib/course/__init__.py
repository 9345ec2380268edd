"""What only the notebooks use: their first cell, toys and demonstrations."""
