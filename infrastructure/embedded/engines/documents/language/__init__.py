"""What queries, updates and projections mean: documents in, documents out. Pure."""
