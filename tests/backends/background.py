"""A call in a thread of its own, for tests that look at it while it runs."""

import threading

LIMIT_S = 30


class Background:
    """Begins at once; ``join`` waits for its end, and then ``result`` or ``error`` tells what came of it."""

    def __init__(self, call):
        self.result = self.error = None

        def work():
            try:
                self.result = call()
            except Exception as error:  # noqa: BLE001 - looked at by the test
                self.error = error

        self.thread = threading.Thread(target=work)
        self.thread.start()

    def join(self):
        self.thread.join(LIMIT_S)
        assert not self.thread.is_alive()
        return self
