"""Addresses of pods and services, and the proxy that balances services over pods."""
