import contextlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from ganlib.cli import main
from ganlib.errors import GanlibError
from ganlib.latent.sampling import load_latent
from ganlib.recipes import Recipe, get_recipe
from ganlib.run import Run
from ganlib.show.runs import find_run, find_runs
from ganlib.weights import kimg_of, load, load_generator, save_generator


def row(step, /, **changes):
    return {"step": step, "kimg": step / 10, "seconds": 1.0} | changes


@pytest.fixture
def run(tmp_path, recipe):
    run = Run(tmp_path / "run")
    run.start(recipe)
    return run


def test_a_generator_comes_back_as_it_went(run, recipe):
    generator = recipe.generator()
    save_generator(generator, run.recipe(), 1.5, run.generator_file)
    loaded, same_recipe = load_generator(run.folder)
    assert same_recipe == recipe
    assert not loaded.training
    for name, tensor in generator.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name])


def test_the_weights_file_needs_no_other(run, recipe, tmp_path):
    save_generator(recipe.generator(), run.recipe(), 1.5, run.generator_file)
    alone = run.generator_file.rename(tmp_path / "alone.safetensors")
    assert load_generator(alone)[1] == recipe
    with safe_open(alone, framework="pt") as file:
        assert file.metadata()["kimg"] == "1.500"


def test_half_precision_on_disk_is_fp32_in_memory(recipe, tmp_path):
    generator = recipe.generator()
    save_generator(generator, recipe, 1.0, tmp_path / "half.safetensors", torch.float16)
    loaded, _ = load_generator(tmp_path / "half.safetensors")
    weight = loaded.main[0].weight
    assert weight.dtype == torch.float32
    assert torch.equal(weight, generator.main[0].weight.half().float())


def test_a_run_folder_of_another_recipe_is_left_alone(run, recipe):
    before = run.recipe_file.read_bytes()
    with pytest.raises(GanlibError, match="its width is 4, not 8"):
        run.start(replace(recipe, width=8))
    assert run.recipe_file.read_bytes() == before
    run.start(replace(recipe, name="renamed", about="reworded", epochs=7.0))
    assert run.recipe_file.read_bytes() == before


def test_a_lost_checkpoint_does_not_cost_the_generator(run, recipe):
    save_generator(recipe.generator(), run.recipe(), 1.0, run.generator_file)
    with pytest.raises(GanlibError, match=r"no checkpoint\.pt"):
        run.check(recipe)


def test_a_damaged_log_is_a_sentence(run):
    run.log_file.write_text('{"step": 1}\n{"step"\n{"step": 3}\n')
    with pytest.raises(GanlibError, match="damaged"):
        run.log()


