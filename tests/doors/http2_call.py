"""One call to a server of this machine that speaks HTTP/2 over TLS and nothing else.

python http2_call.py CERTIFICATE.pem        (key and certificate; SSL_CERT_FILE says that it is trusted)
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded

from rlaif.engines.openai.engine import open_openai
from rlaif.records import GenerateRequest, Message, Sampling

ANSWER = {
    "id": "c-1",
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "warm"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
}


def serve(listening: socket.socket, certificate: str, spoken: list[str | None]) -> None:
    """Answer one connection's calls."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2"])
    with context.wrap_socket(listening.accept()[0], server_side=True) as line:
        spoken.append(line.selected_alpn_protocol())
        speech = H2Connection(config=H2Configuration(client_side=False))
        speech.initiate_connection()
        line.sendall(speech.data_to_send())
        while got := line.recv(65536):
            for event in speech.receive_data(got):
                answer(speech, event)
            line.sendall(speech.data_to_send())


def answer(speech: H2Connection, event: Any) -> None:
    """A completion for each request that is whole."""
    if isinstance(event, DataReceived):
        speech.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
    if isinstance(event, StreamEnded):
        speech.send_headers(event.stream_id, [(":status", "200"), ("content-type", "application/json")])
        speech.send_data(event.stream_id, json.dumps(ANSWER).encode(), end_stream=True)


def main(certificate: str) -> None:
    spoken: list[str | None] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening, certificate, spoken), daemon=True).start()
        rest = f"https://localhost:{listening.getsockname()[1]}/v1?tries=2&wait=0.1#m@1"
        engine = open_openai(f"openai:{rest}", rest, chat_template_kwargs=None)
        turns = (Message(role="user", content="Hi"),)
        requests = [GenerateRequest(id=str(n), messages=turns, sampling=Sampling(), seed=n) for n in range(3)]
        replies = list(engine.generate(requests))
        assert [each.error for each in replies] == [None] * 3, replies
        assert {each.text for each in replies} == {"warm"}
        assert spoken == ["h2"], spoken


if __name__ == "__main__":
    main(sys.argv[1])
