"""Runs as MLflow records them."""
