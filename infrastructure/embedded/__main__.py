"""`python -m infrastructure.embedded`: the daemon with the embedded cloud's own parts. See daemon.py."""

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # nearly all that start-up makes is kept; the daemon freezes it and the parts turn the collector on
    from infrastructure.embedded import daemon
    from infrastructure.embedded.assembly import EmbeddedCloud

    sys.exit(daemon.main(sys.argv[1:], EmbeddedCloud))
