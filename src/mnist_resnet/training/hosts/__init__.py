"""One training on several hosts of a Ray cluster, each of which runs a rank of JAX."""
