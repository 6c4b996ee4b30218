"""Orders on their way out: what was promised to the rest of the platform, and who hands it on."""
