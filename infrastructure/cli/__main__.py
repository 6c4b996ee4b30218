"""`python -m infrastructure.cli` is `cafe`."""

from infrastructure.cli import main

main()
