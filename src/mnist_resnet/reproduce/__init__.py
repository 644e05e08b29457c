"""A recorded run made again from its commit."""
