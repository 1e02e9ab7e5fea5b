"""Every example of README, docs and `--help` is run: on a small world, with small limits; or at least understood."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from rlaif.cli.main import cli, main
from rlaif.exchange.examples import write_examples
from rlaif.records import Example, Message

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    *sorted(path for path in (ROOT / "docs").glob("*.md") if path.name not in ("cli.md", "plugins.md")),
    *sorted((ROOT / "docs" / "recipes").glob("*.md")),
]

SHELLS = ("", "bash", "sh", "console")
NOT_RUN = {
    r"\.\.\.|\[PRINCIPLE\]": "leaves something open",
    r"openai:": "needs a server",
    r"vllm:|--rollouts (vllm|http)": "needs vLLM",
    r"replay:|llmbar/|harmless-base|gold/train|prop_probs|runs/hh\b": "needs a published data set",
    r"CritiqueRevision|example_ap|anthropic-critiques|rbr_gold_data|check gold\.jsonl": "needs a published file",
    r"^rlaif (audit (--json|--html)|report)$": "a row of a table of times",
    r"runs/real\b": "needs the model that `make real` fetches",
    r"prefs\.parquet": "needs a file of the user's",
    r"^rlaif (review|view|serve-reward)\b": "serves until it is stopped",
    r"^rlaif chat": "talks until it is ended",
    r"^rlaif run$": "lists the recipes",
    r"rubric.source=completions": "needs a model that can write rubrics",
    r"model_spec\.md|constitutions/spec\.yaml|show spec\b": "needs the published Model Spec",
    r"check .*--all\b": "minutes of every protocol",
    r"--attacks": "minutes of attacks",
    r"^rlaif plot": "draws what another command made in minutes",
    r"keywords\.py|anchor\.jsonl|xstest\.csv|limits\.yaml|panel:panel\.yaml": "needs a file of the user's",
    r"^rlaif micro (build|report)": "trains or measures the whole family",
}
"""Examples that are only looked at: every option must be known."""
STANDS_FOR = {
    r"hf:models/(chat|judge|other|base|judge2)|\bmodels/judge\b": "micro",
    r"\bhouse\.yaml|\bconstitutions/house\.yaml": "house.yaml",
    r"\bprompts\.jsonl": "mine.jsonl",
    r"^models/r1$": "micro",
    r"b2:3f2a91|\b3f2a91\b": "PAIR",
}
"""What a user has, and what it is here."""
SMALL = {
    "generate": "--limit 2 --dry-run",
    "judge": "--limit 2 --dry-run",
    "judge check": "--limit 2 --dry-run",
    "train": "--steps 2 --batch-size 2",
    "evaluate": "--limit 2 --dry-run",
    "run": "--limit 2 --dry-run",
    "lab overoptimize": "--dry-run",
    "lab table": "--dry-run",
}
"""What makes an example small: plans are made where work would take minutes, and each training is a training."""


def _lines(text: str) -> Iterator[str]:
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        found = re.match(r"\s*(?:\$ )?((?:[A-Z_]+=\S+ )*rlaif .*)", line)
        if found:
            yield re.sub(r"\s+", " ", re.split(r"\s+#|   +|\s+\(or ", found[1])[0]).strip()


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    for name, each in _below(command).items():
        yield from _commands(each, f"{path} {name}")


def _fences(text: str) -> Iterator[str]:
    """What stands in fences for a shell."""
    inside: list[str] | None = None
    for line in text.splitlines():
        if not line.startswith("```"):
            if inside is not None:
                inside.append(line)
        elif inside is None:
            inside, shell = [], line.strip("` ") in SHELLS
        else:
            if shell:
                yield "\n".join(inside)
            inside = None


def examples() -> Iterator[tuple[str, str]]:
    """Where, and what."""
    for page in PAGES:
        for block in _fences(page.read_text(encoding="utf-8")):
            yield from ((page.name, each) for each in _lines(block))
    for path, command in _commands(cli, "rlaif"):
        yield from ((path, each) for each in _lines("\n".join(getattr(command, "examples", ()))))
        yield from ((path, each) for each in _lines(command.help or ""))


def _parts(line: str) -> list[list[str]]:
    """The commands of a line that a shell would take apart at `&&` and `|`, each without its `rlaif`."""
    found: list[list[str]] = [[]]
    reader = shlex.shlex(line, posix=True, punctuation_chars="|&;")
    reader.whitespace_split = True
    for word in reader:
        if set(word) <= set("|&;"):
            found.append([])
        else:
            found[-1].append(word)
    return [each[each.index("rlaif") + 1 :] for each in found if "rlaif" in each]


def _known(words: list[str]) -> tuple[click.Command, str, list[str]]:
    """The command of a line, its name, and what follows it."""
    command: click.Command = cli
    rest, names = list(words), []
    while rest and (below := _below(command).get(rest[0])) is not None:
        command = below
        names.append(rest.pop(0))
    return command, " ".join(names), rest


def _below(command: click.Command) -> dict[str, click.Command]:
    return dict(getattr(command, "commands", {}))


ALL = sorted(set(examples()))
IDS = [f"{where}: {line}"[:100] for where, line in ALL]
RUN = [(where, line) for where, line in ALL if not any(re.search(each, line) for each in NOT_RUN)]


@pytest.mark.parametrize(("where", "line"), ALL, ids=IDS)
def test_every_option_of_an_example_is_known(where: str, line: str) -> None:
    for words in _parts(line):
        command, _, rest = _known(words)
        known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help"}
        given = [each.partition("=")[0] for each in rest if re.match(r"--?[a-zA-Z]", each)]
        assert [each for each in given if each not in known] == [], f"{where}: {line}"


def test_examples_are_found_and_few_are_only_looked_at() -> None:
    assert len(ALL) > 60
    assert len(RUN) > 0.6 * len(ALL)
    # no reason stands for nothing
    assert all(any(re.search(each, line) for _, line in ALL) for each in NOT_RUN)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project as a user has it who has followed the pages so far."""
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["init", "fresh"]) == 0
        for each in (folder / "fresh").iterdir():
            each.rename(folder / each.name)
        (folder / "fresh").rmdir()
        (folder / "house.yaml").write_text((folder / "constitutions/house.yaml").read_text())
        bundled = (ROOT / "prompts/sets/micro-train.jsonl").read_text().splitlines()
        shutil.copy(ROOT / "pipelines/smoke.yaml", folder / "mine.yaml")
        (folder / "mine.jsonl").write_text("\n".join(bundled[:6]) + "\n")
        for name in ("eval", "held-out", "others"):
            (folder / f"{name}.jsonl").write_text("\n".join(bundled[6:8]) + "\n")
        (folder / "red-team.jsonl").write_text("\n".join(bundled[8:14]) + "\n")
        (folder / "persona.yaml").write_text((folder / "house.yaml").read_text())
        shutil.copy(ROOT / "constitutions/micro-rules.yaml", folder / "rules.yaml")
        asked, said = Message(role="user", content="Why?"), Message(role="assistant", content="So.")
        write_examples(
            folder / "contexts.jsonl", [Example(messages=(asked, said), teacher=(asked, said, asked))] * 4
        )
        making = ["--n", "3", "--no-critique", "--drift", "0", "--min-pair-share", "0"]
        assert main(["generate", *making, "--limit", "12", "--out", "runs/r1"]) == 0
        other = [
            "judge",
            "runs/r1",
            "--judge",
            "micro:weak",
            "--no-critique",
            "--limit",
            "4",
            "--min-pair-share",
            "0",
        ]
        assert main([*other, "--out", "runs/r1-other"]) == 0
        shutil.copytree("runs/r1-other", "runs/weak")
        yield folder


