"""A deterministic stand-in for a loaded llama.cpp model, so that TGWUI's real reply pipeline runs with no LLM.

setup() puts an object whose class is called LlamaServer into shared.model.  TGWUI chooses its code path by class name
(modules/text_generation.py, modules/chat.py), so modules.text_generation.generate_reply -> generate_reply_custom ->
shared.model.generate_with_streaming() is all host code; only the tokens are made up.  No hook of the extension API is
taken, so the extension under test may define any of them (custom_generate_reply included).

Environment:
  FAKE_LLM_REPLY        the reply (default below); '{n}' becomes the number of the generation, '{user}' the last line
  FAKE_LLM_REPLY_FILE   a file with one reply per generation, separated by lines of '---', used in turn
  FAKE_LLM_DELAY        seconds between words (default 0.08)
"""

import os
import re
import time
from pathlib import Path

from modules import shared

params = {"display_name": "Fake LLM", "is_tab": False}

DEFAULT = (
    '*Chiharu looks up and smiles.* "Hello there, you are number {n}!" She pauses for a moment. '
    '"I have been waiting <b>all day</b> & thinking about version 2.5 of the app." Then she waves.'
)
_count = 0


def _reply(prompt):
    global _count
    _count += 1
    f = os.environ.get("FAKE_LLM_REPLY_FILE")
    if f:
        parts = [p.strip() for p in re.split(r"^---$", Path(f).read_text(encoding="utf-8"), flags=re.M)]
        text = parts[(_count - 1) % len(parts)]
    else:
        text = os.environ.get("FAKE_LLM_REPLY", DEFAULT)
    last = (prompt if isinstance(prompt, str) else "").strip().split("\n")[-2:][0]
    return text.replace("{n}", str(_count)).replace("{user}", last)


class LlamaServer:
    last_prompt_token_count = 0
    n_ctx = 8192

    def encode(self, text, add_bos_token=False, **kw):
        return list(range(len(re.findall(r"\S+|\s+", text))))

    def decode(self, ids, **kw):
        return " ".join(map(str, ids))

    def is_multimodal(self):
        return False

    def stop(self):
        pass

    def generate_with_streaming(self, prompt, state):
        self.last_prompt_token_count = len(self.encode(prompt))
        delay = float(os.environ.get("FAKE_LLM_DELAY", "0.08"))
        out = ""
        for word in re.findall(r"\S+\s*", _reply(prompt)):
            if shared.stop_everything or (state.get("stop_event") and state["stop_event"].is_set()):
                break
            time.sleep(delay)
            out += word
            yield out

    def generate(self, prompt, state):
        out = ""
        for text in self.generate_with_streaming(prompt, state):
            out = text
        return out


def setup():
    shared.model = shared.tokenizer = LlamaServer()
    shared.model_name = "fake-llm"
    shared.args.loader = "llama.cpp"
    shared.settings["truncation_length"] = 8192
