"""The official Python client against a running gateway: OPENAI_BASE_URL and OPENAI_API_KEY say where and as whom.

Each check prints its name; the last line counts them. A failed assertion ends the run with a traceback.
"""

import asyncio
import json
import os
import time
import urllib.request

import openai
from pydantic import BaseModel

BASE_URL = os.environ["OPENAI_BASE_URL"]
client = openai.OpenAI(max_retries=0)
ask = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Name a harbour town."}]


class Town(BaseModel):
    name: str
    inhabitants: int


def models():
    listed = {model.id for model in client.models.list()}
    assert "gpt-6-luna" in listed, listed
    assert client.models.retrieve("gpt-6-luna").owned_by == "openai"


def sync():
    answer = client.chat.completions.create(
        model="auto", messages=ask, max_completion_tokens=900, reasoning_effort="low", temperature=0.2
    )
    assert answer.object == "chat.completion" and answer.choices[0].message.content, answer
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    assert abs(answer.created - time.time()) < 60


def stream():
    chunks = list(
        client.chat.completions.create(
            model="nano", messages=ask, stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert len(chunks) > 4 and len(text) > 20, chunks
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage.total_tokens > 0 and chunks[-1].choices == []
    assert len({chunk.id for chunk in chunks}) == 1


def structured():
    answer = client.chat.completions.parse(model="mini", messages=ask, response_format=Town)
    assert isinstance(answer.choices[0].message.parsed, Town), answer


def structured_stream():
    with client.chat.completions.stream(model="mini", messages=ask, response_format=Town) as events:
        for _ in events:
            pass
        answer = events.get_final_completion()
    assert isinstance(answer.choices[0].message.parsed, Town), answer


def tools():
    tool = {
        "type": "function",
        "function": {"name": "weather", "parameters": {"type": "object", "properties": {"town": {"type": "string"}}}},
    }
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"town":"Rotterdam"}'}}
    messages = [
        *ask,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Rain."},
    ]
    answer = client.chat.completions.create(model="mini", messages=messages, tools=[tool], tool_choice="auto")
    assert answer.choices[0].finish_reason in ("stop", "tool_calls")


def embeddings():
    answer = client.embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    assert [len(row.embedding) for row in answer.data] == [1536, 1536]
    plain = client.embeddings.create(model="text-embedding-3-small", input="one", encoding_format="float")
    assert max(abs(a - b) for a, b in zip(plain.data[0].embedding, answer.data[0].embedding)) < 1e-6


def refused(kind, code, make):
    try:
        make()
    except kind as error:
        assert error.code == code, (error.code, code)
        return error
    raise AssertionError(f"{code} was not raised")


def errors():
    create = client.chat.completions.create
    error = refused(openai.BadRequestError, "invalid_field", lambda: create(model="auto", messages=ask, n=2))
    assert error.param == "n"
    refused(openai.NotFoundError, "model_not_found", lambda: client.models.retrieve("gpt-9"))
    refused(openai.BadRequestError, "unknown_model", lambda: create(model="gpt-9", messages=ask))
    refused(openai.BadRequestError, "unknown_model", lambda: create(model="gpt-9", messages=ask, stream=True))
    stranger = openai.OpenAI(api_key="nobody", max_retries=0)
    refused(openai.AuthenticationError, "unauthenticated", lambda: stranger.models.list())


def budget():
    request = urllib.request.Request(
        BASE_URL.removesuffix("/v1") + "/v1/budgets/demo",
        headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
    )
    return json.load(urllib.request.urlopen(request))


def cancellation():
    chunks = client.chat.completions.create(model="full", messages=ask, stream=True)
    next(iter(chunks))
    chunks.close()
    until = time.time() + 20
    while budget()["today_reserved"] > 0:
        assert time.time() < until, "the hold of a cancelled stream was not released"
        time.sleep(0.05)


async def concurrent():
    async with openai.AsyncOpenAI(max_retries=0) as many:
        asked = [many.chat.completions.create(model="nano", messages=ask) for _ in range(20)]
        answers = await asyncio.gather(*asked)
    assert len({answer.id for answer in answers}) == 20


CHECKS = [models, sync, stream, structured, structured_stream, tools, embeddings, errors, cancellation]

if __name__ == "__main__":
    for check in CHECKS:
        check()
        print("ok", check.__name__)
    asyncio.run(concurrent())
    print("ok concurrent")
    print(f"{len(CHECKS) + 1} checks passed")
