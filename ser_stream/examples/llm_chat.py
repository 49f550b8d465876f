"""Talks to a language model that reads how you sound: without a framework for voice agents.

    pip install 'ser_stream[asr]'
    llama-server -m MODEL.gguf --port 8080       # or another server with the API of OpenAI
    python -m ser_stream.examples.llm_chat       # the microphone; --input FILE: a recording
    python -m ser_stream.examples.llm_chat --url http://127.0.0.1:11434/v1 --llm llama3.2  # Ollama

Sound is recognised on this computer. Words, and how they sounded, are sent to --url: to this
computer unless you name another one. The environment variable LLM_API_KEY is sent where it is set.
The answer is printed. PocketSphinx gets many words wrong: prefer faster_whisper where its model is
on this computer, or a --grammar.
"""

import argparse
import json
import logging
import os
import sys
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlsplit

from ser_stream import EmotionEstimate, InputError, Recognizer
from ser_stream.asr.base import AsrSettings
from ser_stream.integrations.user_turns import (
    EXPLANATIONS,
    SAY,
    SENTENCE,
    EmotionSettings,
    TurnEmotion,
)

SETTINGS = EmotionSettings(form=SENTENCE, unsure=SAY)
INSTRUCTIONS = f"You are a kind companion. Answer in one sentence. {EXPLANATIONS[SENTENCE]}"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Chat:
    """A conversation with a model behind the API of OpenAI (chat/completions).

    Args:
        url: of the API, such as http://127.0.0.1:8080/v1.
        model: its name there.
    """

    def __init__(self, url: str, model: str, timeout_s: float = 120.0):
        if urlsplit(url).scheme not in ("http", "https"):
            raise InputError(f"--url: found {url}; accepted are http:// and https:// addresses")
        self._url = url.rstrip("/") + "/chat/completions"
        self._model = model
        self._timeout_s = timeout_s
        self._messages = [{"role": "system", "content": INSTRUCTIONS}]
        # A proxy is another computer: what is said to this one must not go there.
        local = urlsplit(url).hostname in LOOPBACK
        proxies = [urllib.request.ProxyHandler({})] if local else []
        self._opener = urllib.request.build_opener(*proxies)

    def ask(self, text: str) -> str:
        """Send what the user said, and return the answer.

        Raises:
            InputError: the server cannot be reached, or its answer is none of that API.
        """
        asked = [*self._messages, {"role": "user", "content": text}]
        body = json.dumps({"model": self._model, "messages": asked}).encode()
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get("LLM_API_KEY"):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self._url, body, headers)
        try:
            with self._opener.open(request, timeout=self._timeout_s) as response:
                answer = str(json.load(response)["choices"][0]["message"]["content"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise InputError(
                f"--url: {self._url} gave no answer ({error}); "
                "needed is a server with the API of OpenAI, such as llama-server or Ollama"
            ) from error
        self._messages = [*asked, {"role": "assistant", "content": answer}]
        return answer


def messages(estimates: Iterator[EmotionEstimate]) -> Iterator[str]:
    """Yield what the user says in each turn, headed by how it sounded."""
    for estimate in estimates:
        # Of a turn whose words come late there is a second estimate, for the words.
        if estimate.trigger == "utterance" and estimate.words:
            emotion = TurnEmotion.of([estimate])
            head = emotion.text(SETTINGS) if emotion else ""
            yield " ".join([head, *(word["text"] for word in estimate.words)]).strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input", metavar="FILE", help="a recording instead of the microphone")
    parser.add_argument("--asr", default="pocketsphinx", choices=["pocketsphinx", "faster_whisper"])
    parser.add_argument("--grammar", default="", help="sentences that PocketSphinx accepts")
    parser.add_argument("--url", default="http://127.0.0.1:8080/v1", help="of the language model")
    parser.add_argument("--llm", default="default", metavar="NAME", help="of the language model")
    arguments = parser.parse_args()
    logging.basicConfig(format="%(message)s")
    try:
        chat = Chat(arguments.url, arguments.llm)
        asr = AsrSettings(arguments.asr, grammar=arguments.grammar)
        with Recognizer(asr=asr) as recognizer:
            recognizer.wait_for_words()
            if not arguments.input:
                print("Listening. Ctrl-C ends.", file=sys.stderr)
            for text in messages(recognizer.stream(arguments.input)):
                print(f"you: {text}", flush=True)
                print(f"llm: {chat.ask(text)}", flush=True)
    except InputError as error:
        print(f"llm_chat: error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
