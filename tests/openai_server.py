"""A small server with the shapes of OpenAI's and vLLM's answers, and the faults of real ones.

In a test: ``with Server(WordModel(), Style()) as server: ... server.url``. As a process of its own:
``python tests/openai_server.py --latency 0.05 --faults 0.05``, which prints its port.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import itertools
import json
import os
import random
import re
import ssl
import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit


class Model(Protocol):
    """What a server serves. ``bos`` is None where nothing comes before a text."""

    def encode(self, text: str, *, special: bool = True) -> tuple[list[int], list[str]]: ...
    def pieces(self, ids: Sequence[int]) -> list[str]: ...
    def logprobs(self, ids: Sequence[int]) -> list[float | None]: ...
    def top(self, ids: Sequence[int], count: int) -> dict[int, float]: ...
    def chat(self, messages: list[dict[str, str]], *, open: bool) -> str: ...


def _unit(text: str) -> float:
    return zlib.crc32(text.encode("utf-8", "replace")) / 2**32


class WordModel:
    """Words as tokens, log-probabilities from hashes of what is before: cheap, and never equal."""

    VOCABULARY = (
        " the",
        " river",
        " town",
        " lies",
        ".",
        " yes",
        " no",
        "yes",
        "no",
        " Paris",
        " a",
    )
    END = "</s>"
    _TOKEN = re.compile(r"<\|?/?\w+\|?>| ?[A-Za-z0-9]+|[^\W\d_]|[ -~]|\s|[\s\S]")

    def __init__(self, bos: str | None = "<s>", ends: bool = False) -> None:
        self.bos, self.ends = bos, ends
        self._known: dict[int, str] = {}

    def _id(self, piece: str) -> int:
        number = zlib.crc32(piece.encode("utf-8", "surrogatepass")) & 0x7FFFFFFF
        self._known[number] = piece
        return number

    def encode(self, text: str, *, special: bool = True) -> tuple[list[int], list[str]]:
        pieces = self._TOKEN.findall(text)
        if special and self.bos:
            pieces = [self.bos, *pieces]
        tokens: list[tuple[int, str]] = []
        for piece in pieces:
            if piece.isascii():
                tokens.append((self._id(piece), piece))
            else:  # bytes, none of them a character
                tokens += [(self._id(f"{b}|{piece}"), "\ufffd") for b in piece.encode()]
        return [number for number, _ in tokens], [piece for _, piece in tokens]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        found = [self._known.get(i, "?") for i in ids]
        return ["\ufffd" if "|" in one and not one.isascii() else one for one in found]

    def logprobs(self, ids: Sequence[int]) -> list[float | None]:
        values: list[float | None] = [None]
        running = 0
        for before, number in itertools.pairwise(ids):
            running = zlib.crc32(str(before).encode(), running)
            values.append(self._value(running, before, number))
        return values

    def _value(self, running: int, before: int, number: int) -> float:
        return -(0.25 + 2 * _unit(f"{before}>{number}") + 2 * _unit(f"{running}>{number}"))

    def top(self, ids: Sequence[int], count: int) -> dict[int, float]:
        running = 0
        for before in ids:
            running = zlib.crc32(str(before).encode(), running)
        words = (*self.VOCABULARY, self.END) if self.ends else self.VOCABULARY
        values = {self._id(w): self._value(running, ids[-1], self._id(w)) for w in words}
        best = sorted(values, key=lambda i: -values[i])
        if self.ends:  # as vLLM ends: the last token is shown in no text
            best = [self._id(self.END), *[i for i in best if i != self._id(self.END)]]
        return {i: values[i] for i in best[:count]}

    def chat(self, messages: list[dict[str, str]], *, open: bool) -> str:
        parts = [f"<|{one['role']}|>{one['content']}<|end|>" for one in messages]
        if open:
            return "".join(parts).removesuffix("<|end|>")
        return "".join(parts) + "<|assistant|>"


class FolderModel:
    """A causal language model of a folder, by transformers alone."""

    def __init__(self, folder: Path) -> None:
        import torch
        import transformers

        torch.set_num_threads(1)
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.network = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()

    def encode(self, text: str, *, special: bool = True) -> tuple[list[int], list[str]]:
        found = self.tokenizer(text, add_special_tokens=special, return_offsets_mapping=True)
        spans = found["offset_mapping"]
        pieces = []
        for i, ((a, b), number) in enumerate(zip(spans, found["input_ids"], strict=True)):
            shared = (i and spans[i - 1] == (a, b)) or spans[i + 1 : i + 2] == [(a, b)]
            if a == b:
                pieces.append(self.tokenizer.convert_ids_to_tokens(number))
            else:
                pieces.append("\ufffd" if shared else text[a:b])
        return list(found["input_ids"]), pieces

    def pieces(self, ids: Sequence[int]) -> list[str]:
        return [self.tokenizer.decode([i]) for i in ids]

    def _logits(self, ids: Sequence[int]) -> Any:
        import torch

        with torch.inference_mode():
            return self.network(torch.tensor([list(ids)])).logits[0].log_softmax(-1)

    def logprobs(self, ids: Sequence[int]) -> list[float | None]:
        table = self._logits(ids)
        return [None, *[float(table[i, one]) for i, one in enumerate(ids[1:])]]

    def top(self, ids: Sequence[int], count: int) -> dict[int, float]:
        values, found = self._logits(ids)[-1].topk(count)
        return dict(zip(found.tolist(), values.tolist(), strict=True))

    def chat(self, messages: list[dict[str, str]], *, open: bool) -> str:
        text = "\n".join(f"{one['role']}: {one['content']}" for one in messages)
        return text if open else f"{text}\nassistant:"


@dataclass
class Style:
    """What a server offers. The default is like vLLM; ``openai()`` and ``chat()`` are others."""

    completions: bool = True
    chats: bool = True
    echo: bool = True
    prompt_logprobs: bool = True
    ids: bool = True
    top: int = 20
    usage: bool = True
    models: bool = True
    pieces: Callable[[str], str] = str
    refuses: dict[str, str] = field(default_factory=dict)  # parameter: what is said of it

    @classmethod
    def openai(cls, **more: Any) -> Style:
        return cls(prompt_logprobs=False, **{"top": 5, **more})

    @classmethod
    def chat_only(cls, **more: Any) -> Style:
        return cls(completions=False, echo=False, prompt_logprobs=False, **more)


@dataclass
class Call:
    """One request that came in."""

    path: str
    body: dict[str, Any]
    fault: str | None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    answered: bool = False
    billed: bool = False
    at: float = 0.0


class _Error(Exception):
    def __init__(self, status: int, message: str, code: str = "", **headers: str) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
           429: "Too Many Requests", 500: "Internal Server Error"}  # fmt: skip


class Server:
    """Serves a model at ``url`` from a thread, until the ``with`` ends.

    ``faults(number, body)`` names what shall go wrong with a request, or gives None; ``key`` is the
    key that it wants; ``bills`` whether failed work is billed.
    """

    def __init__(
        self,
        model: Model,
        style: Style | None = None,
        *,
        name: str = "words",
        key: str = "",
        latency: float = 0.0,
        faults: Callable[[int, dict[str, Any]], str | None] = lambda number, body: None,
        retry_after: str = "0.1",
        bills: bool = False,
        log: Path | None = None,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.model, self.style, self.name, self.key = model, style or Style(), name, key
        self.latency, self.faults, self.retry_after, self.bills = (
            latency,
            faults,
            retry_after,
            bills,
        )
        self.log, self.port, self.tls = log, port, tls
        self.calls: list[Call] = []
        self.flying = self.most_flying = 0
        self.drift = 0.0
        self._swaps: list[asyncio.Future[bytes]] = []
        self._open: set[asyncio.StreamWriter] = set()
        self._logged: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def answered(self) -> list[Call]:
        return [call for call in self.calls if call.answered]

    def billed_tokens(self) -> tuple[int, int]:
        billed = [call for call in self.calls if call.billed]
        return sum(c.prompt_tokens for c in billed), sum(c.completion_tokens for c in billed)

    def __enter__(self) -> Server:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        if self._logged is not None:
            self._logged.close()
        for writer in list(self._open):
            writer.transport.abort()
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while True:
                start = await reader.readexactly(1)
                if start == b"\x16":  # TLS
                    writer.write(_raw(400, b"this is http", {}))
                    return
                head = (start + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = head.split("\r\n")
                method, path, _ = first.split(" ")
                path = urlsplit(path).path  # a proxy is asked for the whole address
                pairs = (line.split(": ", 1) for line in lines if ": " in line)
                headers = {name.lower(): value for name, value in pairs}
                raw = await reader.readexactly(int(headers.get("content-length", 0)))
                auth = headers.get("authorization", "")
                sent = await self._answer(method, path, auth, json.loads(raw or b"{}"))
                if sent is None:
                    return
                writer.write(sent)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass  # the client is gone, or the server stops
        finally:
            self._open.discard(writer)
            with contextlib.suppress(RuntimeError):  # the loop may be closed already
                writer.close()

    async def _answer(
        self, method: str, path: str, auth: str, body: dict[str, Any]
    ) -> bytes | None:
        if method == "GET":
            if self.key and auth != f"Bearer {self.key}":
                return self._error(_Error(401, f"Incorrect API key provided: {auth}"))
            if path == "/v1/models" and self.style.models:
                return _http(
                    200, {"object": "list", "data": [{"id": self.name, "max_model_len": 512}]}
                )
            return self._error(_Error(404, "Not Found"))
        posted = len(self.calls)
        call = Call(path, body, self.faults(posted, body), at=asyncio.get_running_loop().time())
        self.calls.append(call)
        self.flying += 1
        self.most_flying = max(self.most_flying, self.flying)
        try:
            if self.key and auth != f"Bearer {self.key}":
                raise _Error(401, f"Incorrect API key provided: {auth}. You can find it there")
            self._refuse(call)
            if self.latency:
                await asyncio.sleep(self.latency)
            data = self._complete(call)
            sent = await self._spoil(call, data, auth)
            if sent is not None:
                call.answered = call.fault != "truncated"
                call.billed = call.answered or self.bills
                if call.answered and self.log is not None:
                    self._write(call)
            return sent
        except _Error as error:
            call.billed = self.bills and error.status >= 500
            return self._error(error)
        finally:
            self.flying -= 1

    def _write(self, call: Call) -> None:
        digest = hashlib.sha256(json.dumps(call.body, sort_keys=True).encode()).hexdigest()
        if self._logged is None:
            assert self.log is not None
            self._logged = self.log.open("ab", buffering=0)  # what is killed has written it
        self._logged.write(f"{digest} {call.prompt_tokens} {call.completion_tokens}\n".encode())

    def _refuse(self, call: Call) -> None:
        """Faults that are told before any work."""
        body, style = call.body, self.style
        if call.fault == "die":
            os._exit(1)
        if call.fault == "429":
            raise _Error(429, "Rate limit reached", retry_after=self.retry_after)
        if call.fault == "429-date":
            now = datetime.now(UTC)
            raise _Error(
                429,
                "Rate limit reached",
                retry_after=format_datetime(now + timedelta(seconds=1), usegmt=True),
                date=format_datetime(now, usegmt=True),
            )
        if call.fault == "quota":
            raise _Error(429, "You exceeded your current quota", code="insufficient_quota")
        if call.fault in ("403", "408", "422"):
            raise _Error(int(call.fault), "no")
        if body.get("model") != self.name:
            raise _Error(404, f"The model {body.get('model')!r} does not exist")
        chat = call.path == "/v1/chat/completions"
        if not (style.chats if chat else style.completions and call.path == "/v1/completions"):
            raise _Error(404, "Not Found")
        for parameter, told in style.refuses.items():
            if parameter in body:
                raise _Error(400, told)
        if body.get("echo") and not style.echo:
            raise _Error(400, "echo is not supported by this model")

    def _complete(self, call: Call) -> dict[str, Any]:
        body, style, model = call.body, self.style, self.model
        chat = call.path == "/v1/chat/completions"
        if chat:
            text = model.chat(body["messages"], open=bool(body.get("continue_final_message")))
            ids, pieces = model.encode(text)
        elif isinstance(body["prompt"], list):
            if not style.ids:
                raise _Error(400, "prompt must be a string")
            ids = body["prompt"]
            pieces, text = model.pieces(ids), "".join(model.pieces(ids))
        else:
            text = body["prompt"]
            ids, pieces = model.encode(text)
        if len(ids) > 512:
            raise _Error(400, "This model's maximum context length is 512 tokens; yours is longer")
        if call.fault == "other-text":
            ids, pieces = model.encode("Another text altogether, of some length")
        if call.fault == "shifted":  # right texts, each with the value of the token after it
            ids = ids[1:]
            pieces = pieces[1:]
        pieces = [style.pieces(piece) for piece in pieces]
        count = body.get("max_tokens", body.get("max_completion_tokens", 16))
        asked = body.get("top_logprobs") or int(body.get("logprobs") or 0)
        new: list[int] = []
        tops: list[dict[str, float]] = []
        words: list[str] = []
        for _ in range(max(count, 0)):
            best = model.top([*ids, *new], max(min(style.top, asked), 1))
            shown = dict(zip(model.pieces(list(best)), best.values(), strict=True))
            new.append(next(iter(best)))
            tops.append(shown)
            words.append(next(iter(shown)))
            if words[-1] == WordModel.END:
                break
        made = "".join(word for word in words if word != WordModel.END)
        values = [
            None if v is None else v + self.drift * len(self.calls) for v in model.logprobs(ids)
        ]
        if call.fault == "shifted":
            values = [*values[1:], -1.0]
        call.prompt_tokens, call.completion_tokens = len(ids), len(new)
        usage = {"usage": {"prompt_tokens": len(ids), "completion_tokens": len(new)}}
        if call.fault == "positive":
            values = [None, *[1.0 for _ in values[1:]]]
        if call.fault == "constant":
            values = [None, *[-1.0 for _ in values[1:]]]
        told: list[Any] | None = None
        if "prompt_logprobs" in body and style.prompt_logprobs and call.fault != "no-logprobs":
            told = [
                None if v is None else {str(i): {"logprob": v, "rank": 1, "decoded_token": p}}
                for v, i, p in zip(values, ids, pieces, strict=True)
            ]
        choice: dict[str, Any] = {"index": 0, "finish_reason": "length", "logprobs": None}
        if chat:
            choice["message"] = {"role": "assistant", "content": made}
            if body.get("logprobs") and style.top and call.fault != "no-logprobs":
                choice["logprobs"] = {"content": [
                    {"token": word, "logprob": top[word],
                     "top_logprobs": [{"token": t, "logprob": v} for t, v in top.items()]}
                    for word, top in zip(words, tops, strict=True)
                ]}  # fmt: skip
        else:
            choice["text"] = (text if body.get("echo") else "") + made
            if body.get("logprobs") is not None and style.top and call.fault != "no-logprobs":
                head: tuple[list[Any], ...] = (pieces, values) if body.get("echo") else ([], [])
                shown_pieces = [*head[0], *words]
                offsets = [sum(map(len, shown_pieces[:i])) for i in range(len(shown_pieces))]
                choice["logprobs"] = {
                    "tokens": shown_pieces,
                    "token_logprobs": [*head[1], *[t[w] for t, w in zip(tops, words, strict=True)]],
                    "top_logprobs": [*[None for _ in head[0]], *tops],
                    "text_offset": offsets,
                }
            choice["prompt_logprobs"] = told
        data = {"id": "x", "model": self.name, "choices": [choice]}
        if chat:
            data["prompt_logprobs"] = told
        return data | (usage if style.usage else {})

    async def _spoil(self, call: Call, data: dict[str, Any], auth: str) -> bytes | None:
        """Faults of the answer."""
        if call.fault == "500":
            raise _Error(500, "Internal error")
        if call.fault == "leak":
            raise _Error(500, f"worker died; headers were {{'Authorization': '{auth}'}}")
        if call.fault == "leak-400":
            raise _Error(400, f"bad request, headers were {{'Authorization': '{auth}'}}")
        if call.fault == "stall":
            call.billed = self.bills
            await asyncio.sleep(3600)
        if call.fault == "hang-up":
            call.billed = self.bills
            return None
        whole = _http(200, data)
        if call.fault == "truncated":
            text = json.dumps(data).encode()
            return _raw(200, text[: len(text) // 2], {})
        if call.fault == "swap":
            if not self._swaps:
                mine = asyncio.get_running_loop().create_future()
                self._swaps.append(mine)
                mine.other = whole  # type: ignore[attr-defined]
                with contextlib.suppress(asyncio.TimeoutError):
                    return await asyncio.wait_for(asyncio.shield(mine), 0.2)
                self._swaps.clear()
                return whole
            other = self._swaps.pop()
            other.set_result(whole)
            return other.other  # type: ignore[attr-defined,no-any-return]
        return whole

    def _error(self, error: _Error) -> bytes:
        data = {"error": {"message": error.message, "code": error.code or None}}
        return _raw(error.status, json.dumps(data).encode(), error.headers)


def _http(status: int, data: dict[str, Any]) -> bytes:
    return _raw(status, json.dumps(data).encode(), {})


def _raw(status: int, body: bytes, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def at_random(
    share: float, seed: int = 0, kinds: Sequence[str] = ("429", "500", "truncated")
) -> Any:
    """Faults for that share of the requests, a third of each kind."""
    generator = random.Random(seed)

    def fault(number: int, body: dict[str, Any]) -> str | None:
        return generator.choice(list(kinds)) if generator.random() < share else None

    return fault


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--faults", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bills", action="store_true")
    parser.add_argument("--die-after", type=int, default=0)
    parser.add_argument("--log", type=Path)
    given = parser.parse_args()
    faults = at_random(given.faults, given.seed)
    if given.die_after:
        faults = lambda number, body: "die" if number >= given.die_after else None  # noqa: E731
    model = FolderModel(given.folder) if given.folder else WordModel()
    server = Server(model, latency=given.latency, faults=faults, bills=given.bills, log=given.log,
                    port=given.port)  # fmt: skip

    async def run() -> None:
        await server.start()
        print(server.port, flush=True)
        await asyncio.Event().wait()

    asyncio.run(run())


if __name__ == "__main__":
    main()
