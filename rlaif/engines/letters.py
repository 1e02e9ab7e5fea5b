"""Texts to token ids in which no added token is but those that are put there. Owns what a tokenizer adds to its own.

A tokenizer finds its added tokens (turns, ends, marks of thoughts) in any text, marked special or not, and some by
spellings that are only alike once they are normalised. Here their names are exchanged for such as nobody can know, so
that a spelled one stays letters, while everything else is encoded as before.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from rlaif.errors import ModelError

Ids = list[int]
Part = str | int
"""A text, or the id of a token that is meant."""
_BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")


class Span(NamedTuple):
    """Where in a text the tokenizer sees which added token."""

    start: int
    end: int
    token: int


@dataclass(frozen=True)
class Letters:
    """A tokenizer and what it added."""

    tokenizer: Any

    @cached_property
    def control(self) -> Mapping[int, str]:
        """Id to spelling of every added token that a text must not become.

        Runs of blanks are no such tokens: some makes write all their line feeds by them.
        """
        return {
            token: name
            for token, name in self._added.items()
            if name.replace("\u2581", " ").strip() and token not in self.fallbacks
        }

    @cached_property
    def fallbacks(self) -> frozenset[int]:
        """Added tokens that stand for what the tokenizer has no other token for: unknown characters, and bytes."""
        ends = {getattr(self.tokenizer, f"{name}_token_id", None) for name in ("bos", "eos", "pad")}
        unknown = getattr(self.tokenizer, "unk_token_id", None)
        # where the end token is the unknown one too, a character must not end a turn
        return frozenset(
            token
            for token, name in self._added.items()
            if _BYTE.fullmatch(name) or (token == unknown and unknown not in ends)
        )

    def own(self, ids: Sequence[int]) -> Ids:
        """The control tokens among ids, in order."""
        return [token for token in ids if token in self.control]

    def plain(self, texts: Sequence[str], ids: Sequence[int]) -> bool:
        """Whether what the texts were encoded to shows for certain that they spell no fallback token.

        It says nothing of control tokens, which are known by `own`.
        """
        if self.fallbacks.isdisjoint(ids):
            return True
        return not self._normalised and not any(self._fallback_name.search(text) for text in texts)

    def spans(self, text: str) -> list[Span]:
        """The added tokens that the tokenizer sees in a text, in order."""
        if self._backend is None:
            by_name = {name: token for token, name in self.control.items()}
            return [Span(*each.span(), by_name[each.group()]) for each in self._spelling.finditer(text)]
        seen = self.tokenizer(
            text,
            add_special_tokens=False,
            split_special_tokens=False,
            return_offsets_mapping=True,
            verbose=False,
        )
        spans: list[Span] = []
        for token, (start, end) in zip(seen["input_ids"], seen["offset_mapping"], strict=True):
            if token in self.control and start < end and (not spans or start >= spans[-1].end):
                spans.append(Span(start, end, token))
        return spans

    def ids(self, parts: Sequence[Part]) -> Ids:
        """The ids of texts and tokens in a row, as of one text. Raises ModelError where they cannot be kept apart."""
        if self._backend is None:
            return [token for part in parts for token in self._slow(part)]
        whole, names, back = self._nameless
        text = "".join(part if isinstance(part, str) else names[part] for part in parts)
        ids = [back.get(token, token) for token in whole.encode(text, add_special_tokens=False).ids]
        meant = [part for part in parts if not isinstance(part, str)]
        if self.own(ids) != meant:
            raise ModelError(
                f"{self.tokenizer.name_or_path}: its tokenizer takes text for control tokens, whatever they are "
                "called; take another model"
            )
        return ids

    @cached_property
    def _added(self) -> dict[int, str]:
        named = dict(zip(self.tokenizer.all_special_ids, self.tokenizer.all_special_tokens, strict=True))
        added = self.tokenizer.added_tokens_decoder
        return named | {int(token): str(each.content) for token, each in added.items()}

    @cached_property
    def _normalised(self) -> bool:
        added = self.tokenizer.added_tokens_decoder
        return any(added[token].normalized for token in self.fallbacks if token in added)

    @cached_property
    def _fallback_name(self) -> re.Pattern[str]:
        names = [self._added[token] for token in sorted(self.fallbacks)]
        others = [re.escape(name) for name in names if not _BYTE.fullmatch(name)]
        return re.compile("|".join([_BYTE.pattern, *others]))

    @cached_property
    def _backend(self) -> Any:
        return getattr(self.tokenizer, "backend_tokenizer", None)

    @cached_property
    def _spelling(self) -> re.Pattern[str]:
        # the longest first: one may begin another
        names = sorted(self.control.values(), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, names)) or r"(?!)")

    def _slow(self, part: Part) -> Ids:
        if not isinstance(part, str):
            return [part]
        found: Ids = self.tokenizer(part, add_special_tokens=False, split_special_tokens=True, verbose=False)[
            "input_ids"
        ]
        return found

    @cached_property
    def _nameless(self) -> tuple[Any, Mapping[int, str], Mapping[int, int]]:
        """The tokenizer under other names; id to name; its ids to the true ones, where they differ."""
        from tokenizers import Tokenizer

        whole = json.loads(self._backend.to_str())
        # drawn anew in each process, so that no text can hold it; lower-case letters outlive any normaliser.
        # No id depends on it.
        base = f"zq{secrets.token_hex(8)}"
        names = {token: f"{base}{token:08d}" for token in self.control}
        unnamed = {self.control[token]: name for token, name in names.items()}
        whole["added_tokens"] = [
            {**each, "content": unnamed.get(each["content"], each["content"]), "single_word": False}
            for each in whole["added_tokens"]
            if each["id"] not in self.fallbacks
        ]
        whole["model"] = _renamed(whole["model"], unnamed)
        made = Tokenizer.from_str(
            json.dumps({**whole, "post_processor": None, "truncation": None, "padding": None})
        )
        kept = {token: names.get(token, name) for token, name in self._added.items()}
        back = {made.token_to_id(name): token for token, name in kept.items() if token not in self.fallbacks}
        return made, names, {theirs: ours for theirs, ours in back.items() if theirs not in (None, ours)}


def _renamed(model: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A tokenizer's model whose tokens of these names are called otherwise: it cannot put them together any more."""
    found = dict(model)
    if isinstance(found["vocab"], list):
        found["vocab"] = [[names.get(piece, piece), score] for piece, score in found["vocab"]]
    else:
        found["vocab"] = {names.get(piece, piece): token for piece, token in found["vocab"].items()}
    if found.get("unk_token") in names:
        # a character that is unknown is left out rather than become a token that ends something
        found["unk_token"] = None if found["type"] == "BPE" else names[found["unk_token"]]
    if "merges" in found:
        inside = len(found.get("continuing_subword_prefix") or "")
        merges = [each.split(" ") if isinstance(each, str) else each for each in found["merges"]]
        found["merges"] = [
            [one, other]
            for one, other in merges
            if one not in names and other not in names and one + other[inside:] not in names
        ]
    return found
