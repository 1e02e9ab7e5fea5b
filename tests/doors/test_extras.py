"""Each extra alone, in an environment that has nothing else: what it promises works, what is missing is said."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from .conftest import HERE, Stranger, make_environment

pytestmark = pytest.mark.long
TRAIN = ["train", "run", "--gate", "off", "--steps", "2", "--batch-size", "2", "--json"]
GENERATE = [
    "generate",
    "--limit",
    "4",
    "--n",
    "2",
    "--no-critique",
    "--drift",
    "0",
    "--min-pair-share",
    "0",
    "--json",
]
LACKING = {
    "review": (["review", "run"], "pip install 'rlaif[review]'"),
    "ray": ([*GENERATE, "--on", "ray", "--out", "spread"], "pip install 'rlaif[ray]'"),
    "trackers": ([*TRAIN, "--out", "m", "--loop", "trackers=wandb"], "wandb is not installed here"),
    "qlora": (
        [*TRAIN, "--out", "m", "--lora", "2", "--loop", "quantize=4bit"],
        "bitsandbytes is not installed here",
    ),
}
"""What the command says where an extra is not installed."""


def review(stranger: Stranger) -> None:
    """The page is served once, and holds the pairs."""
    command = stranger.command(str(stranger.python), "-m", "rlaif", "review", "run")
    # its own loopback is another machine's: this one keeps the network
    own = {**stranger.environment(), "RLAIF_DOORS": "network"}
    with subprocess.Popen(command, cwd=stranger.place, env=own, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        try:
            with httpx.Client(follow_redirects=True) as client:
                assert re.search(r"<h1>\d+ pairs?</h1>", client.get(address).text)
        finally:
            server.kill()


def ray(stranger: Stranger) -> None:
    """Two workers of a cluster of its own make the pairs."""
    [made] = stranger.visit([[*GENERATE, "--out", "spread", "--on", "ray", "--workers", "2"]])
    assert json.loads(made["out"])["calls"]["failed"] == 0


def trackers(stranger: Stranger) -> None:
    """Each of them, offline."""
    where = {
        "WANDB_MODE": "offline",
        "MLFLOW_TRACKING_URI": (stranger.place / "mlruns").as_uri(),
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "TRACKIO_DIR": str(stranger.place / "board"),
    }
    names = ("wandb", "mlflow", "trackio")
    stranger.visit([[*TRAIN, "--out", f"m {each}", "--loop", f"trackers={each}"] for each in names], **where)
    assert list((stranger.place / "m wandb").rglob("*.wandb"))
    assert list((stranger.place / "mlruns").rglob("margins"))
    assert list((stranger.place / "board").rglob("*.db"))


def qlora(stranger: Stranger) -> None:
    """An adapter on a model in four bits."""
    [made] = stranger.visit([[*TRAIN, "--out", "m", "--lora", "2", "--loop", "quantize=4bit"]])
    assert json.loads(made["out"])["steps"] == 2


def http2(stranger: Stranger) -> None:
    """Calls go to a server that speaks nothing else."""
    key, certificate, both = (stranger.place / name for name in ("key.pem", "certificate.pem", "both.pem"))
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    kind = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subprocess.run(
        ["openssl", "req", *kind, *name, "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    both.write_text(key.read_text() + certificate.read_text())
    call = shutil.copy(HERE / "http2_call.py", stranger.place)
    done = subprocess.run(
        stranger.command(str(stranger.python), str(call), str(both)),
        cwd=stranger.place,
        env=stranger.environment(SSL_CERT_FILE=str(certificate)),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


USES: dict[str, Callable[[Stranger], None]] = {
    "review": review, "ray": ray, "trackers": trackers, "qlora": qlora, "http2": http2
}  # fmt: skip


@pytest.fixture
def stranger(request: pytest.FixtureRequest, wheel: Path, place: Path) -> Stranger:
    """Somebody with the wheel and one extra in an environment of their own."""
    python = make_environment(place.parent / "env", wheel, f"{wheel}[{request.param}]", thin=False)
    somebody = Stranger(python, place)
    somebody.visit([[*GENERATE, "--out", "run"]])
    return somebody


@pytest.mark.parametrize(("stranger", "name"), [(each, each) for each in USES], indirect=["stranger"])
def test_an_extra_alone_does_what_it_promises_and_the_others_are_said_to_be_missing(
    stranger: Stranger, name: str
) -> None:
    USES[name](stranger)
    for other, (line, said) in LACKING.items():
        if other != name:
            lacking = run(stranger, line)
            assert lacking.returncode in (1, 2), lacking
            assert said in lacking.stderr
            assert "Traceback" not in lacking.stderr


def run(stranger: Stranger, line: list[str]) -> subprocess.CompletedProcess[str]:
    command = stranger.command(str(stranger.python), "-m", "rlaif", *line)
    return subprocess.run(
        command, cwd=stranger.place, env=stranger.environment(), capture_output=True, text=True
    )
