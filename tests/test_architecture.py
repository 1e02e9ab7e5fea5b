"""The house: floors, light imports, pinned names, no dead option."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import subprocess
import sys
import textwrap
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

import rlaif
from rlaif.cli.main import cli
from rlaif.cli.options import EnvOption
from rlaif.workflows import configs
from rlaif.workflows.audit.config import AuditConfig
from rlaif.workflows.datasets.export_files import ExportConfig
from rlaif.workflows.datasets.import_preferences import ImportConfig
from rlaif.workflows.impact.config import ImpactConfig
from rlaif.workflows.judge_eval.config import THRESHOLDS, CheckConfig
from rlaif.workflows.lab.table.config import TableConfig
from rlaif.workflows.rbr.config import ClassifyConfig, RbrFitConfig, ScoreConfig
from rlaif.workflows.reward.serve.config import ServeRewardConfig
from tests.syntax import nodes_of, tree_of
from tools import import_graph

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "rlaif"
HEAVY = ("torch", "transformers", "datasets", "peft", "accelerate", "vllm", "ray")
HEAVY_FLOORS = ("engines", "training", "exchange", "microworld", "libraries")


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.strip()


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "_shipped" not in path.parts)


def commands(command: click.Command, path: str = "rlaif") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, those below other commands too."""
    if not isinstance(command, click.Group):
        yield path, command
    if hasattr(command, "list_commands") and hasattr(command, "get_command"):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, f"{path} {name}")


def test_imports_point_down() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("code", ["import rlaif", "from rlaif.cli.main import main; main(['--help'])"])
def test_import_and_help_load_no_heavy_package(code: str) -> None:
    loaded = python(f"{code}; import sys; print([name for name in {HEAVY} if name in sys.modules])")
    assert loaded.splitlines()[-1] == "[]"


def test_every_commands_help_loads_no_heavy_package() -> None:
    calls = [[*path.split()[1:], "--help"] for path, _ in commands(cli)]
    code = f"from rlaif.cli.main import main; [main(call) for call in {calls}]"
    loaded = python(f"{code}; import sys; print([name for name in {HEAVY} if name in sys.modules])")
    assert loaded.splitlines()[-1] == "[]"


def test_heavy_packages_are_imported_on_five_floors_only() -> None:
    strays = []
    for path in modules():
        floor = path.relative_to(PACKAGE).parts[0]
        for node in nodes_of(path):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if floor not in HEAVY_FLOORS and any(name.partition(".")[0] in HEAVY for name in names):
                strays.append(f"{path}:{node.lineno}")
    assert strays == []


ADAPTED = ("transformers", "accelerate", "peft", "datasets", "vllm", "trl")


def _imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in nodes_of(path):
        if isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or "", node.lineno
        elif isinstance(node, ast.Import):
            yield from ((each.name, node.lineno) for each in node.names)


@pytest.mark.parametrize("library", ADAPTED)
def test_a_library_with_an_adapter_is_imported_there_only(library: str) -> None:
    names = (f"{library}.py", library, f"{library}_tokenizers.py", f"{library}_templates.py")
    adapters = tuple(PACKAGE / "libraries" / name for name in names)
    strays = [
        f"{path}:{line}"
        for path in modules()
        for name, line in _imports(path)
        if name.partition(".")[0] == library and not any(each in (path, *path.parents) for each in adapters)
    ]
    assert strays == []


def test_what_a_model_can_do_is_not_read_off_a_signature() -> None:
    strays = [
        str(path)
        for path in modules()
        if {"engines", "training", "libraries"} & set(path.parts)
        and re.search(r"\bsignature\(|getfullargspec|co_varnames", path.read_text(encoding="utf-8"))
    ]
    assert strays == []


TRL_INSIDE = re.compile(
    r"trl\.(?:experimental|data_utils|trainer)\b|get_batch_loss_metrics|_metrics\[|_prepare_dataset"
)


