"""The contestants of `feedback_throughput.py`: each puts the same questions to one server and counts its answers.

    python benchmarks/feedback_clients.py NAME URL QUESTIONS

Runs in the environment of the contestant; prints {"answers": N}. Every call is the same: one user turn, one token, its
twenty likeliest candidates. `bare` is no library at all: sockets that always have a question under way.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

MODEL, AT_ONCE = "micro", 64
SENT = {"max_tokens": 1, "temperature": 1.0, "logprobs": True, "top_logprobs": 20}
Row = dict[str, Any]


def bare(url: str, rows: Sequence[Row]) -> int:
    """Keep-alive connections that send, read and forget."""
    return asyncio.run(_bare(url, iter(rows)))


async def _bare(url: str, rows: Iterator[Row]) -> int:
    return sum(await asyncio.gather(*(_connection(url, rows) for _ in range(AT_ONCE))))


async def _connection(url: str, rows: Iterator[Row]) -> int:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    answers = 0
    for row in rows:
        body = json.dumps({"model": MODEL, "messages": _turns(row), **SENT}).encode()
        head = f"POST {place.path}/chat/completions HTTP/1.1\r\nHost: {place.netloc}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(lines.partition("content-length:")[2].partition("\r\n")[0])
        said = json.loads(await reader.readexactly(length))
        answers += bool(said["choices"][0]["logprobs"]["content"][0]["top_logprobs"])
    writer.close()
    return answers


def rlaif(url: str, rows: Sequence[Row]) -> int:
    """The judge as `rlaif judge` runs it: templates, both orders, the store, readings. Not given the texts ready."""
    from rlaif.engines.open import open_engine
    from rlaif.engines.recorded import RecordedEngine
    from rlaif.judging import ModelJudge
    from rlaif.store import Store

    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder, "store.sqlite")) as store:
        engine = open_engine(f"openai:{url}?at_once={AT_ONCE}#{MODEL}@bench")
        recorded = RecordedEngine(engine, store, run_id="bench", commit="call")
        found = ModelJudge(recorded).compare(*pairs(rows))
        assert store.counts()["calls"] == recorded.new_calls == len(found)
        return sum(each.state != "transport" for each in found)


def pairs(rows: Sequence[Row]) -> tuple[list[Any], list[Any]]:
    """What is compared, and by which principle; every second row is the same pair in the other order."""
    from rlaif.records import Completion, Message, Principle, Prompt

    items = []
    for row in rows[::2]:
        prompt = Prompt(messages=(Message(role="user", content=row["prompt"]),))
        one, two = (Completion(prompt_id=prompt.id, text=row[name], policy="bench") for name in ("a", "b"))
        items.append((prompt, one, two))
    return items, [Principle(id="rule", text=rows[0]["rule"])]


def distilabel(url: str, rows: Sequence[Row], batch: int = 50) -> int:
    """A pipeline of one task, with its own batch of 50, or a larger one."""
    from distilabel.models import OpenAILLM
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import TextGeneration

    generation = {"max_new_tokens": 1, **{name: SENT[name] for name in SENT if name != "max_tokens"}}
    llm = OpenAILLM(model=MODEL, base_url=url, api_key="none", generation_kwargs=generation)
    with Pipeline(name="bench") as pipeline:
        data = LoadDataFromDicts(data=[{"instruction": each["text"]} for each in rows], batch_size=batch)
        task = TextGeneration(llm=llm, input_batch_size=batch)
        data >> task
    made = pipeline.run(use_cache=False)["default"]["train"]
    return sum(each is not None for each in made["generation"])


def distilabel_500(url: str, rows: Sequence[Row]) -> int:
    """The same with batches of 500."""
    return distilabel(url, rows, 500)


def curator(url: str, rows: Sequence[Row]) -> int:
    """Its own limits of calls and tokens a minute are raised out of the way."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"CURATOR_CACHE_DIR": folder, "TELEMETRY_ENABLED": "false", "CURATOR_VIEWER": "0"}
        # it counts tokens by an encoding that is fetched, unless it lies where litellm brings it along
        os.environ["TIKTOKEN_CACHE_DIR"] = str(_beside("litellm", "litellm_core_utils/tokenizers"))
        from bespokelabs.curator import LLM
        from datasets import Dataset

        class Judge(LLM):  # type: ignore[misc]
            """Asks what it is given."""

            def prompt(self, row: Row) -> str:
                return str(row["text"])

            def parse(self, row: Row, response: str) -> Row:
                return {"answer": response}

        how = {
            "base_url": url,
            "api_key": "none",
            "max_concurrent_requests": AT_ONCE,
            "max_requests_per_minute": 10**7,
            "max_tokens_per_minute": 10**10,
            # one token is all that is wanted
            "invalid_finish_reasons": ["content_filter"],
        }
        judge = Judge(model_name=MODEL, backend="openai", backend_params=how, generation_params=SENT)
        made = judge(Dataset.from_list([{"text": each["text"]} for each in rows]))
        return sum(each is not None for each in made.dataset["answer"])


CLIENTS: dict[str, Callable[[str, Sequence[Row]], int]] = {
    "bare": bare,
    "rlaif": rlaif,
    "distilabel": distilabel,
    "distilabel-500": distilabel_500,
    "curator": curator,
}


def _beside(package: str, inside: str) -> Path:
    found = find_spec(package)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / inside


def _turns(row: Row) -> list[Row]:
    return [{"role": "user", "content": row["text"]}]


def main() -> None:
    name, url, questions = sys.argv[1:]
    rows = [json.loads(line) for line in Path(questions).read_text(encoding="utf-8").splitlines()]
    print("\n" + json.dumps({"answers": CLIENTS[name](url, rows)}))


if __name__ == "__main__":
    main()
