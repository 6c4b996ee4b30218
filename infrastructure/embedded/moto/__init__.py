"""moto."""