def _pair(folder: Path) -> str:
    return re.findall(r'"id": ?"(b2:\w+)"', (folder / "runs/r1/pairs.jsonl").read_text())[0]


ORDER = ("init", "constitution", "prices", "generate", "judge", "audit", "train", "evaluate", "run")


def _rank(item: tuple[str, str]) -> tuple[int, str]:
    words = item[1].split()
    return (ORDER.index(words[1]) if words[1] in ORDER else len(ORDER), item[1])


NEEDS = (
    r"runs/(?:loop|curt|kind|part|distilled|cai|attack|before)\b|thumbs runs/quick|"
    r"round-1/labels\.jsonl|data/steps|runs/process\b|models/(?:rm|reward|mended)\b|house@|"
    r"answers\.jsonl|weights\.json|\btry/|learn revisions|people_agree|"
    r"release (?:constitutions/)?house"
)
"""What an example is about that takes minutes to make."""


AT_MOST_S = 600
"""What a small example takes at most on a busy machine; one that serves or asks would hold up all others."""


@contextmanager
def ends_within(seconds: int, line: str) -> Iterator[None]:
    def late(*_: object) -> None:
        raise AssertionError(
            f"{line}: does not end; give a reason in NOT_RUN if it serves or waits for somebody"
        )

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.heavy
def test_every_example_runs_in_a_small_world(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong: list[str] = []
    done: set[str] = set()
    for place, (where, line) in enumerate(sorted(set(RUN), key=_rank)):
        for words in _parts(line):
            if re.search(NEEDS, line):
                continue
            small = _small(words, world, place)
            if (same := re.sub(r"\S+-\d+(?=\s|$)|models/\d+", "OUT", " ".join(small))) in done:
                continue  # another page has the same
            done.add(same)
            with ends_within(AT_MOST_S, line):
                code = main(small)
            shown = capsys.readouterr()
            # a threshold that so small a world does not meet is no fault of the example
            if code not in (0, 3) or "Traceback" in shown.err:
                wrong.append(
                    f"{where}: {line}\n  {' '.join(_small(words, world, place))}: {code} {shown.err[-300:]}"
                )
    assert not wrong, "\n".join(wrong)
    assert len(done) > 20


def _small(words: list[str], world: Path, place: int) -> list[str]:
    """A line with limits, for models and files that are here."""
    _, name, rest = _known([_substituted(each, world) for each in words])
    # each example has places of its own: the pages write into the same ones
    given = zip(["", *rest], rest, strict=False)
    rest = [_own(each, place) if before == "--out" else each for before, each in given]
    if name in ("init", "constitution new"):
        rest[0] += f"-{place}"
    if name == "judge":
        rest = ["runs/r1/completions.jsonl" if each == "mine.jsonl" else each for each in rest]
    command = name.split()[0]
    if command == "train" and "--out" not in rest:
        rest += ["--out", f"models/{place}"]
    if name == "generate" and "--constitution" in rest and "--policy" not in rest:
        rest += ["--policy", "micro", "--judge", "micro", "--prompts", "micro:train"]
    # held-out pairs are looked at in some of the last tenth of the steps, which must be several
    more = ["--steps", "22"] if "--held-out-pairs" in rest else []
    limits = SMALL.get("train" if command == "train" else name, "").split()
    if "--epochs" in rest:  # steps and epochs are not given together
        limits = ["--epochs", "0.1", "--batch-size", "2"]
    # the last of two values of an option counts
    return [*name.split(), *rest, *limits, *more]


def _own(out: str, place: int) -> str:
    stem, dot, end = out.rpartition(".yaml")
    return f"{stem}-{place}.yaml" if dot and not end else f"{out}-{place}"


def _substituted(word: str, world: Path) -> str:
    for pattern, real in STANDS_FOR.items():
        word = re.sub(pattern, _pair(world) if real == "PAIR" else real, word)
    return str(ROOT / word) if word.startswith("pipelines/") else word
