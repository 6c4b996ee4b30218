"""The API server: from an HTTP request to what is stored, and back."""
