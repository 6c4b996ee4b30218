"""DynamoDB's PartiQL: statements are the same calls under other names."""
