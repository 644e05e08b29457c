"""MLflow's store: where it is, whether it answers, and what is made in it before the first run."""
