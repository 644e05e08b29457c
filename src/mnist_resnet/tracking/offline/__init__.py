"""Records that could not be sent to MLflow: kept in the project's folder, and sent later."""
