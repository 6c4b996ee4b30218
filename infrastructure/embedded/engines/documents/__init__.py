"""Document servers: processes that speak MongoDB's protocol over one shared volume, as DocumentDB's instances do."""
