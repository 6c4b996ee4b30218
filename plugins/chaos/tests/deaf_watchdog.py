"""A watchdog that never says that it watches, as on a machine too busy to start one."""

import signal

if __name__ == "__main__":
    signal.pause()
