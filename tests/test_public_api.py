"""What `import rlaif` offers: pinned names, signatures and help that cannot diverge from the configurations, types."""

from __future__ import annotations

import dataclasses
import doctest
import inspect
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

import rlaif
from rlaif.settings import options
from rlaif.workflows import api, configs
from rlaif.workflows.audit.config import AuditConfig
from rlaif.workflows.judge_eval.config import CheckConfig
from rlaif.workflows.reward.run import JudgeRewardConfig
from rlaif.workflows.training.config import TrainConfig
from rlaif.workflows.training.methods import METHODS

ROOT = Path(__file__).resolve().parents[1]
PAIRS = [
    (rlaif.generate, configs.GenerateConfig),
    (rlaif.judge, configs.JudgeConfig),
    (rlaif.evaluate, configs.EvaluateConfig),
    (rlaif.run, configs.RunConfig),
    (rlaif.audit, AuditConfig),
    (rlaif.judge_check, CheckConfig),
    (rlaif.reward, JudgeRewardConfig),
]
VERBS = pytest.mark.parametrize(
    ("verb", "config"), PAIRS, ids=lambda each: getattr(each, "__name__", str(each))
)
Verb = Callable[..., Any]


def test_the_public_names_are_these() -> None:
    assert rlaif.__all__ == [
        *("Completion", "Constitution", "EnsembleReward", "InputError", "Judgment", "Message", "Pair"),
        *("Principle", "Prompt", "Reward", "RewardPart", "RlaifError", "State", "WeightedReward"),
        *(
            "__version__",
            "audit",
            "evaluate",
            "generate",
            "judge",
            "judge_check",
            "load_constitution",
            "open_engine",
        ),
        *(
            "open_judge",
            "read_completions",
            "read_pairs",
            "read_prompts",
            "register",
            "reward",
            "run",
            "train",
        ),
    ]
    assert {name: getattr(rlaif, name) for name in rlaif.__all__}.keys() == {*dir(rlaif)}


def test_a_name_that_is_not_offered_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'genrate'"):
        rlaif.genrate  # type: ignore[attr-defined]  # noqa: B018


def test_importing_loads_no_module_but_the_version() -> None:
    code = "import sys, rlaif; print(sorted(name for name in sys.modules if name.startswith('rlaif')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "['rlaif', 'rlaif.version']"


@VERBS
def test_a_function_has_the_fields_of_its_configuration(verb: Verb, config: type) -> None:
    found = inspect.signature(verb).parameters
    assert {*found} == {each.name for each in dataclasses.fields(config)}
    assert {each.kind for each in found.values()} == {inspect.Parameter.KEYWORD_ONLY}


@VERBS
def test_a_function_has_the_defaults_of_its_configuration(verb: Verb, config: type) -> None:
    empty: Mapping[Any, Any] = {dataclasses.MISSING: inspect.Parameter.empty}
    for each in dataclasses.fields(config):
        default = inspect.signature(verb).parameters[each.name].default
        if each.default_factory is not dataclasses.MISSING:
            assert (default, each.default_factory()) == (None, {}), each.name  # None: an empty mapping
        elif each.default is dataclasses.MISSING:
            assert default is empty[dataclasses.MISSING], each.name
        else:
            assert default == each.default, each.name


def test_train_has_the_options_of_every_method_of_ours_and_takes_those_of_others() -> None:
    found = inspect.signature(rlaif.train).parameters
    held = [METHODS.get(name) for name in METHODS.names() if name not in METHODS.from_outside()]
    # what draws rollouts has a reward and prompts; its other options are `further` ones
    ours = [each for each in held if each.reward_of is None]
    common = {each.name for each in dataclasses.fields(TrainConfig)} - {"options"}
    online = {"further", "prompts", "reward"}
    assert {*found} - online == common.union(*({o.name for o in options(m.options)} for m in ours))
    assert found["further"].kind is inspect.Parameter.VAR_KEYWORD
    assert list(said(sections(rlaif.train)["Args"])) == list(found)


def kinds(hint: Any) -> set[Any]:
    """The kinds of values that a hint takes, whatever is in them."""
    if get_origin(hint) is Literal:
        return {hint}
    parts = get_args(hint) if get_origin(hint) not in (tuple, Sequence, Mapping, Callable) else ()
    origin = get_origin(hint) if not parts else None
    return set().union(*map(kinds, parts)) if parts else {(Sequence if origin is tuple else origin) or hint}


@VERBS
def test_a_function_takes_what_its_configuration_takes(verb: Verb, config: type) -> None:
    ours, theirs = get_type_hints(verb), get_type_hints(config)
    for name, hint in theirs.items():
        wanted = {str(each).replace("collections.abc.", "") for each in kinds(hint)}
        assert wanted <= {str(each).replace("collections.abc.", "") for each in kinds(ours[name])}, name
        assert NoneType not in kinds(ours[name]) - kinds(hint) or Mapping in kinds(hint), name


