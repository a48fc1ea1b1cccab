"""Prompt in, text out: the same text as transformers' greedy, of a checkpoint with a tokenizer."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import SMALL, Case

from kl.tools.kl import main

pytestmark = [
    pytest.mark.skipif(
        any(find_spec(name) is None for name in ("torch", "transformers", "tokenizers")),
        reason="transformers is the oracle: the extra `oracle`, or `make oracle`",
    ),
    pytest.mark.filterwarnings("ignore"),  # of torch and transformers
]

SENTENCES = [
    "the quick brown fox jumps over the lazy dog",
    "the dog was quick, the fox was brown — naïve, isn't it? 你好",
]
PROMPTS = ["the fox", "naïve 你", "a"]
VOCABULARY, STEPS = 300, 12
CASE = Case("llama story", "llama", {**SMALL, "vocab_size": VOCABULARY, "bos_token_id": 0, "eos_token_id": 1})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model in f32, as transformers saves it, with a tokenizer of byte pairs."""
    import judge
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    made = judge.save_model(CASE, "f32", tmp_path_factory.mktemp("model"))
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    tokenizer.save(str(made / "tokenizer.json"))
    return made


def theirs(folder: Path, prompt: str, **options: Any) -> tuple[list[int], list[int], str]:
    """The tokens of a prompt, those that transformers makes behind it, and the text of these."""
    import torch
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    given = tokenizer(prompt, return_tensors="pt", return_token_type_ids=False)
    (whole,) = model.generate(**given, do_sample=False, max_new_tokens=STEPS, **options).tolist()
    count = given["input_ids"].shape[1]
    text, before = (tokenizer.decode(one, skip_special_tokens=True) for one in (whole, whole[:count]))
    return whole[:count], whole[count:], text[len(before.rstrip("\ufffd")) :]


def ours(capsys: pytest.CaptureFixture[str], folder: Path, prompt: str) -> Any:
    capsys.readouterr()
    assert main(["run", str(folder), "--prompt", prompt, "--steps", str(STEPS), "--json"]) == 0
    return json.loads(capsys.readouterr().out)["prompts"][0]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_text_is_that_of_transformers(
    prompt: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given, made, text = theirs(folder, prompt)
    found = ours(capsys, folder, prompt)
    assert (found["given"], found["made"], found["text"]) == (given, made, text)
    assert len(set(made)) > 4, "a text that says nothing shows nothing"
    capsys.readouterr()
    assert main(["run", str(folder), "--prompt", prompt, "--steps", str(STEPS)]) == 0
    assert capsys.readouterr().out == f"{text}\n"


def test_it_ends_where_that_of_transformers_does(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, whole, _ = theirs(folder, PROMPTS[0])
    path = folder / "generation_config.json"
    before = path.read_text()
    ends = [whole[5], whole[3]]
    path.write_text(json.dumps(json.loads(before) | {"eos_token_id": ends}))
    try:
        _, made, text = theirs(folder, PROMPTS[0])
        found = ours(capsys, folder, PROMPTS[0])
    finally:
        path.write_text(before)
    assert found["made"] == made
    assert found["text"] == text
    assert len(made) < len(whole)
    assert found["stop"] == made[-1]


@pytest.mark.parametrize("options", [(0.7, None, None), (1.3, 20, None), (1.0, None, 0.8), (1.5, 50, 0.6)])
def test_tokens_are_as_probable_as_those_of_transformers(
    options: tuple[float, int | None, float | None],
) -> None:
    """Evenly spread numbers draw each token as often as its probability says, and no other."""
    from kl.backends.numerics_sampling import drawn_column

    temperature, top_k, top_p = options
    logits = np.random.default_rng(3).normal(size=200) * 2
    found = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    attributes = {name: value for name, value in found.items() if value is not None}
    count = 4000
    drawn = [drawn_column(logits, (number + 0.5) / count, attributes) for number in range(count)]
    shares = np.bincount(drawn, minlength=len(logits)) / count
    assert np.abs(shares - _probabilities(logits, temperature, top_k, top_p)).max() <= 1.01 / count


def _probabilities(logits: Any, temperature: float, top_k: int | None, top_p: float | None) -> Any:
    """By the warpers of transformers, in the order in which it runs them."""
    import torch
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    warpers: list[Any] = [TemperatureLogitsWarper(temperature)]
    warpers += [] if top_k is None else [TopKLogitsWarper(top_k)]
    warpers += [] if top_p is None else [TopPLogitsWarper(top_p)]
    scores = torch.tensor(logits)[None]
    for warper in warpers:
        scores = warper(None, scores)
    return torch.softmax(scores[0], dim=-1).numpy()
