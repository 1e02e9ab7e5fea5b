"""The house: floors, light imports, pinned names, no dead option."""

from __future__ import annotations

import ast
import dataclasses
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import rlaif
from rlaif.cli.main import cli
from rlaif.cli.options import EnvOption
from rlaif.workflows import configs

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
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from commands(each, f"{path} {name}")
    else:
        yield path, command


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
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if floor not in HEAVY_FLOORS and any(name.partition(".")[0] in HEAVY for name in names):
                strays.append(f"{path}:{node.lineno}")
    assert strays == []


ADAPTED = ("transformers", "accelerate", "peft", "datasets", "vllm", "trl")


def _imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or "", node.lineno
        elif isinstance(node, ast.Import):
            yield from ((each.name, node.lineno) for each in node.names)


@pytest.mark.parametrize("library", ADAPTED)
def test_a_library_with_an_adapter_is_imported_there_only(library: str) -> None:
    adapter = PACKAGE / "libraries" / f"{library}.py"
    strays = [
        f"{path}:{line}"
        for path in modules()
        for name, line in _imports(path)
        if name.partition(".")[0] == library and path != adapter
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
    silent = [
        str(path) for path in modules() if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def _functions() -> Iterator[tuple[str, int]]:
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
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


def _read_names(root: Path) -> set[str]:
    names = set()
    for path in root.rglob("*.py"):
        if path.name != "configs.py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return names


CONFIGS = [each for each in vars(configs).values() if dataclasses.is_dataclass(each)]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda each: each.__name__)
def test_every_field_of_a_config_is_read(config: type) -> None:
    read = _read_names(PACKAGE / "workflows")
    assert [each.name for each in dataclasses.fields(config) if each.name not in read] == []


@pytest.mark.parametrize(
    ("path", "command"), list(commands(cli)), ids=lambda each: each if isinstance(each, str) else ""
)
def test_every_option_of_a_command_reaches_its_config(path: str, command: click.Command) -> None:
    called = {
        "rlaif generate": configs.GenerateConfig,
        "rlaif judge": configs.JudgeConfig,
        "rlaif train": configs.TrainConfig,
        "rlaif evaluate": configs.EvaluateConfig,
        "rlaif run": configs.RunConfig,
        "rlaif constitution test": configs.TestConfig,
    }
    own = {"as_json", "dry_run", "show_prompt", "help"}
    if path in called:
        fields = {each.name for each in dataclasses.fields(called[path])}
        assert {each.name for each in command.params} - own == fields


@pytest.mark.parametrize(
    ("path", "command"), list(commands(cli)), ids=lambda each: each if isinstance(each, str) else ""
)
def test_every_option_has_a_variable_and_a_help_text(path: str, command: click.Command) -> None:
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert all(isinstance(each, EnvOption) and each.help for each in options)


def test_the_command_page_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, "docs/make_cli.py", "--check"], cwd=ROOT)
    assert done.returncode == 0, "run `make docs`"


def test_every_room_is_on_the_plan() -> None:
    plan = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = [path.parent.name for path in PACKAGE.glob("*/__init__.py")]
    assert [room for room in rooms if f"{room}/" not in plan] == []


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    path = ROOT / page
    links = re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []
