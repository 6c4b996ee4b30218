"""Claims of services that run for long: driven to a CPU target, they hold it, answer, and are calm afterwards."""
