"""The front end of the rendered book: a small Sphinx extension, style, and the files it takes from npm."""
