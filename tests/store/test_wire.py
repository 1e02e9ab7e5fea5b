"""Requests are cut into shared texts and put together again, whatever they hold."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rlaif.records import GenerateRequest, Generation, Message, Sampling, Score, ScoreRequest, Usage
from rlaif.store.wire import kind_of, reply_row, request_rows, row_reply, row_request

# few letters, so that neighbours share beginnings of every length
text = st.text(st.sampled_from("ab\n{}\ud800é"), max_size=12)
turns = st.lists(
    st.builds(Message, role=st.sampled_from(["system", "user", "assistant"]), content=text),
    min_size=1,
    max_size=3,
).map(tuple)
logprob = st.floats(max_value=0, allow_nan=False)
sampling = st.builds(
    Sampling,
    temperature=st.floats(0, 2),
    top_p=st.floats(0.1, 1),
    max_tokens=st.integers(1, 99),
    stop=st.lists(text, max_size=2).map(tuple),
)
requests = st.one_of(
    st.builds(
        GenerateRequest,
        id=st.just(""),
        messages=turns,
        sampling=sampling,
        seed=st.integers(0, 2**63 - 1),
        draw=st.integers(0, 9),
    ),
    st.builds(
        ScoreRequest,
        id=st.just(""),
        messages=turns,
        continuations=st.lists(text, max_size=3).map(tuple),
        assistant_prefix=text,
    ),
)
usage = st.builds(Usage, prompt_tokens=st.integers(0, 99), completion_tokens=st.integers(0, 99))
replies = st.one_of(
    st.builds(
        Generation,
        request_id=st.just("r"),
        text=text,
        finish=st.sampled_from(["stop", "length"]),
        token_ids=st.none() | st.lists(st.integers(0, 99), max_size=3).map(tuple),
        logprob=st.none() | logprob,
        usage=usage,
    ),
    st.builds(Score, request_id=st.just("r"), logprobs=st.lists(logprob, max_size=3).map(tuple), usage=usage),
)


@given(st.lists(requests, min_size=1, max_size=5))
def test_requests_return_exactly(wanted: list[Any]) -> None:
    rows, blobs = request_rows(wanted)
    found = [
        row_request(kind_of(each), row, blobs.__getitem__) for each, row in zip(wanted, rows, strict=True)
    ]
    assert found == wanted


@given(replies)
def test_replies_return_exactly(wanted: Any) -> None:
    row = reply_row(wanted)
    assert row is not None
    assert row_reply("score" if isinstance(wanted, Score) else "generate", row, "r", wanted.usage) == wanted
