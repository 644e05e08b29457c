"""MLflow's store: its address, its files and experiments, and its failures with their remedies."""