def sections(verb: Verb) -> dict[str, str]:
    """The parts of a Google-style docstring by their titles."""
    text = inspect.getdoc(verb) or ""
    parts = re.split(r"^(Args|Returns|Raises|Example):$", text, flags=re.M)
    return dict(zip(parts[1::2], map(textwrap.dedent, parts[2::2]), strict=True))


def said(section: str) -> dict[str, str]:
    """`name: text` entries, joined over their lines."""
    entries = re.findall(r"^(\w+): (.*(?:\n +.*)*)", section, flags=re.M)
    return {name: " ".join(text.split()) for name, text in entries}


@VERBS
def test_help_says_arguments_result_errors_and_an_example(verb: Verb, config: type) -> None:
    assert (inspect.getdoc(verb) or "").splitlines()[1] == ""
    assert list(sections(verb)) == ["Args", "Returns", "Raises", "Example"]
    assert list(said(sections(verb)["Args"])) == list(inspect.signature(verb).parameters)


@VERBS
def test_help_of_an_argument_is_that_of_its_setting(verb: Verb, config: type) -> None:
    shown = said(sections(verb)["Args"])
    assert {each.name: shown[each.name] for each in options(config)} == {
        each.name: each.setting.help for each in options(config)
    }


@VERBS
def test_the_errors_that_help_names_are_ours(verb: Verb, config: type) -> None:
    from rlaif import errors

    assert all(issubclass(getattr(errors, name), rlaif.RlaifError) for name in said(sections(verb)["Raises"]))


def run_examples(names: Sequence[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run examples one after the other, in one directory, as a reader would."""
    monkeypatch.chdir(folder)
    known: dict[str, Any] = {"rlaif": rlaif}
    for name in names:
        [example] = doctest.DocTestFinder(recurse=False).find(getattr(api, name), name, globs=known)
        wrong: list[str] = []
        doctest.DocTestRunner().run(example, out=wrong.append, clear_globs=False)
        assert wrong == []
        assert example.examples


def test_the_examples_in_help_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_examples(
        ["generate", "judge", "judge_check", "audit", "evaluate", "reward", "open_judge"],
        tmp_path,
        monkeypatch,
    )


@pytest.mark.heavy
def test_the_examples_in_help_that_train_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_examples(["generate", "train", "run"], tmp_path, monkeypatch)


USER = """\
from pathlib import Path

import rlaif


@rlaif.register.judge(version="1")
def shorter(prompt: rlaif.Prompt, a: rlaif.Completion, b: rlaif.Completion) -> float:
    return float(len(a.text) < len(b.text))


def feedback(out: Path) -> list[str]:
    made = rlaif.generate(out=out, policy="micro", judge=shorter, n=4, pairing="all")
    pairs: list[rlaif.Pair] = rlaif.read_pairs(made.run / "pairs.jsonl")
    rules: rlaif.Constitution = rlaif.load_constitution("micro-default")
    trained = rlaif.train(source=out, method="dpo", steps=2)
    rates = rlaif.evaluate(policy=trained.out, against=["micro"]).win_rates
    return [each.id for each in pairs] + [each.id for each in rules.principles] + [str(rates[0].win_rate)]
"""
WRONG = {
    "rlaif.generate(out='runs/r1', n='six')": 'Argument "n"',
    "rlaif.generate(out='runs/r1', completions=6)": 'Unexpected keyword argument "completions"',
    "rlaif.generate()": 'Missing named argument "out"',
    "rlaif.generate(out='runs/r1', pairing='bst-worst')": 'Argument "pairing"',
    "rlaif.genrate(out='runs/r1')": 'Module has no attribute "genrate"',
}


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `mypy --strict` says of a user's programs, read against the package's own types."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "good.py").write_text(USER)
    (folder / "wrong.py").write_text("import rlaif\n\n" + "\n".join(WRONG) + "\n")
    # what large libraries say of their own types takes a minute, and has no say here
    large = (
        "torch",
        "numpy",
        "scipy",
        "transformers",
        "datasets",
        "pyarrow",
        "httpx",
        "rich",
        "huggingface_hub",
    )
    skipped = "".join(f"[mypy-{name}.*]\nfollow_imports = skip\n" for name in large)
    (folder / "mypy.ini").write_text(f"[mypy]\nfollow_imports = silent\n{skipped}")
    command = ["-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", str(folder / "cache")]
    command += ["good.py", "wrong.py"]
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": "", "PYTHONPATH": "", "HOME": str(folder)},
    )
    return done.stdout + done.stderr


def test_a_users_program_is_type_checked(checked: str) -> None:
    assert [line for line in checked.splitlines() if line.startswith("good.py")] == []
    assert "py.typed" not in checked


@pytest.mark.parametrize("call", WRONG)
def test_a_type_checker_sees_a_users_mistake(call: str, checked: str) -> None:
    line = 3 + list(WRONG).index(call)
    told = [each for each in checked.splitlines() if each.startswith(f"wrong.py:{line}:")]
    assert any(WRONG[call] in each for each in told), checked


def test_the_package_says_that_it_has_types() -> None:
    assert (ROOT / "rlaif" / "py.typed").read_bytes() == b""
