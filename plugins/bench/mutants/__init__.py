"""`make mutants`: small defects put into the code that judges, keeps and counts money, and whether a test sees them."""
