"""Claims of functions: a surge from nothing is answered in time, cold starts included, and warm soon after."""
