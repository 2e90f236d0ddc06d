"""Drives the official OpenAI SDK; see ../README.md for what goes in and what comes out."""

import json
import os
import sys
import time

import openai

URL = os.environ["TOLLGATE_URL"].rstrip("/") + "/v1"
KEY = os.environ["TOLLGATE_KEY"]
MODEL = os.environ.get("TOLLGATE_MODEL", "demo")
EMBEDDING_MODEL = os.environ.get("TOLLGATE_EMBEDDING_MODEL", "demo")
FORBIDDEN_MODEL = os.environ.get("TOLLGATE_FORBIDDEN_MODEL", "not-for-you")
WRONG_KEY = os.environ.get("TOLLGATE_WRONG_KEY", "sk-wrong")
CALLS = int(os.environ.get("TOLLGATE_CALLS", "10"))
CANCEL_AFTER = int(os.environ.get("TOLLGATE_CANCEL_AFTER", "3"))

HELLO = [{"role": "user", "content": "Say hello."}]
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


class Peer:
    """The SDK's client, and what it sent: hooks of its HTTP client look on, nothing is changed."""

    def __init__(self, key=KEY, **options):
        self.retry_counts = []
        self.statuses = []
        self.times = []
        self.retry_after = None
        hooks = {"request": [self._request], "response": [self._response]}
        http_client = openai.DefaultHttpxClient(event_hooks=hooks)
        self.client = openai.OpenAI(base_url=URL, api_key=key, http_client=http_client, **options)

    def _request(self, request):
        self.retry_counts.append(request.headers.get("x-stainless-retry-count"))
        self.times.append(time.monotonic())

    def _response(self, response):
        self.statuses.append(response.status_code)
        self.retry_after = response.headers.get("retry-after-ms") or self.retry_after

    @property
    def attempts(self):
        return len(self.retry_counts)

    def chat(self, model=MODEL, messages=HELLO, **options):
        return self.client.chat.completions.create(model=model, messages=messages, **options)


def usage_of(usage):
    """The figures of either wire form."""
    if usage is None:
        return None
    figures = usage.model_dump()
    return {
        "input": figures.get("prompt_tokens", figures.get("input_tokens")),
        "output": figures.get("completion_tokens", figures.get("output_tokens")),
        "total": figures["total_tokens"],
    }


def error_of(error):
    """What an application can learn from the SDK's exception."""
    headers = error.response.headers if isinstance(error, openai.APIStatusError) else {}
    return {
        "class": type(error).__name__,
        "status": getattr(error, "status_code", None),
        "code": getattr(error, "code", None),
        "type": getattr(error, "type", None),
        "param": getattr(error, "param", None),
        "message": error.message,
        "request_id": getattr(error, "request_id", None),
        "retry_after": headers.get("retry-after"),
        "should_retry": headers.get("x-should-retry"),
    }


def caught(call):
    """The error that `call` raises, or none."""
    try:
        call()
    except openai.APIError as error:
        return error_of(error)
    return None


def chat(peer):
    answer = peer.chat()
    choice = answer.choices[0]
    return {
        "text": choice.message.content,
        "finish_reason": choice.finish_reason,
        "model": answer.model,
        "usage": usage_of(answer.usage),
        "request_id": answer._request_id,
    }


def stream(peer, **options):
    seen = {"text": "", "pieces": 0, "chunks": 0, "finish_reason": None, "usage": None}
    with peer.chat(stream=True, **options) as chunks:
        seen["request_id"] = chunks.response.headers.get("x-request-id")
        for chunk in chunks:
            seen["chunks"] += 1
            seen["model"] = chunk.model
            seen["usage"] = usage_of(chunk.usage) or seen["usage"]
            for choice in chunk.choices:
                seen["finish_reason"] = choice.finish_reason or seen["finish_reason"]
                if choice.delta.content:
                    seen["text"] += choice.delta.content
                    seen["pieces"] += 1
    return seen


def stream_with_usage(peer):
    return stream(peer, stream_options={"include_usage": True})


def cancel_mid_stream(peer):
    text, pieces = "", 0
    with peer.chat(stream=True) as chunks:
        request_id = chunks.response.headers.get("x-request-id")
        for chunk in chunks:
            for choice in chunk.choices:
                if choice.delta.content:
                    text += choice.delta.content
                    pieces += 1
            if pieces >= CANCEL_AFTER:
                break
    peer.client.close()
    return {"text": text, "pieces": pieces, "request_id": request_id}


def responses(peer):
    answer = peer.client.responses.create(model=MODEL, input="Say hello.")
    return {
        "text": answer.output_text,
        "status": answer.status,
        "usage": usage_of(answer.usage),
        "request_id": answer._request_id,
    }


