"""The analytics service: a revenue row in the warehouse for every order that was paid."""
