"""`kl run` behind a prompt: tokens are fed, text comes out, rows end, and what cannot be is said."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from published_text import VOCABULARY, write_config, write_tokenizer

import kl
from kl.tools.kl import main
from kl.tools.prompts import Prompt
from kl.tools.tokenizer import Continued, Tokenizer

pytest.importorskip("tokenizers")

ROOT = Path(__file__).parents[2]
TINY = str(ROOT / "examples" / "llama3_tiny.kl")
MINI = str(ROOT / "examples" / "mini.kl")
TEXT = "the fox"

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published model with a tokenizer."""
    made = tmp_path_factory.mktemp("model")
    write_config(made)
    write_tokenizer(made)
    return made


def document(capsys: Capture, *arguments: str) -> Any:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def printed(capsys: Capture, *arguments: str) -> str:
    capsys.readouterr()
    assert main([*arguments]) == 0
    return capsys.readouterr().out


def refused(capsys: Capture, *arguments: str) -> str:
    capsys.readouterr()
    assert main([*arguments]) == 1
    return capsys.readouterr().err


def test_a_text_goes_on_as_its_tokens_do(folder: Path, capsys: Capture) -> None:
    library = Tokenizer.of(folder / "tokenizer.json")
    given = library.tokens(TEXT)
    assert given[0] == 0, "the post-processor puts a token before it"
    found = document(capsys, "run", str(folder), "--prompt", TEXT, "--steps", "5", "--check")
    (row,) = found["prompts"]
    assert row["given"] == [*given]
    assert row["prompt"] == TEXT
    assert len(row["made"]) == 5
    assert row["text"] == library.text([*given, *row["made"]])[len(TEXT) :]
    assert found["check"]["equal"]
    assert len(found["steps"]) == len(given) - 1 + 5
    fed = [step["inputs"]["token"]["values"][0] for step in found["steps"]]
    assert fed == [*given, *row["made"][:-1]]

    ids = ",".join(map(str, given))
    again = document(capsys, "run", str(folder), "--tokens", ids, "--steps", "5")["prompts"]
    assert again == [row | {"prompt": None, "text": None}]
    assert printed(capsys, "run", str(folder), "--prompt", TEXT, "--steps", "5") == f"{row['text']}\n"
    shown = ",".join(map(str, row["made"]))
    assert printed(capsys, "run", str(folder), "--tokens", ids, "--steps", "5") == f"{shown}\n"


@pytest.mark.parametrize("files", ["config", "generation"])
def test_a_row_ends_at_the_token_of_the_config(
    files: str, folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    whole = document(capsys, "run", str(folder), "--prompt", TEXT, "--steps", "8")["prompts"][0]["made"]
    end = whole[2]
    first = whole.index(end)
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    if files == "config":
        write_config(tmp_path, eos_token_id=end)
    else:  # it wins over the config
        write_config(tmp_path, eos_token_id=whole[0])
        (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [VOCABULARY + 1, end]}))
    found = document(capsys, "run", str(tmp_path), "--prompt", TEXT, "--steps", "8")
    assert found["prompts"][0]["made"] == whole[: first + 1]
    assert found["prompts"][0]["stop"] == end


def test_rows_of_a_batch_go_on_by_themselves(folder: Path, capsys: Capture) -> None:
    texts = ["the fox", "the dog"]
    alone = [
        document(capsys, "run", str(folder), "--prompt", one, "--steps", "4")["prompts"][0] for one in texts
    ]
    both = ["--prompt", texts[0], "--prompt", texts[1], "--param", "batch=2", "--steps", "4"]
    assert document(capsys, "run", str(folder), *both)["prompts"] == alone
    lines = [f"row {number}: {one['text']}\n" for number, one in enumerate(alone)]
    assert printed(capsys, "run", str(folder), *both) == "".join(lines)


def test_one_token_may_begin_calls_of_several_steps(capsys: Capture) -> None:
    single = printed(capsys, "run", TINY, "--tokens", "3", "--steps", "4")
    assert printed(capsys, "run", TINY, "--tokens", "3", "--steps", "4", "--steps-per-call", "2") == single
    made = [int(token) for token in single.split(",")]
    stop = ["--steps-per-call", "4", "--stop-token", str(made[1])]
    found = document(capsys, "run", TINY, "--tokens", "3", "--steps", "4", *stop)["prompts"]
    assert [(one["made"], one["stop"]) for one in found] == [(made[:2], made[1])]


def test_the_functions_of_python_take_the_same(folder: Path, capsys: Capture) -> None:
    compiled = kl.compile(folder)
    said = document(capsys, "run", str(folder), "--prompt", TEXT, "--steps", "3")["prompts"][0]
    found = compiled.run(prompt=TEXT, steps=3)
    assert found.text == said["text"]
    assert [*map(list, found.made)] == [said["made"]]
    for tokens in (said["given"], [said["given"]]):
        other = compiled.run(tokens=tokens, steps=3)
        assert other.made == found.made
        assert other.text is None
    with pytest.raises(kl.Error, match="it takes integers, or integers for each row"):
        compiled.run(tokens=[1.5])  # type: ignore[list-item]


@pytest.mark.parametrize("text", ["naïve — 你好", "é", "x"])
def test_text_grows_by_whole_characters(text: str, folder: Path) -> None:
    tokenizer = Tokenizer.of(folder / "tokenizer.json")
    prompt, made = tokenizer.tokens("the"), tokenizer.tokens(text)[1:]
    grown = Continued(tokenizer, prompt)
    pieces = [grown.add(token) for token in made]
    assert "".join(pieces) == grown.text == text
    assert not any("\ufffd" in piece for piece in pieces)
    assert grown.end() == ""


