"""Pictures of pictures: grids, curves and films."""
