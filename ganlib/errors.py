"""The one exception that a user of ganlib meets."""


class GanlibError(Exception):
    """A mistake that the user can mend: its text says what is wrong and what to do."""
