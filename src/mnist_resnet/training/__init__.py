"""Training: from split arrays to a trained model and its history."""
