"""Texts that were rendered for a trainer: known by the marks of turns that chat templates of all makes write."""

from __future__ import annotations

import re

_BARS = r"<[|\uff5c][^<>|\uff5c\n]{1,40}[|\uff5c]>"
_ENDS = re.compile(rf"(?:{_BARS}|</s>|<eos>|<end_of_turn>|<turn\|>|\[\|endofturn\|\])\s*\Z")
_OPENS = re.compile(
    r"\s*(?:<s>|<bos>|<\|begin_of_text\|>|<\|startoftext\|>|<BOS_TOKEN>|<\uff5cbegin\u2581of\u2581sentence\uff5c>|\[gMASK\]<sop>)?\s*"
    r"(?:<\|(?:im_start|start_header_id|start|start_of_role|START_OF_TURN_TOKEN|user|system|human|im_user\w*|im_system\w*)\|>"
    r"|<start_of_turn>|<\|turn>|\[INST\]|<\uff5cUser\uff5c>|\[\|(?:user|system)\|\])"
)
_HEADER = re.compile(
    r"(?:<\|(?:im_start|start|start_header_id|start_of_role|im_assistant)\|>\s*(?:assistant|model)\s*(?:<\|[^<>|]+\|>)?"
    r"|<\|(?:assistant|CHATBOT_TOKEN|im_assistant)\|>|<\uff5cAssistant\uff5c>|<start_of_turn>model|<\|turn>model|\[/INST\]"
    r"|\[\|assistant\|\])\s*(?:<think>)?\s*\Z"
)


def ends_a_turn(text: str) -> bool:
    """Whether the text's last words are an end mark of some chat template, such as `<|im_end|>` or `</s>`."""
    # an answer in HTML may strike a word out
    return _ENDS.search(text) is not None and not ("<s>" in text and text.rstrip().endswith("</s>"))


def holds_turns(text: str) -> bool:
    """Whether the text begins with a turn's mark of some chat template, or ends where an answer would begin."""
    return _OPENS.match(text) is not None or _HEADER.search(text) is not None
