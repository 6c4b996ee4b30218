"""What there is: kinds, their types, how they are shown."""
