"""The synthetic world: the embedded default data source."""
