"""The books: for every order acknowledged, each store says the same. `reconcile.reconcile` is the way in."""
