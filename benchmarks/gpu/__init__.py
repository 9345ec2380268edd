"""All that one has to know of a GPU, measured in eight minutes by one command."""