def test_what_is_private_in_trl_is_in_the_oracle_only() -> None:
    strays = [
        str(path)
        for folder in ("tests", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        if path.name not in ("trl_oracle.py", Path(__file__).name)
        and TRL_INSIDE.search(path.read_text(encoding="utf-8"))
    ]
    assert strays == []


PRIVATE = re.compile(r"\b(?:torch|model|config|module|tokenizer|fast)(?:\.\w+)*\._(?!_|parameters\b)[a-z]\w*")


def test_private_names_of_libraries_are_in_their_adapters() -> None:
    strays = [
        f"{path.relative_to(ROOT)}: {found}"
        for path in modules()
        if "libraries" not in path.parts
        for found in PRIVATE.findall(path.read_text(encoding="utf-8"))
    ]
    assert strays == []


def test_only_the_commands_about_it_know_the_bundled_world() -> None:
    known = {
        str(path.relative_to(PACKAGE))
        for path in modules()
        if "microworld" not in path.parts and "rlaif.microworld" in path.read_text(encoding="utf-8")
    }
    # gold comes through the entry points, models and prompts by their names
    assert known == {"cli/micro.py", "cli/rbr.py"}


def test_the_version_is_said_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == rlaif.__version__


def test_every_module_says_what_it_owns() -> None:
    silent = [str(path) for path in modules() if not ast.get_docstring(tree_of(path))]
    assert silent == []


def _functions() -> Iterator[tuple[str, int]]:
    for path in modules():
        for node in nodes_of(path):
            if isinstance(node, ast.FunctionDef):
                start = node.body[1].lineno if ast.get_docstring(node) and len(node.body) > 1 else node.lineno
                yield (
                    f"{path.relative_to(ROOT)}:{node.lineno} {node.name}",
                    (node.end_lineno or 0) - start + 1,
                )


def test_functions_are_short() -> None:
    lengths = dict(_functions())
    assert {name: length for name, length in lengths.items() if length > 60} == {}
    assert sorted(lengths.values())[int(len(lengths) * 0.9)] <= 30


def _trees() -> dict[str, ast.Module]:
    return {
        str(path.relative_to(ROOT)): tree_of(path)
        for folder in ("rlaif", "benchmarks", "tools", "docs")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "_shipped" not in path.parts
    }


TREES = _trees()


def _configurations() -> dict[str, list[str]]:
    """The fields of every configuration in the package, by `file class`."""
    found = {}
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef) or not path.startswith("rlaif/"):
                continue
            if node.name.endswith(("Config", "Options", "Settings")) and node.decorator_list:
                fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
                found[f"{path} {node.name}"] = [
                    each.target.id for each in fields if isinstance(each.target, ast.Name)
                ]
    return found


CONFIGURATIONS = _configurations()


@cache
def _loaded(attributes_only: bool = False) -> Counter[str]:
    """How often each name is read in the package, its tools and benchmarks."""
    found: Counter[str] = Counter()
    for tree in TREES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                found[node.attr] += 1
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and not attributes_only:
                found[node.id] += 1
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not attributes_only:
                found[re.split(r"[.:]", node.value)[-1]] += 1
    return found


@pytest.mark.parametrize("config", CONFIGURATIONS)
def test_every_field_of_a_configuration_is_read(config: str) -> None:
    read = _loaded(attributes_only=True)
    assert [name for name in CONFIGURATIONS[config] if not read[name]] == []


def test_configurations_are_found_in_the_whole_package() -> None:
    assert len(CONFIGURATIONS) > 20
    assert {each.split()[0].rsplit("/", 1)[0] for each in CONFIGURATIONS} >= {
        "rlaif/training/configs",
        "rlaif/workflows",
        "rlaif/workflows/rbr",
        "rlaif/workflows/datasets",
    }


OF_EVERY_COMMAND = {"as_json", "full", "dry_run", "show_prompt", "help"}
CONFIG_OF = {
    "rlaif generate": (configs.GenerateConfig, {}),
    "rlaif judge": (configs.JudgeConfig, {}),
    "rlaif judge check": (
        CheckConfig,
        {"gold": "source", "every": None, "every_attack": None} | dict.fromkeys(THRESHOLDS, "thresholds"),
    ),
    "rlaif evaluate": (configs.EvaluateConfig, {}),
    "rlaif run": (configs.RunConfig, {}),
    "rlaif constitution test": (configs.TestConfig, {}),
    "rlaif constitution diff": (ImpactConfig, {"impact": "run", "a": None, "b": None, "show": None}),
    "rlaif audit": (AuditConfig, {"html": None, "suggest_prompts": None}),
    "rlaif import": (ImportConfig, {}),
    "rlaif export": (ExportConfig, {}),
    "rlaif rbr classify": (ClassifyConfig, {}),
    "rlaif rbr fit": (RbrFitConfig, {}),
    "rlaif rbr score": (ScoreConfig, {}),
    "rlaif serve-reward": (ServeRewardConfig, {}),
    "rlaif lab table": (TableConfig, {}),
}
"""The configuration of each command that has one, and those of its options that are not fields of the same name:
another field, or None for what the command itself does with its value."""


