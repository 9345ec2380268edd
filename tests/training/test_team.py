from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from ganlib.runtime.distributed import Share
from ganlib.errors import GanlibError
from ganlib.runtime.device import detect
from ganlib.recipes import Recipe
from ganlib.training.state import _prepared
from ganlib.runtime.distributed import Distributed, division
from tests.training.together import finish, start


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    folder = tmp_path_factory.mktemp("talk")
    process = start("tests.training.members", "talk", folder)
    said = finish(process)
    assert process.returncode == 0, said
    turns = (folder / "turns").read_text().split()
    return [{**torch.load(folder / f"{rank}.pt"), "turns": turns} for rank in range(2)]


def test_each_process_has_a_place_and_the_first_leads(heard):
    assert [values["share"] for values in heard] == [(0, 2), (1, 2)]
    assert [values["leads"] for values in heard] == [True, False]


def test_gradients_become_their_mean_everywhere_and_what_has_none_stays_without(heard):
    for values in heard:
        assert torch.equal(values["weight"], torch.arange(24.0).reshape(3, 2, 2, 2) + 0.5)
        assert torch.equal(values["bias"], torch.tensor([5.0, 10.0, 15.0]))
        assert values["unused"] is None


def test_a_mean_is_the_same_everywhere(heard):
    assert all(torch.equal(values["mean"], torch.tensor([0.5, 4.0])) for values in heard)


def test_a_flag_that_is_up_in_one_process_is_up_in_all(heard):
    assert [values["agree"] for values in heard] == [(False, True, True)] * 2


def test_what_the_leader_broadcasts_arrives_in_all(heard):
    for values in heard:
        assert values["broadcast"]["from"] == 0
        assert torch.equal(values["broadcast"]["tensor"], torch.zeros(2))


def test_processes_find_out_whether_they_hold_the_same(heard):
    assert [values["same"] for values in heard] == [[True, False]] * 2


def test_the_processes_of_a_machine_take_turns(heard):
    assert heard[0]["turns"] == ["begins", "ends", "begins", "ends"]


def test_the_parts_make_the_whole(heard):
    assert torch.equal(torch.cat([values["part"] for values in heard]), torch.arange(6))


def test_who_is_left_says_that_another_process_has_ended(tmp_path):
    process = start("tests.training.members", "lose", tmp_path)
    said = finish(process, seconds=60)  # nobody waits for one who is gone
    assert process.returncode != 0
    assert "Another process of this run has ended" in (tmp_path / "said").read_text(), said
    assert "Start the same command again" in (tmp_path / "said").read_text()


def test_a_process_alone_has_nothing_to_wait_for():
    team = Distributed.join(detect("cpu"))
    gradient = torch.tensor([1.0, 2.0])
    parameter = torch.nn.Parameter(torch.zeros(2))
    parameter.grad = gradient
    team.average_gradients([parameter])
    assert (team.size, team.leads, team.same("art")) == (1, True, True)
    assert parameter.grad is gradient
    assert team.agree(True, False) == (True, False)
    assert team.mean(gradient) is gradient
    assert team.broadcast("recipe") == "recipe"
    assert not torch.distributed.is_initialized()


def test_gpus_synchronise_batchnorm_where_the_recipe_wants_it():
    recipe = Recipe("test", size=32, width=2)
    together = SimpleNamespace(
        use_distributed=True,
        device=torch.device("cuda"),
        prepare_model=lambda net, device_placement, evaluation_mode: net,
    )
    for wanted, kind in ((True, nn.SyncBatchNorm), (False, nn.BatchNorm2d)):
        plain = recipe.generator()
        tensors = [*plain.parameters(), *plain.buffers()]
        prepared = _prepared(plain, replace(recipe, sync_norm=wanted), together)
        assert {type(layer) for layer in prepared.modules() if "Norm" in type(layer).__name__} == {kind}
        found = [*prepared.parameters(), *prepared.buffers()]
        assert all(a is b for a, b in zip(found, tensors, strict=True))  # the average holds on to them
        assert prepared.state_dict().keys() == recipe.generator().state_dict().keys()


def test_a_team_says_how_it_shares_and_whose_statistics_batchnorm_takes():
    batch, none = Recipe("test", size=32), Recipe("test", size=32, d_norm="none", g_norm="none")
    synchronised = nn.SyncBatchNorm.convert_sync_batchnorm(batch.generator())
    shares = "3 processes share each batch of 48; "
    assert division(3, 48, [none.generator(), none.discriminator()]) == shares + "no BatchNorm."
    assert division(3, 48, [batch.generator(), none.discriminator()]) == (
        shares + "BatchNorm statistics of each process."
    )
    assert division(3, 48, [synchronised, batch.generator()]) == shares + "BatchNorm statistics synchronised."


def test_a_share_is_a_block_of_the_whole():
    whole = torch.arange(12).reshape(6, 2)
    assert Share().of(whole) is whole
    parts = [Share(rank, 3).of(whole) for rank in range(3)]
    assert all(part.shape == (2, 2) for part in parts)
    assert torch.equal(torch.cat(parts), whole)
    with pytest.raises(RuntimeError):
        Share(0, 4).of(whole)


def test_processes_that_would_each_train_alone_are_told_so(monkeypatch):
    Distributed.join(detect("cpu"))  # from here on accelerate takes this process for one that is alone
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(GanlibError, match="2 processes were started, and on 'cpu' each would train by"):
        Distributed.join(detect("cpu"))
