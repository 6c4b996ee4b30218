"""What an experiment showed: gathered and measured once it is over, then judged, then reported."""
