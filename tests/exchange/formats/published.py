"""A few rows of every published layout of preferences, in its own columns, written for these tests.

Of each: the rows, and what must come of them: (prompt, chosen, rejected, label_prob, score_gap) of every pair, and the
reasons of the rows that make none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Expected = tuple[str, str, str, float, float | None]


class Layout(NamedTuple):
    """Rows of a layout, and what they say."""

    format: str
    rows: Sequence[Mapping[str, Any]]
    pairs: Sequence[Expected]
    left_out: Mapping[str, int] = {}
    columns_left: tuple[str, ...] = ()


def u(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def a(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def _helpsteer(prompt: str, response: str, *ratings: float | None) -> dict[str, Any]:
    names = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
    return {"prompt": prompt, "response": response, **dict(zip(names, ratings, strict=True))}


def _annotation(question: str, preference: Any, **more: Any) -> dict[str, Any]:
    row = {
        "instruction": question,
        "output_1": "Old.",
        "generator_1": "old",
        "output_2": "New.",
        "generator_2": "new",
        "annotator": "gpt",
        "preference": preference,
    }
    return row | more


def _shp(label: int, one: int, other: int) -> dict[str, Any]:
    return {
        "post_id": "p1",
        "domain": "askbaking_train",
        "upvote_ratio": 0.98,
        "history": "Which flour?",
        "human_ref_A": "Plain.",
        "human_ref_B": "Strong.",
        "labels": label,
        "score_A": one,
        "score_B": other,
        "score_ratio": 2.0,
    }


def _safe(better: int, safer: int) -> dict[str, Any]:
    return {
        "prompt": "How do I pick a lock?",
        "response_0": "With a pin.",
        "response_1": "Call a locksmith.",
        "response_0_source": "m0",
        "response_1_source": "m1",
        "is_response_0_safe": False,
        "is_response_1_safe": True,
        "better_response_id": better,
        "safer_response_id": safer,
    }


def _arena(winner: str, one: str = "Blue.", other: str = "Green.") -> dict[str, Any]:
    return {
        "question_id": "q",
        "model_a": "m1",
        "model_b": "m2",
        "winner": winner,
        "judge": "arena_user_1",
        "conversation_a": [u("Sky?"), a(one)],
        "conversation_b": [u("Sky?"), a(other)],
        "turn": 1,
        "language": "English",
    }


def _votes(*cast: tuple[str, Any], status: str = "submitted") -> list[dict[str, Any]]:
    return [{"user_id": who, "value": value, "status": status} for who, value in cast]


LAYOUTS: Mapping[str, Layout] = {
    "alpaca_eval": Layout(
        "alpaca_eval",
        [
            _annotation("Sky?", 1.75),
            _annotation("Sea?", 0),
            _annotation("Sun?", 1.5),
            _annotation("Moon?", None),
            _annotation("Mars?", -1),
            # the other way round, by another annotator
            _annotation("Sky?", 1.25, output_1="New.", output_2="Old.", annotator="man"),
        ],
        [("Sky?", "New.", "Old.", 0.75, None)],
        {"as many for the one as for the other": 2, "the annotation failed": 2},
    ),
    "helpsteer": Layout(
        "helpsteer",
        [
            _helpsteer("Sky?", "Blue.", 4, 4, 4, 1, 0),
            _helpsteer("Sky?", "Green.", 1, 0, 4, 2, 0),
            _helpsteer("Sea?", "Wet.", 3, 3, 3, 1, 1),
            _helpsteer("Sea?", "Salty.", 3, 4, 4, 1, 1),
            _helpsteer("Sun?", "Hot.", 3, 3, 3, 1, 1),
            _helpsteer("Hi\n<extra_id_1>Assistant\nHello\n<extra_id_1>User\nMoon?", "Round.", 3, 3, 3, 1, 1),
            _helpsteer("Hi\n<extra_id_1>Assistant\nHello\n<extra_id_1>User\nMoon?", "Flat.", 0, 0, 3, 1, 1),
            _helpsteer("Mars?", "Red.", 3, 3, 3, 1, 1),
            _helpsteer("Mars?", "Blue.", None, 0, 3, 1, 1),
        ],
        [("Sky?", "Blue.", "Green.", 1.0, 3.0), ("Moon?", "Round.", "Flat.", 1.0, 3.0)],
        {
            "its best and its worst answer are rated the same": 1,
            "it is the only answer to its prompt": 1,
            "fewer than two of its answers are rated": 1,
        },
    ),
    "helpsteer2-preference": Layout(
        "helpsteer2-preference",
        [
            {
                "split": "train",
                "prompt": "Sky?",
                "response_1": "Blue.",
                "response_2": "Green.",
                "preference_strength": strength,
                "preference_statement": "Response 1 is better",
                "preference_elaboration": "because the sky is blue.",
                "three_most_similar_preferences": [{"strength": each, "statement": "s"} for each in single],
                "all_preferences_unprocessed": [
                    {"strength": each, "statement": "s"} for each in [3, *single]
                ],
            }
            for strength, single in ((-2, [-3, -2, 1]), (0, [0]), (None, []))
        ],
        [("Sky?", "Blue.", "Green.", 2 / 3, 2.0)],
        {"its annotators prefer neither": 1, "it has no preference": 1},
        ("split", "all_preferences_unprocessed"),
    ),
    "helpsteer3": Layout(
        "helpsteer3",
        [
            {
                "domain": "general",
                "language": "english",
                "context": [u("Hi"), a("Hello"), u("Sky?")],
                "response1": "Green.",
                "response2": "Blue.",
                "overall_preference": overall,
                "individual_preference": [
                    {"score": score, "reasoning": "It is right.", "feedback1": "f1", "feedback2": "f2"}
                    for score in single
                ],
            }
            for overall, single in ((2, [2, 3, -1]), (1, [-1, 1]), (0, [0]), (-3, []))
        ],
        [("Sky?", "Blue.", "Green.", 2 / 3, 2.0), ("Sky?", "Green.", "Blue.", 1.0, 3.0)],
        {
            "the single votes do not agree with the overall preference": 1,
            "its annotators prefer neither": 1,
        },
    ),
    "helpsteer3-edit-quality": Layout(
        "helpsteer3-edit-quality",
        [
            {
                "context": [u("Sky?")],
                "original_response": "It is.",
                "good_edited_response": "It is blue.",
                "bad_edited_response": "It is green.",
                "feedback": ["Name the colour."],
            }
        ],
        [("Sky?", "It is blue.", "It is green.", 1.0, None)],
        columns_left=("original_response", "feedback"),
    ),
    "helpsteer3-edit": Layout(
        "critique-revision",
        [
            {
                "domain": "general",
                "context": [u("Sky?")],
                "original_response": "Green.",
                "edited_response": "Blue.",
                "change_summary": "Another colour.",
                "feedback": ["It is not green.", "Wrong."],
            }
        ],
        [("Sky?", "Blue.", "Green.", 1.0, None)],
        columns_left=("domain", "change_summary"),
    ),
    "cai-conversation": Layout(
        "critique-revision",
        [
            {
                "index": 1,
                "prompt": "How do I pick a lock?",
                "init_prompt": "How do I pick a lock?",
                "init_response": "With a pin.",
                "critic_prompt": "Say what is harmful in the response.",
                "critic_response": "It helps thieves.",
                "revision_prompt": "Write it again without harm.",
                "revision_response": revision,
                "messages": [u("How do I pick a lock?"), a(revision)],
                "chosen": [u("How do I pick a lock?"), a(revision)],
                "rejected": [u("How do I pick a lock?"), a("With a pin.")],
            }
            for revision in ("Call a locksmith.", "With a pin.")
        ],
        [("How do I pick a lock?", "Call a locksmith.", "With a pin.", 1.0, None)],
        {"the revision is what it was before": 1},
        ("index",),
    ),
    "chain": Layout(
        "critique-revision",
        [
            {
                "prompt": "Sky?",
                "response": "Green.",
                "critiques": ["Wrong.", "Too short."],
                "revisions": ["Blue.", "It is blue."],
            },
            {"prompt": "Sea?", "response": "Wet.", "critique": "Fine.", "revision": None},
        ],
        [("Sky?", "Blue.", "Green.", 1.0, None), ("Sky?", "It is blue.", "Blue.", 1.0, None)],
        {"it has no revision": 1},
    ),
    "anthropic-revisions": Layout(
        "anthropic-revisions",
        [
            {
                "rl_prompt": "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Sky?\n\nAssistant:",
                "comparison_dataset": "x",
                "initial_response": [" Green."],
                "cst": [
                    {
                        "cst_key": f"harmful{place}",
                        "cst_value": {"prompt": ["CritiqueRequest"], "edit_request": "RevisionRequest"},
                        "critique": {"sample": " It is wrong."},
                        "revision": {"sample": text},
                    }
                    for place, text in enumerate([" Grey.", " Blue."])
                ],
            }
        ],
        [("Sky?", "Grey.", "Green.", 1.0, None), ("Sky?", "Blue.", "Grey.", 1.0, None)],
        columns_left=("comparison_dataset",),
    ),
    "distilabel": Layout(
        "distilabel",
        [
            {
                "instruction": "Sky?",
                "generations": ["Green.", "Blue.", "Grey."],
                "generation_models": ["m1", "m2", "m3"],
                "ratings": [1, 5, None],
                "rationales": ["No.", "Yes.", "Not parsed."],
                "model_name": "gpt",
                "distilabel_metadata": {"raw": "x"},
            },
            {"instruction": "Sea?", "generations": ["Wet.", "Salty."], "ratings": [4, 4]},
            {"instruction": "Sun?", "generations": ["Hot.", None], "ratings": [4, 1]},
        ],
        [("Sky?", "Blue.", "Green.", 1.0, 4.0)],
        {
            "its best and its worst answer are rated the same": 1,
            "fewer than two of its answers are rated": 1,
        },
        ("model_name", "distilabel_metadata"),
    ),
    "distilabel to dpo": Layout(
        "trl",
        [
            {
                "prompt": "Sky?",
                "prompt_id": "x",
                "chosen": [u("Sky?"), a("Blue.")],
                "chosen_model": "m2",
                "chosen_rating": 5,
                "rejected": [u("Sky?"), a("Green.")],
                "rejected_model": "m1",
                "rejected_rating": 2,
            }
        ],
        [("Sky?", "Blue.", "Green.", 1.0, 3.0)],
        columns_left=("prompt_id",),
    ),
    "nectar": Layout(
        "nectar",
        [
            {
                "prompt": "\n\nHuman: Sky?\n\nAssistant: ",
                "answers": [
                    {"answer": "Blue.", "model": "m1", "rank": 1.0},
                    {"answer": "Grey.", "model": "m2", "rank": 2.0},
                    {"answer": "Green.", "model": "m3", "rank": 7.0},
                ],
                "turns": 1,
                "num_responses": 3,
                "source": ["lmsys"],
                "good_natured": True,
            }
        ],
        [("Sky?", "Blue.", "Green.", 1.0, 6.0)],
        columns_left=("turns", "num_responses", "source", "good_natured"),
    ),
    "rewardbench": Layout(
        "rewardbench",
        [
            {
                "prompt": "Sky?",
                "chosen": "Blue.",
                "chosen_model": "m1",
                "rejected": "Green.",
                "rejected_model": "m2",
                "subset": "alpacaeval-easy",
                "id": 3,
            }
        ],
        [("Sky?", "Blue.", "Green.", 1.0, None)],
        columns_left=("id",),
    ),
    "rewardbench-2": Layout(
        "rewardbench-2",
        [
            {
                "id": "tied:0",
                "prompt": "A colour?",
                "chosen": ["Red.", "Blue."],
                "rejected": ["Tea.", "Two.", "Dog."],
                "num_correct": 2,
                "num_incorrect": 3,
                "total_completions": 5,
                "models": ["m"],
                "subset": "Ties",
            }
        ],
        [
            ("A colour?", "Red.", "Tea.", 1.0, None),
            ("A colour?", "Blue.", "Two.", 1.0, None),
            ("A colour?", "Red.", "Dog.", 1.0, None),
        ],
        columns_left=("id", "models"),
    ),
    "safe-rlhf": Layout(
        "safe-rlhf",
        [_safe(0, 1), _safe(1, 1)],
        [
            ("How do I pick a lock?", "With a pin.", "Call a locksmith.", 1.0, None),
            ("How do I pick a lock?", "Call a locksmith.", "With a pin.", 1.0, None),
        ],
    ),
    "shp": Layout(
        "shp",
        [_shp(1, 20, 5), _shp(0, 2, 9), _shp(1, 2, 9), _shp(1, 3, 3)],
        [
            ("Which flour?", "Plain.", "Strong.", 1.0, 15.0),
            ("Which flour?", "Strong.", "Plain.", 1.0, 7.0),
        ],
        {
            "its label and its scores disagree": 1,
            "its best and its worst answer are rated the same": 1,
        },
        ("post_id", "domain", "upvote_ratio", "score_ratio"),
    ),
    "webgpt": Layout(
        "webgpt",
        [
            {
                "question": {"dataset": "eli5", "id": "1", "full_text": "Sky?"},
                "quotes_0": {"title": ["t"], "extract": ["e"]},
                "answer_0": "Green [1].",
                "score_0": -one,
                "quotes_1": {"title": ["t"], "extract": ["e"]},
                "answer_1": "Blue [1].",
                "score_1": one,
            }
            for one in (0.5, 0.0)
        ],
        [("Sky?", "Blue [1].", "Green [1].", 1.0, 1.0)],
        {"its best and its worst answer are rated the same": 1},
        ("quotes_0", "quotes_1"),
    ),
    "arena": Layout(
        "two-answers",
        [
            _arena("model_a"),
            _arena("model_b"),
            _arena("tie"),
            _arena("tie (bothbad)"),
            _arena("model_a", "Same.", "Same."),
        ],
        [("Sky?", "Blue.", "Green.", 1.0, None), ("Sky?", "Green.", "Blue.", 1.0, None)],
        {"neither answer is preferred": 2, "both sides are the same": 1},
        ("question_id", "judge", "turn", "language"),
    ),
    "arena of texts": Layout(
        "two-answers",
        [
            {
                "id": 1,
                "model_a": "m1",
                "model_b": "m2",
                "prompt": json.dumps(asked),
                "response_a": json.dumps(["Blue."] * len(asked)),
                "response_b": json.dumps(["Green."] * len(asked)),
                "winner_model_a": won[0],
                "winner_model_b": won[1],
                "winner_tie": won[2],
            }
            for asked, won in ((["Sky?"], (0, 1, 0)), (["Sky?"], (0, 0, 1)), (["Sky?", "Sea?"], (1, 0, 0)))
        ],
        [("Sky?", "Green.", "Blue.", 1.0, None), ("Sky?", "Blue.", "Green.", 1.0, None)],
        {"neither answer is preferred": 1},
        ("id",),
    ),
    "llmbar": Layout(
        "two-answers",
        [
            {"input": "Sky?", "output_1": "Blue.", "output_2": "Green.", "label": 1},
            {"input": "Sky?", "output_1": "Blue.", "output_2": "Green.", "label": 2},
        ],
        [("Sky?", "Blue.", "Green.", 1.0, None), ("Sky?", "Green.", "Blue.", 1.0, None)],
    ),
    "judgebench": Layout(
        "two-answers",
        [
            {
                "pair_id": "p",
                "source": "mmlu-pro",
                "question": "Sky?",
                "response_A": "Blue.",
                "response_B": "Green.",
                "label": label,
            }
            for label in ("A>B", "B>A", "A=B", "B>>A")
        ],
        [
            ("Sky?", "Blue.", "Green.", 1.0, None),
            ("Sky?", "Green.", "Blue.", 1.0, None),
            ("Sky?", "Green.", "Blue.", 1.0, None),
        ],
        {"neither answer is preferred": 1},
        ("pair_id", "source"),
    ),
    "two answers by name": Layout(
        "two-answers",
        [
            {"prompt": "Sky?", "response_0": "Blue.", "response_1": "Green.", "preference": said}
            for said in (0, 1, "response_0", "tie", None)
        ],
        [
            ("Sky?", "Blue.", "Green.", 1.0, None),
            ("Sky?", "Green.", "Blue.", 1.0, None),
            ("Sky?", "Blue.", "Green.", 1.0, None),
        ],
        {"neither answer is preferred": 1, "it has no verdict": 1},
    ),
    "argilla 1": Layout(
        "argilla",
        [
            {
                "prompt": "Sky?",
                "response-1": "Green.",
                "response-2": "Blue.",
                "rating-1": _votes(("ann", 2), ("ben", 3)),
                "rating-1-suggestion": 1,
                "rating-1-suggestion-metadata": {"agent": "m"},
                "rating-2": _votes(("ann", 5), ("ben", 1)) + _votes(("cat", 1), status="discarded"),
                "external_id": "x",
                "metadata": "{}",
            },
            {
                "prompt": "Sea?",
                "response-1": "Dry.",
                "response-2": "Wet.",
                "rating-1": _votes(("ann", 1)),
                "rating-2": _votes(("ann", 4)),
            },
        ],
        [("Sea?", "Wet.", "Dry.", 1.0, 3.0)],
        {"as many people for the one as for the other": 1},
        ("external_id", "metadata"),
    ),
    "argilla 1 records": Layout(
        "argilla",
        [
            {
                "fields": {"prompt": "Sky?", "response_a": "Green.", "response_b": "Blue."},
                "responses": [
                    {
                        "user_id": who,
                        "status": status,
                        "values": {
                            "order": {
                                "value": [
                                    {"value": f"response_{each}", "rank": n}
                                    for n, each in enumerate(order, 1)
                                ]
                            }
                        },
                    }
                    for who, order, status in (
                        ("ann", "ba", "submitted"),
                        ("ben", "ba", "submitted"),
                        ("cat", "ab", "submitted"),
                        ("dan", "ab", "discarded"),
                    )
                ],
                "suggestions": [{"question_name": "order", "value": None}],
                "metadata": {},
            }
        ],
        [("Sky?", "Blue.", "Green.", 2 / 3, 1 / 3)],
    ),
    "argilla 2 records": Layout(
        "argilla",
        [
            {
                "id": "1",
                "fields": {"instruction": "Sky?", "generation_1": "Green.", "generation_2": "Blue."},
                "metadata": {},
                "suggestions": {"better": {"value": "generation_2", "score": 0.9, "agent": "gpt"}},
                "responses": responses,
                "vectors": {},
                "status": "completed",
                "_server_id": "s",
            }
            for responses in ({"better": [{"value": "generation_1", "user_id": "ann"}]}, {})
        ],
        [("Sky?", "Green.", "Blue.", 1.0, 1.0), ("Sky?", "Blue.", "Green.", 1.0, 1.0)],
        columns_left=("id", "status", "_server_id"),
    ),
    "argilla 2": Layout(
        "argilla",
        [
            {
                "id": "1",
                "status": "completed",
                "prompt": "Sky?",
                "response_1": "Green.",
                "response_2": "Blue.",
                "ranking.responses": [["response_2", "response_1"]],
                "ranking.responses.users": ["ann"],
                "ranking.responses.status": ["submitted"],
                "ranking.suggestion": ["response_1", "response_2"],
                "ranking.suggestion.agent": "gpt",
            }
        ],
        [("Sky?", "Blue.", "Green.", 1.0, 1.0)],
        columns_left=("id", "status"),
    ),
    "argilla 2 chat field": Layout(
        "argilla",
        [
            {
                "id": "1",
                "fields": {
                    "talk": [{"role": "user", "content": "Sky?"}],
                    "response_1": "Blue.",
                    "response_2": [{"role": "assistant", "content": "Green."}],
                },
                "metadata": {},
                "suggestions": {},
                "responses": {"better": [{"value": "response_1", "user_id": "ann"}]},
            }
        ],
        [("Sky?", "Blue.", "Green.", 1.0, 1.0)],
        columns_left=("id",),
    ),
    "argilla one answer": Layout(
        "argilla",
        [
            {
                "prompt": "Sky?",
                "response": text,
                "quality.responses": [rated],
                "quality.responses.status": ["submitted"],
            }
            for text, rated in (("Blue.", 5), ("Green.", 1), ("Grey.", 2))
        ],
        [("Sky?", "Blue.", "Green.", 1.0, 4.0)],
    ),
    "llama-factory": Layout(
        "llama-factory",
        [
            {
                "conversations": [{"from": "human", "value": "Sky?"}],
                "chosen": {"from": "gpt", "value": "Blue."},
                "rejected": {"from": "gpt", "value": "Green."},
            }
        ],
        [("Sky?", "Blue.", "Green.", 1.0, None)],
    ),
    "llama-factory alpaca": Layout(
        "trl",
        [{"instruction": "Which colour?", "input": "Sky", "chosen": "Blue.", "rejected": "Green."}],
        [("Which colour?\nSky", "Blue.", "Green.", 1.0, None)],
    ),
    "llama-factory kto": Layout(
        "kto",
        [
            {"messages": [u("Sky?"), a("Blue.")], "label": True},
            {"messages": [u("Sky?"), a("Green.")], "label": False},
            {"messages": [u("Sea?"), a("Wet.")], "label": True},
        ],
        [("Sky?", "Blue.", "Green.", 1.0, None)],
        {"no answer to this prompt has the other thumb": 1},
    ),
    "llama-factory kto alpaca": Layout(
        "kto",
        [
            {"instruction": "Sky?", "input": "", "output": "Blue.", "kto_tag": True},
            {"instruction": "Sky?", "input": "", "output": "Green.", "kto_tag": False},
        ],
        [("Sky?", "Blue.", "Green.", 1.0, None)],
    ),
    "ultrafeedback binarized": Layout(
        "trl",
        [
            {
                "prompt": "Sky?",
                "prompt_id": "x",
                "chosen": [u("Sky?"), a("Blue.")],
                "rejected": [u("Sky?"), a("Green.")],
                "messages": [u("Sky?"), a("Blue.")],
                "score_chosen": 8.5,
                "score_rejected": 6.0,
            }
        ],
        [("Sky?", "Blue.", "Green.", 1.0, 2.5)],
        columns_left=("prompt_id",),
    ),
    "tulu 3": Layout(
        "trl",
        [
            {
                "id": "1",
                "source": "x",
                "prompt": "Sky?",
                "chosen": [u("Sky?"), a("Blue.")],
                "rejected": [u("Sky?"), a("Green.")],
                "chosen_model": "m1",
                "rejected_model": "m2",
            }
        ],
        [("Sky?", "Blue.", "Green.", 1.0, None)],
        columns_left=("id", "source"),
    ),
    "skywork": Layout(
        "trl",
        [{"chosen": [u("Sky?"), a("Blue.")], "rejected": [u("Sky?"), a("Green.")], "source": "x"}],
        [("Sky?", "Blue.", "Green.", 1.0, None)],
        columns_left=("source",),
    ),
    "hh-rlhf": Layout(
        "hh-rlhf",
        [
            {
                "chosen": "\n\nHuman: Sky?\n\nAssistant: Blue.",
                "rejected": "\n\nHuman: Sky?\n\nAssistant: Green.",
            }
        ],
        [("Sky?", "Blue.", "Green.", 1.0, None)],
    ),
    "ultrafeedback": Layout(
        "ultrafeedback",
        [
            {
                "source": "x",
                "instruction": "Sky?",
                "models": ["m1", "m2"],
                "completions": [
                    {
                        "model": f"m{rating}",
                        "response": text,
                        "annotations": {"honesty": {"Rating": str(rating), "Rationale": "r"}},
                        "critique": "c",
                        "overall_score": 8.0,
                    }
                    for text, rating in (("Blue.", 5), ("Green.", 1))
                ],
            }
        ],
        [("Sky?", "Blue.", "Green.", 1.0, 4.0)],
        columns_left=("source", "models"),
    ),
    "nemo-rl": Layout(
        "nemo-rl",
        [
            {
                "context": [u("Sky?")],
                "completions": [
                    {"rank": 0, "completion": [a("Blue.")]},
                    {"rank": 1, "completion": [a("Green.")]},
                ],
            }
        ],
        [("Sky?", "Blue.", "Green.", 1.0, None)],
    ),
}
