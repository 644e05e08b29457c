"""Sources of images: listed, cut into chunks, and read chunk by chunk."""
