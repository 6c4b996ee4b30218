"""The books: for every order acknowledged, each book says the same. `reconcile.reconcile` is the way in."""