@pytest.mark.parametrize("path", CONFIG_OF)
def test_every_option_of_a_command_reaches_its_config(path: str) -> None:
    config, named = CONFIG_OF[path]
    given = {each.name or "" for each in dict(commands(cli))[path].params} - OF_EVERY_COMMAND
    # an option of a role is a field of that role's options
    reached = {named.get(name, name.partition("__")[0]) for name in given} - {None}
    assert reached == {each.name for each in dataclasses.fields(config)}


@pytest.mark.parametrize("path", dict(commands(cli)))
def test_a_command_uses_each_of_its_options(path: str) -> None:
    command = dict(commands(cli))[path]
    assert command.callback is not None
    [function] = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(command.callback)))).body
    assert isinstance(function, ast.FunctionDef)
    named = {
        each.arg for each in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    }
    rest = {function.args.kwarg.arg} if function.args.kwarg else set()
    read = {each.id for line in function.body for each in ast.walk(line) if isinstance(each, ast.Name)}
    assert (named | rest) - read == set()
    assert rest or {each.name for each in command.params} <= named


UNCALLED = {
    "cli/command.py CommandGroup.list_commands": "click calls it",
    "cli/options.py EnvOption.resolve_envvar_value": "click calls it",
    "cli/registered.py Known.shell_complete": "click calls it",
    "cli/train.py TrainCommand.format_usage": "click calls it",
    "cli/parent.py Parent.list_commands": "click calls it",
    "engines/local/processes.py Processes.pids": "tests kill workers by it",
    "engines/ray/engine.py RayEngine.pids": "tests kill workers by it",
    "workflows/reward/clients/openrlhf.py OpenRlhfReward": "a file that OpenRLHF loads calls it",
    "workflows/reward/clients/swift.py served_orm": "a plugin of ms-swift calls it",
    "workflows/reward/clients/trl.py TrlReward": "a script with TRL's trainer calls it",
    "workflows/reward/clients/verl.py VerlReward": "a file that verl loads calls it",
    "terminal.py Screen.writelines": "a stream has it, and libraries call it",
    "microworld/sets.py write_sets": "makes the shipped prompt sets, which a test compares",
}
"""Public functions that nothing in the package, its tools or benchmarks calls, each with the reason to keep it."""


def _public(body: list[ast.stmt], inside: str = "") -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef) and not inside:
            yield node.name
            yield from _public(node.body, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            a_command = any("command" in ast.unparse(each) for each in node.decorator_list)
            if not (a_command or node.name.startswith("_") or inside.startswith("_")):
                yield f"{inside}{node.name}"


def test_every_public_function_has_a_caller() -> None:
    read = _loaded()
    named_outside = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    dead = {
        f"{path.removeprefix('rlaif/')} {name}"
        for path, tree in TREES.items()
        if path.startswith("rlaif/")
        for name in _public(tree.body)
        if not read[own := name.rpartition(".")[2]] and not re.search(rf"\b{own}\b", named_outside)
    }
    assert dead == set(UNCALLED)


def test_no_circle_of_imports_even_for_type_checkers_only() -> None:
    assert import_graph.circles(import_graph.graph()) == []


def test_a_circle_is_found() -> None:
    edges = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set[str](), "e": {"e"}}
    assert import_graph.circles(edges) == [{"b", "c"}]


def test_the_picture_of_the_house_is_what_the_code_says() -> None:
    done = subprocess.run([sys.executable, "docs/make_architecture.py", "--check"], cwd=ROOT)
    assert done.returncode == 0, "run `make docs`"


@pytest.mark.parametrize(
    ("path", "command"), list(commands(cli)), ids=lambda each: each if isinstance(each, str) else ""
)
def test_every_option_has_a_variable_and_a_help_text(path: str, command: click.Command) -> None:
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert all(isinstance(each, EnvOption) and each.help for each in options)


def test_the_command_page_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, "docs/make_cli.py", "--check"], cwd=ROOT)
    assert done.returncode == 0, "run `make docs`"


def test_the_tables_of_the_pages_are_made_from_registries_and_settings() -> None:
    done = subprocess.run(
        [sys.executable, "docs/make_tables.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_room_is_on_the_plan() -> None:
    plan = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = [path.parent.name for path in PACKAGE.glob("*/__init__.py")]
    assert [room for room in rooms if f"{room}/" not in plan] == []
