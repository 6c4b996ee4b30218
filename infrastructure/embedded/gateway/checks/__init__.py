"""What a request may hold: as the service's model says, and as the API's own rules do."""
