"""The processor, the backend, and what they are set to."""
