"""The four pipelines: thin wiring of catalog names over the library."""