def test_a_character_that_is_never_whole_is_shown_as_such(folder: Path) -> None:
    tokenizer = Tokenizer.of(folder / "tokenizer.json")
    prompt, made = tokenizer.tokens("a"), tokenizer.tokens("你")[1:]
    grown = Continued(tokenizer, prompt)
    assert [grown.add(token) for token in made[:-1]] == [""] * (len(made) - 1)
    assert grown.end() == "\ufffd"
    rest = Continued(tokenizer, [*prompt, *made[:-1]])
    assert rest.add(made[-1]) == "你", "it was not whole in the prompt"


class Spaced:
    """A tokenizer that takes back the spaces before a stop."""

    words = ("so", "it is ", ".")

    def text(self, tokens: Sequence[int]) -> str:
        return " ".join(self.words[token] for token in tokens).replace("  .", ".")


def test_the_text_is_that_of_all_tokens_at_once() -> None:
    tokenizer: Any = Spaced()
    grown = Continued(tokenizer, [0])
    assert [grown.add(1), grown.add(2), grown.end()] == [" it is ", "", ""]
    assert grown.text == " it is."


REFUSED = {
    "both": (["--prompt", "a", "--tokens", "1"], "--prompt and --tokens are both given"),
    "no number": (["--tokens", "1,b"], "--tokens 1,b: 'b' is no token"),
    "nothing": (["--tokens", ""], "'' is no token"),
    "unknown": (["--tokens", "1,999"], "the prompt has the token 999; {folder} has the tokens 0 to 279"),
    "lengths": (["--tokens", "1,2", "--tokens", "3"], "the prompts have 2, 1 tokens"),
    "rows": (["--tokens", "1", "--tokens", "3"], "--tokens says 2 of the rows of the batch, which are 1"),
    "room": (
        ["--tokens", "1,2,3", "--steps", "63"],
        "the prompt has 3 tokens, and 63 are to be made: 65 steps, and {name} has room for 64 positions",
    ),
    "calls": (["--tokens", "1,2", "--steps-per-call", "2"], "a call makes 2 steps"),
    "ends": (
        ["--tokens", "5", "--steps", "2", "--steps-per-call", "2", "--stop-token", "5"],
        "a prompt ends in 5, at which --stop-token ends rows",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_said(name: str, folder: Path, capsys: Capture) -> None:
    arguments, message = REFUSED[name]
    said = refused(capsys, "run", str(folder), *arguments)
    assert message.format(folder=folder, name=folder.name) in said
    assert "help: " in said


def test_other_models_take_no_prompt(capsys: Capture) -> None:
    assert "a step takes x, a tensor<1x64xbf16>" in refused(capsys, "run", MINI, "--tokens", "1")
    assert "there is no tokenizer.json in" in refused(capsys, "run", TINY, "--prompt", "a")
    said = refused(capsys, "run", "llama3_tiny", "--prompt", "a")
    assert "there is no tokenizer.json as the model is in no folder" in said


def test_files_of_another_folder_end_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    made = document(capsys, "run", "llama3_tiny", "--tokens", "3", "--steps", "2")["prompts"][0]["made"]
    write_config(tmp_path, eos_token_id=made[0])
    monkeypatch.chdir(tmp_path)
    found = document(capsys, "run", "llama3_tiny", "--tokens", "3", "--steps", "2")["prompts"][0]
    assert (found["made"], found["stop"]) == (made, None)


def test_bytes_that_are_no_text_are_said(folder: Path, capsys: Capture) -> None:
    said = refused(capsys, "run", str(folder), "--prompt", "a\udce4b")
    assert "is no Unicode text" in said


@pytest.mark.parametrize("value", ['"2"', "[1,null]", "true", "-1"])
def test_a_wrong_end_is_said(value: str, tmp_path: Path, capsys: Capture) -> None:
    write_config(tmp_path)
    (tmp_path / "generation_config.json").write_text(f'{{"eos_token_id": {value}}}')
    said = refused(capsys, "run", str(tmp_path), "--tokens", "1")
    assert f"generation_config.json: eos_token_id is {value}" in said


def test_a_wrong_tokenizer_is_said(tmp_path: Path, capsys: Capture) -> None:
    write_config(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    assert "tokenizer.json is no tokenizer: " in refused(capsys, "run", str(tmp_path), "--prompt", "a")


def test_an_empty_text_without_a_token_before_it_is_said(tmp_path: Path, capsys: Capture) -> None:
    write_config(tmp_path)
    library = write_tokenizer(tmp_path)
    library.post_processor = None
    library.save(str(tmp_path / "tokenizer.json"))
    said = refused(capsys, "run", str(tmp_path), "--prompt", "")
    assert "the prompt '' has no tokens" in said


def test_without_the_library_the_way_out_is_said(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    said = refused(capsys, "run", str(folder), "--prompt", "a")
    assert "tokenizers is not installed" in said
    assert "pip install 'kernel-looping[tokenizer]'" in said


def test_a_prompt_is_neither_cut_nor_padded(tmp_path: Path) -> None:
    library = write_tokenizer(tmp_path)
    library.enable_truncation(2)
    library.enable_padding(length=40)
    library.save(str(tmp_path / "tokenizer.json"))
    assert (
        Tokenizer.of(tmp_path / "tokenizer.json").text(Tokenizer.of(tmp_path / "tokenizer.json").tokens(TEXT))
        == TEXT
    )


def test_the_steps_of_a_prompt() -> None:
    prompt = Prompt(((1, 2, 3), (4, 5, 6)), (None, None), frozenset(), None)
    assert prompt.steps(4, 1) == 6
    assert [one["t"].tolist() for one in prompt.given("t")] == [[1, 4], [2, 5], [3, 6]]
