"""What ganlib runs on: the device, other processes, files, and progress bars."""
