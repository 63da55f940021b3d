"""What a person starts: the command line and the studio with its web page."""
