"""The classification of millions of images: any source cut into chunks, each read and classified by itself."""
