"""`make kills`: kills parts of running experiments at random moments and shows that nothing is left behind."""
