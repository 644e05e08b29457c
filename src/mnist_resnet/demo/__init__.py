"""A page on which exported models classify what a person draws, in the browser alone."""