def test_a_folder_of_the_same_name_does_not_hide_bundled_weights(tmp_path, monkeypatch):
    (tmp_path / "portraits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_generator("portraits")[1].size == 64


def test_a_truncated_weights_file_is_a_sentence(run, recipe):
    save_generator(recipe.generator(), run.recipe(), 1.0, run.generator_file)
    whole = run.generator_file.read_bytes()
    for length in (0, 4, 100, len(whole) // 2, len(whole) - 1):
        run.generator_file.write_bytes(whole[:length])
        with pytest.raises(GanlibError, match="damaged or cut short"):
            load_generator(run.folder)


def test_weights_that_do_not_fit_their_recipe_are_refused(tmp_path, recipe):
    weights = {"main.0.weight": torch.zeros(2, 2)}
    path = tmp_path / "odd.safetensors"
    save_file(weights, path, {"recipe": json.dumps(recipe.to_json())})
    with pytest.raises(GanlibError, match="does not hold the weights"):
        load_generator(path)
    save_file(weights, path, {"recipe": "5"})
    with pytest.raises(GanlibError, match="damaged"):
        load_generator(path)
    save_file(weights, path)
    with pytest.raises(GanlibError, match="names no recipe"):
        load_generator(path)


def test_a_missing_generator_is_a_sentence(run, tmp_path):
    with pytest.raises(GanlibError, match="train there first"):
        load_generator(run.folder)
    with pytest.raises(GanlibError, match="bundled ones are: patchwork, portraits"):
        load_generator("no-such-model")
    with pytest.raises(GanlibError, match="no run folder"):
        Run(tmp_path).recipe()


def test_a_damaged_recipe_is_a_sentence(run):
    run.recipe_file.write_text("{")
    with pytest.raises(GanlibError, match="damaged"):
        run.recipe()


def test_the_log_forgets_what_will_be_done_again(run):
    for step in (1, 2, 3):
        run.append_log(row(step))
        run.sample_file(step).write_bytes(b"")
    with run.log_file.open("a") as file:
        file.write('{"step": 4')  # a line that a crash cut short
    run.forget_after(2)
    assert run.log() == [row(1), row(2)]
    assert [path.name for path in run.samples()] == ["000001.png", "000002.png"]


def test_samples_are_in_the_order_of_steps(run):
    for step in (1_000_000, 999_999, 5):
        run.sample_file(step).write_bytes(b"")
    assert [int(path.stem) for path in run.samples()] == [5, 999_999, 1_000_000]


def test_a_run_may_be_named_by_text(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert Run(str(tmp_path / "run")).folder == Run(tmp_path / "run").folder == Run("~/run").folder
    assert Run("runs/first").recipe_file == Path("runs/first/recipe.json")


def test_a_damaged_tail_of_the_log_is_forgotten_and_a_damaged_middle_named(run):
    first, second, fourth = (json.dumps(row(step)) + "\n" for step in (1, 2, 4))
    run.log_file.write_text(first + second + '\0\0\n{"st\n' + fourth)  # what a power cut may leave
    run.forget_after(2)
    assert run.log_file.read_text() == first + second
    run.log_file.write_text(f"{first}[]\n{second}")
    with pytest.raises(GanlibError, match="damaged in line 2"):
        run.forget_after(2)
    run.forget_after(1)
    assert run.log() == [row(1)]


def test_a_row_of_the_log_can_be_read_at_once(run):
    run.append_log({"step": 1})
    assert run.log_file.read_bytes() == b'{"step": 1}\n'


def test_two_processes_do_not_train_in_one_folder(run):
    code = f"""
from ganlib.errors import GanlibError
from ganlib.run import Run
from ganlib.weights import save_generator
try:
    with Run({str(run.folder)!r}).held():
        print("held")
except GanlibError as error:
    print(error)
"""

    def other():
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    with run.held():
        assert "Another process is training" in other()
    assert other() == "held\n"


def test_a_file_system_without_locks_does_not_stop_training(run, monkeypatch):
    def none(self, **_):
        raise NotImplementedError("no locks here")

    monkeypatch.setattr("filelock.FileLock.acquire", none)
    with run.held():
        pass


def test_what_a_killed_process_left_half_written_is_removed(run, recipe):
    part = run.samples_folder / ".000001.part.png"
    mine = run.folder / "notes.part.txt"
    for path in (part, mine):
        path.write_text("half")
    run.start(recipe)
    assert not part.exists()
    assert mine.exists()


def test_no_weight_is_read_before_all_shapes_are_checked(tmp_path, recipe, monkeypatch):
    """A recipe that claims a huge net, and a file that holds a small one, cost no memory."""
    huge = replace(recipe, size=512, width=128, latent_dim=1024)
    weights = {name: tensor.contiguous() for name, tensor in recipe.generator().state_dict().items()}
    path = tmp_path / "claims.safetensors"
    save_file(weights, path, {"recipe": json.dumps(huge.to_json())})
    monkeypatch.setattr("torch.nn.Module.load_state_dict", None)
    with pytest.raises(GanlibError, match="does not hold the weights"):
        load_generator(path)


BROKEN_ROWS = {
    "no kimg": {"kimg": None},
    "text for kimg": {"kimg": "x"},
    "no seconds": {"seconds": None},
    "half a warning": {"warnings": [{"a": 1}]},
    "a list for a loss": {"d_loss": [1]},
    "a number beyond all": {"d_loss": 10**400},
    "a loss beyond fp32": {"g_loss": 1e300},
    "a step below zero": {"step": -1},
    "a step beyond all": {"step": 2**70},
    "endless kimg": {"kimg": float("inf")},
}


@pytest.mark.parametrize("changes", BROKEN_ROWS.values(), ids=BROKEN_ROWS)
def test_a_row_of_another_shape_is_a_sentence_that_names_the_line(run, changes):
    lines = [json.dumps(row(step, **(changes if step == 2 else {}))) for step in (1, 2, 3)]
    run.log_file.write_text("\n".join(lines) + "\n")
    for read in (run.log, lambda: run.forget_after(5)):
        with pytest.raises(GanlibError, match=r"log\.jsonl' is damaged in line 2: mend or remove it"):
            read()
    assert len(run.log_file.read_text().splitlines()) == 3


def test_a_row_nested_without_end_is_a_sentence(run):
    run.log_file.write_text(json.dumps(row(1)) + "\n" + '{"step": 2, "x": ' + "[" * 100_000 + "\n")
    with pytest.raises(GanlibError, match="damaged in line 2"):
        run.log()


def test_a_row_may_have_columns_of_a_later_version_and_lack_those_of_this(run):
    run.log_file.write_text(json.dumps(row(1, later={"a": [1]})) + "\n")
    run.forget_after(1)
    assert run.log() == [row(1)]
    assert "later" in run.log_file.read_text()


def test_what_is_no_number_is_null_in_a_log_also_in_one_of_an_older_version(run):
    run.append_log(row(1, d_loss=float("nan"), kid_with="was: NaN, and -Infinity"))
    assert "NaN," not in run.log_file.read_text().partition("kid_with")[0]
    run.log_file.write_text(json.dumps(row(1, d_loss=float("nan"), g_loss=-float("inf"), score=0.5)) + "\n")
    assert run.log() == [row(1, d_loss=None, g_loss=None, score=0.5)]


def test_a_log_that_is_no_file_is_a_sentence(run):
    run.log_file.mkdir()
    with pytest.raises(GanlibError, match="no file but a folder"):
        run.log()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such pipes")
@pytest.mark.parametrize(
    "name", ["log.jsonl", "recipe.json", "checkpoint.pt", "generator.safetensors", "z.json"]
)
def test_a_pipe_is_never_waited_for(run, recipe, name):
    (run.folder / name).unlink(missing_ok=True)
    os.mkfifo(run.folder / name)
    for read in (run.log, run.recipe, lambda: load_generator(run.folder), lambda: run.check(recipe)):
        with contextlib.suppress(GanlibError):
            read()
    assert run.checkpoints == []
    with pytest.raises(GanlibError):
        load_latent(run.folder / name, recipe.generator())


def test_strays_among_the_samples_are_left_alone(run):
    run.sample_file(3).write_bytes(b"")
    for name in ("12x.png", "notes.png", "².png"):
        (run.samples_folder / name).write_bytes(b"")
    assert run.samples() == [run.sample_file(3)]


def test_equal_weights_are_equal_files_in_every_process(run, tmp_path):
    code = f"""
import torch
from ganlib.run import Run
from ganlib.weights import save_generator
run = Run({str(run.folder)!r})
torch.manual_seed(0)
save_generator(run.recipe().generator(), run.recipe(), 1.5, run.generator_file)
"""
    contents = set()
    for _ in range(3):
        subprocess.run([sys.executable, "-c", code], check=True)
        contents.add(run.generator_file.read_bytes())
    assert len(contents) == 1
    content = contents.pop()
    assert int.from_bytes(content[:8], "little") % 8 == 0
    with safe_open(run.generator_file, framework="pt") as file:
        assert list(file.metadata()) and json.loads(file.metadata()["recipe"]) == json.loads(
            run.recipe_file.read_text()
        )


def with_weight(recipe, change):
    """The generator's weights, the first of them changed."""
    weights = {name: tensor.contiguous() for name, tensor in recipe.generator().state_dict().items()}
    return weights | {"main.0.weight": change(weights["main.0.weight"])}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.to(torch.float8_e4m3fn), "holds weights in F8_E4M3"),
        (lambda w: w.to(torch.float8_e5m2), "holds weights in F8_E5M2"),
        (lambda w: w.to(torch.complex64), "holds weights in C64"),
        (lambda w: w.bool(), "holds weights in BOOL"),
        (lambda w: w.int(), "holds weights in I32"),
        (lambda w: w.double(), "holds weights in F64"),
        (lambda w: torch.full_like(w, float("nan")), "no numbers"),
        (lambda w: torch.full_like(w.half(), float("inf")), "no numbers"),
    ],
)
def test_weights_of_another_type_or_no_numbers_are_refused(tmp_path, recipe, change, message):
    path = tmp_path / "odd.safetensors"
    save_file(with_weight(recipe, change), path, {"recipe": json.dumps(recipe.to_json())})
    with pytest.raises(GanlibError, match=message):
        load_generator(path)