def responses_stream(peer):
    seen = {"text": "", "status": None, "usage": None, "events": []}
    with peer.client.responses.create(model=MODEL, input="Say hello.", stream=True) as events:
        seen["request_id"] = events.response.headers.get("x-request-id")
        for event in events:
            seen["events"].append(event.type)
            if event.type == "response.output_text.delta":
                seen["text"] += event.delta
            if event.type in ("response.completed", "response.incomplete", "response.failed"):
                seen["status"] = event.response.status
                seen["usage"] = usage_of(event.response.usage)
    return seen


def responses_loop(peer):
    """A model that reasons calls a tool, and what it put out goes back as it came."""
    function = {"type": "function", **TOOL["function"]}
    options = {"model": MODEL, "tools": [function], "reasoning": {"effort": "low"}}
    turns = [{"role": "user", "content": "What is the weather in Oslo?"}]
    seen = {"types": [], "texts": []}
    for _ in range(3):
        answer = peer.client.responses.create(input=turns, **options)
        seen["types"].append([item.type for item in answer.output])
        seen["texts"].append(answer.output_text)
        turns += answer.output
        calls = [item for item in answer.output if item.type == "function_call"]
        for call in calls:
            turns.append(
                {"type": "function_call_output", "call_id": call.call_id, "output": "Rain, 7 °C"}
            )
        if not calls:
            turns.append({"role": "user", "content": "Thank you."})
    return seen


def embeddings(peer):
    answer = peer.client.embeddings.create(model=EMBEDDING_MODEL, input=["one", "two"])
    return {
        "count": len(answer.data),
        "dimensions": len(answer.data[0].embedding),
        "usage": {
            "input": answer.usage.prompt_tokens,
            "output": None,
            "total": answer.usage.total_tokens,
        },
    }


def tool_call(peer):
    messages = [{"role": "user", "content": "What is the weather in Oslo?"}]
    wanted = {"type": "function", "function": {"name": "weather"}}
    first = peer.chat(messages=messages, tools=[TOOL], tool_choice=wanted).choices[0]
    calls = first.message.tool_calls or []
    seen = {"finish_reason": first.finish_reason, "tool": None, "arguments": None, "answer": None}
    if calls:
        seen["tool"] = calls[0].function.name
        seen["arguments"] = json.loads(calls[0].function.arguments)
        messages.append(first.message.model_dump(exclude_none=True))
        for call in calls:
            messages.append({"role": "tool", "tool_call_id": call.id, "content": "Rain, 7 °C"})
        seen["answer"] = peer.chat(messages=messages, tools=[TOOL]).choices[0].message.content
    return seen


def models_list(peer):
    models = [model.id for model in peer.client.models.list()]
    retrieved = peer.client.models.retrieve(models[0]).id if models else None
    return {"models": models, "retrieved": retrieved}


def refused(peer, **options):
    return {"error": caught(lambda: peer.chat(**options))}


def until_refused(peer):
    """Calls until one is refused; `attempts` of that one alone."""
    succeeded, error = 0, None
    while succeeded < CALLS and error is None:
        peer.retry_counts.clear()
        error = caught(peer.chat)
        succeeded += error is None
    return {"succeeded": succeeded, "error": error}


def retries(peer):
    seen = {"text": None, "error": None}
    try:
        seen["text"] = peer.chat().choices[0].message.content
    except openai.APIError as error:
        seen["error"] = error_of(error)
    waited_ms = round((peer.times[-1] - peer.times[0]) * 1000)
    told_ms = peer.retry_after and int(peer.retry_after)
    return seen | {
        "statuses": peer.statuses,
        "retry_counts": peer.retry_counts,
        "waited_ms": waited_ms,
        "told_ms": told_ms,
    }


SCENARIOS = {
    "chat": (chat, Peer),
    "stream": (stream, Peer),
    "stream_with_usage": (stream_with_usage, Peer),
    "cancel_mid_stream": (cancel_mid_stream, Peer),
    "responses": (responses, Peer),
    "responses_stream": (responses_stream, Peer),
    "responses_loop": (responses_loop, Peer),
    "embeddings": (embeddings, Peer),
    "tool_call": (tool_call, Peer),
    "models_list": (models_list, Peer),
    "wrong_key": (refused, lambda: Peer(key=WRONG_KEY)),
    "model_not_allowed": (lambda peer: refused(peer, model=FORBIDDEN_MODEL), Peer),
    "rate_limit": (until_refused, lambda: Peer(max_retries=0)),
    "empty_budget": (until_refused, Peer),
    "retries": (retries, Peer),
}


def main(names):
    for name in names:
        run, make = SCENARIOS[name]
        peer = make()
        seen = run(peer)
        print(json.dumps({"scenario": name, **seen, "attempts": peer.attempts}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
