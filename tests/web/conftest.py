"""What page tests share: the bureau's application behind a real address, for a browser."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread

import pytest
from werkzeug.serving import make_server

from tests.driver import Bureau


@pytest.fixture
def address(bureau: Bureau) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, bureau.app)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