def test_four_bits_a_weight_are_refused_by_name(tmp_path, recipe):
    path = tmp_path / "f4.safetensors"
    save_file(with_weight(recipe, lambda w: w), path, {"recipe": json.dumps(recipe.to_json())})
    content = path.read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    head = json.loads(content[8:begin])
    one = head["main.0.weight"]
    start, end = one["data_offsets"]
    removed = (end - start) - (end - start) // 8  # a weight of four bytes becomes half a byte
    for name, entry in head.items():
        if name != "__metadata__" and entry["data_offsets"][0] >= end:
            entry["data_offsets"] = [place - removed for place in entry["data_offsets"]]
    head["main.0.weight"] = {**one, "dtype": "F4", "data_offsets": [start, end - removed]}
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    rest = content[begin : begin + end - removed] + content[begin + end :]
    path.write_bytes(len(text).to_bytes(8, "little") + text + rest)
    with pytest.raises(GanlibError, match="holds weights in F4"):
        load_generator(path)


@pytest.mark.parametrize("kimg", ["nan", "inf", "-1", "1e999", "x", "9" * 400, "[" * 100_000])
def test_an_age_that_is_none_is_a_sentence(tmp_path, kimg):
    path = tmp_path / "odd.safetensors"
    save_file({"a": torch.zeros(1)}, path, {"kimg": kimg})
    with pytest.raises(GanlibError, match="damaged"):
        kimg_of(path)


