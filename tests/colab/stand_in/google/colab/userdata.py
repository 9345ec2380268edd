"""Secrets: a person who has none."""


class SecretNotFoundError(Exception):
    """There is no such secret."""


def get(key: str) -> str:
    """Nothing, ever."""
    raise SecretNotFoundError(f"Secret {key} does not exist.")
