"""A server whose answers are sound until they are mutated."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import interplay as ip
from benchmarks.ground import mutations
from benchmarks.scale.hostile import mutate_json


class Answers:
    """A server whose answers are sound until they are mutated; it scores a text by its words."""

    def __init__(self) -> None:
        self.strike: Callable[[bytes], bytes] = bytes
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        made = asyncio.start_server(self._serve, "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(made, self._loop).result(10)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                size = head.partition("content-length:")[2].partition("\r\n")[0]
                asked = json.loads(await reader.readexactly(int(size or 0)) or b"{}")
                body = self.strike(json.dumps(self._answer(asked)).encode())
                writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n".encode())
                writer.write(body)
                await writer.drain()
        writer.close()

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        if "prompt" not in asked:
            return {"object": "list", "data": [{"id": "words", "max_model_len": 512}]}
        words = asked["prompt"].split(" ")
        pieces = [words[0], *(f" {word}" for word in words[1:])]
        values = [None, *(-1 - (sum(map(ord, piece)) % 13) / 7 for piece in pieces[1:])]
        last = -1 - (sum(map(ord, " the")) % 13) / 7
        shown = {" the": last, " of": last - 1}
        logprobs = {
            "tokens": [*pieces, " the"],
            "token_logprobs": [*values, last],
            "top_logprobs": [*[None for _ in pieces], {" the": last}],
        }
        if not asked.get("echo"):
            logprobs = {"tokens": [" the"], "token_logprobs": [last], "top_logprobs": [shown]}
        choice = {"index": 0, "text": asked["prompt"] + " the", "logprobs": logprobs}
        return {"choices": [choice], "usage": {"prompt_tokens": len(words), "completion_tokens": 1}}

    def tried(self, first: int, count: int) -> Iterator[tuple[int, Callable[[], Any]]]:
        """Yield numbers of inputs, each with what asks the server while it answers so."""
        for number in range(first, first + count):
            rng = np.random.default_rng(number)
            left = int(rng.integers(0, 16))  # answers that are sound, before one that is not
            state = {"left": left}

            def strike(
                body: bytes,
                rng: np.random.Generator = rng,
                state: dict[str, int] = state,
            ) -> bytes:
                state["left"] -= 1
                if state["left"] >= 0:
                    return body
                return (mutations.mutate if rng.random() < 0.3 else mutate_json)(body, rng)

            self.strike = strike
            yield number, self.scored
            self.strike = bytes

    def scored(self) -> Any:
        """Values of four masks, by a server whose every answer may be struck."""
        from interplay.models.openai_server import OpenAIServer, batch

        batch.FIRST_WAIT = 0.001
        with OpenAIServer.connect(
            "words", base_url=self.url, mode="echo", max_attempts=2, api_key_env=""
        ) as model:
            value = ip.text("the old town lies", model=model, response=" here and there")
            return value(np.eye(4, dtype=bool))