RECIPES = {
    "a number beyond all": '{"name": "x", "g_lr": 1' + "0" * 400 + "}",
    "a width beyond all": '{"name": "x", "width": 1' + "0" * 400 + "}",
    "numbers beyond all": '{"name": "x", "betas": [1' + "0" * 400 + ", 0.5]}",
    "a bomb of brackets": '{"name": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "a list of lists": '{"name": "x", "betas": [[0.5], [0.5]]}',
    "an object": '{"name": {"a": 1}}',
    "a huge size": '{"name": "x", "size": 1099511627776}',
    "huge nets": '{"name": "x", "size": 512, "width": 1024, "latent_dim": 4096}',
    "steps without end": '{"name": "x", "d_steps": 1' + "0" * 350 + "}",
    "endless": '{"name": "x", "epochs": 1e999}',
}


@pytest.mark.parametrize("text", RECIPES.values(), ids=RECIPES)
def test_a_hostile_recipe_is_a_sentence_wherever_it_stands(run, tmp_path, text):
    run.recipe_file.write_text(text)
    file = tmp_path / "mine.json"
    file.write_text(text)
    weights = tmp_path / "odd.safetensors"
    save_file({"a": torch.zeros(1)}, weights, {"recipe": text})
    shared = tmp_path / "share"
    shared.mkdir()
    save_file({"a": torch.zeros(1)}, shared / "model.safetensors")
    (shared / "config.json").write_text(f'{{"recipe": {text}}}')
    for read in (
        run.recipe,
        lambda: get_recipe(file),
        lambda: load_generator(weights),
        lambda: load_generator(shared),
    ):
        with pytest.raises(GanlibError):
            read()


def test_the_largest_nets_of_a_recipe_of_a_few_bytes_fit_a_small_machine():
    """In weights: the moments of Adam and the average take as much again, three times over."""
    for family, norm in (("dcgan", "batch"), ("excited", "batch"), ("residual", "none"), ("resize", "batch")):
        d_norm = "none" if family == "residual" else "batch"
        names = {"family": family, "g_norm": norm, "d_norm": d_norm, "init": "default"}
        for size, width in ((32, 256), (64, 256), (256, 256), (512, 128)):
            with torch.device("meta"):
                recipe = Recipe("x", size=size, width=width, latent_dim=1024, **names)
                nets = recipe.generator(), recipe.discriminator()
            assert sum(weight.numel() for net in nets for weight in net.parameters()) < 0.5e9
    with pytest.raises(GanlibError, match="set width to 128 or less"):
        Recipe("x", size=512, width=129)


NAMES = ["n" * 256, "/".join(["n" * 200] * 25), "a\0b", "\ud800"]


@pytest.mark.parametrize("name", NAMES, ids=["256 letters", "5,000 letters", "a NUL", "no text"])
def test_a_name_that_no_folder_can_have_is_a_sentence(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for read in (Run, load_generator, load, find_run, find_runs, lambda n: get_recipe(f"{n}.json")):
        with pytest.raises(GanlibError) as raised:
            read(name)
        assert str(raised.value).isprintable()
    with pytest.raises(GanlibError):
        load("o/" + name)


def test_bundled_weights_open_though_a_longer_name_would_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GanlibError, match="bundled ones are"):
        load_generator("n" * 250)  # with .safetensors behind it that is more than a name may have


def test_a_folder_whose_name_is_no_text_is_a_run_like_others(tmp_path, recipe, capsys):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/runs/r\xff\x1b[31m"))
    run = Run(folder)
    run.start(recipe)
    run.append_log(row(1))
    save_generator(recipe.generator(), run.recipe(), 1.0, run.generator_file)
    assert run.recipe() == recipe
    assert main(["runs", str(tmp_path / "runs")]) == 0
    out = str(tmp_path / "picture.png")
    assert main(["sample", str(folder), "--count", "1", "--out", out]) == 0
    assert main(["share", str(folder), "--out", str(tmp_path / "share")]) == 0
    assert main(["runs", "compare", str(folder), str(folder)]) == 2
    told = capsys.readouterr()
    assert "1 picture" in told.out
    assert all(line.isprintable() for line in (told.out + told.err).splitlines())
