"""A GPU, measured by one command in eight minutes."""
