"""From pairs to token ids: rlaif.training.spans against TRL's DPOTrainer, same pairs, same fast tokenizer, one process.

    python benchmarks/tokenise_vs_trl.py [--case ultrafeedback] [--pairs 2000] [--json]

Cases by their lengths in words: `ultrafeedback` (a question of 150, answers of 200), `short` (30 and 50), `dialogue`
(five turns before the answer). Both sides start from Python rows and end with the ids of prompt, chosen and rejected
in memory; TRL's goes through `datasets.map`, as its trainer does. Ours also decodes every answer back and refuses what
does not come back. Sides take turns, the best time of each counts. `cpu_speedup` is the ratio of CPU times, which other
work on the machine hardly changes; `seconds_130k` is ours, scaled to 130,000 pairs (`--pairs 130000` measures it).
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import vs_trl

from rlaif.engines.chat_template import Chat
from rlaif.exchange.turns import turn_rows
from rlaif.records import Message, Pair, Role
from rlaif.review.tables import table
from rlaif.training.spans import Spans

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
WHOLE = 130_000


class Case(NamedTuple):
    """Words of a turn before the last question, of the question, of an answer; and earlier turns."""

    earlier: int
    question: int
    answer: int
    turns: int


CASES = {
    "ultrafeedback": Case(0, 150, 200, 0),
    "short": Case(0, 30, 50, 0),
    "dialogue": Case(40, 40, 60, 4),
}


def vocabulary(rng: random.Random, size: int = 4000) -> list[str]:
    """Made-up words of two to four syllables."""
    syllables = [
        first + second for first in "bdfgklmnprstvw" for second in ("a", "e", "i", "o", "u", "an", "er")
    ]
    return ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(size)]


def make_pairs(case: Case, count: int) -> list[Pair]:
    """Pairs of words drawn as language draws them: a few often, most seldom."""
    rng = random.Random(0)
    words = vocabulary(rng)
    shares = [1 / (rank + 3) for rank in range(len(words))]

    def text(about: int) -> str:
        drawn = rng.choices(words, shares, k=max(1, round(about * rng.uniform(0.5, 1.5))))
        return " ".join(word + rng.choice(["", "", "", ",", ".", ".\n"]) for word in drawn).strip() + "."

    def said(role: Role, about: int) -> Message:
        return Message(role=role, content=text(about))

    made = []
    for _ in range(count):
        roles: list[Role] = ["user", "assistant"]
        before = [said(roles[place % 2], case.earlier) for place in range(case.turns)]
        chosen, rejected = said("assistant", case.answer), said("assistant", case.answer)
        prompt = (*before, said("user", case.question))
        made.append(Pair(prompt=prompt, chosen=(chosen,), rejected=(rejected,), label_prob=0.9))
    return made


def make_tokenizer(pairs: Sequence[Pair]) -> Any:
    """A byte-level BPE of 8,000 pieces with a chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    whole = Tokenizer(models.BPE())
    whole.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    whole.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=8000,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    whole.train_from_iterator((pair.chosen[0].content for pair in pairs[:2000]), trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=whole, pad_token=SPECIAL[0], eos_token=SPECIAL[2])
    fast.add_special_tokens({"additional_special_tokens": SPECIAL[1:2]})
    fast.chat_template = CHATML
    return fast


def ours(tokenizer: Any, pairs: Sequence[Pair]) -> list[tuple[Any, Any, Any]]:
    """Ids of prompt, chosen, rejected."""
    spans = Spans(Chat(tokenizer), tokenizer.eos_token_id, 1 << 20)
    found, refused = spans.pairs(pairs)
    assert not refused, refused
    return [(list(each.prompt), list(each.chosen), list(each.rejected)) for each in found]


def theirs(tokenizer: Any, rows: Sequence[dict[str, Any]]) -> list[tuple[Any, Any, Any]]:
    """The same by TRL's own preparation."""
    return vs_trl.oracle().dpo_ids(tokenizer, rows)


class Spent(NamedTuple):
    """Seconds by the clock on the wall, and of all the process's threads on the CPU."""

    wall: float
    cpu: float


def timed(work: Callable[[], Any]) -> tuple[Spent, Any]:
    """What it took, and what came of it."""
    start, begun = time.perf_counter(), time.process_time()
    found = work()
    return Spent(time.perf_counter() - start, time.process_time() - begun), found


def least(spent: Sequence[Spent]) -> Spent:
    """The best of each clock."""
    return Spent(min(each.wall for each in spent), min(each.cpu for each in spent))


def compare(name: str, count: int, repeats: int) -> dict[str, Any]:
    """A row of the table."""
    pairs = make_pairs(CASES[name], count)
    tokenizer = make_tokenizer(pairs)
    rows = [
        {
            "prompt": turn_rows(each.prompt),
            "chosen": turn_rows(each.chosen),
            "rejected": turn_rows(each.rejected),
        }
        for each in pairs
    ]
    took: dict[str, list[Spent]] = {"ours": [], "trl": []}
    for _ in range(repeats):
        spent, mine = timed(lambda: ours(tokenizer, pairs))
        took["ours"].append(spent)
        spent, other = timed(lambda: theirs(tokenizer, rows))
        took["trl"].append(spent)
    best, rival = least(took["ours"]), least(took["trl"])
    # this template ends a turn with a line feed after the end token, which TRL trains on and we do not
    same = [
        one[0] == two[0] and one[1] == two[1][: len(one[1])] for one, two in zip(mine, other, strict=True)
    ]
    tokens = sum(len(ids) for row in mine for ids in row)
    return {
        "case": name,
        "pairs": count,
        "tokens": tokens,
        "ours_seconds": round(best.wall, 3),
        "trl_seconds": round(rival.wall, 3),
        "speedup": round(rival.wall / best.wall, 2),
        "cpu_speedup": round(rival.cpu / best.cpu, 2),
        "same_ids": sum(same) / len(same),
        "seconds_130k": round(best.wall / count * WHOLE, 1),
        "cpu_seconds_130k": round(best.cpu / count * WHOLE, 1),
    }


def main() -> None:
    """Time both sides and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--case", choices=[*CASES, "all"], default="all")
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    import datasets

    datasets.disable_caching()
    datasets.disable_progress_bars()
    names = list(CASES) if chosen.case == "all" else [chosen.case]
    rows = [compare(name, chosen.pairs, chosen.repeats) for name in names]
    if chosen.json:
        print(json.dumps({"rows": rows}))
    else:
        print(table(list(rows[0]), [list(row.values()) for row in rows]))


if __name__ == "__main__":
    main()
