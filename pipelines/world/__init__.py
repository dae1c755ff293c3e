"""The synthetic worlds, one folder a domain: the embedded default data source."""

WORLDS: tuple[str, ...] = ("homes",)
"""The domains that have one."""
