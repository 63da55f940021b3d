"""The studio: faces over HTTP, for the page that comes with it and for other programs."""
