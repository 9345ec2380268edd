import pytest
import torch

from ganlib.errors import GanlibError
from ganlib.latent.sampling import sample_latent, slerp
from ganlib.studio.state import StudioState

DIM = 6


@pytest.fixture
def state() -> StudioState:
    state = StudioState(DIM)
    state.add_directions("SeFa", torch.eye(DIM)[[2, 4, 5]])
    return state


def seeded(seed: int) -> torch.Tensor:
    return sample_latent(1, DIM, seed)[0]


def test_it_begins_at_seed_0(state):
    assert torch.equal(state.z, seeded(0))
    assert state.describe() == "seed 0"


def test_a_step_along_a_direction_moves_z_by_its_vector(state):
    state.move(0, 1.5)
    state.move(2, -2.0)
    assert torch.equal(state.z, seeded(0) + torch.tensor([0, 0, 1.5, 0, 0, -2.0]))
    assert state.describe() == "seed 0, direction 1 +1.5, direction 3 -2.0"


def test_a_move_taken_back_leaves_no_trace(state):
    for offset in (0.1, 3.3, -4.7, 0.0):
        state.move(1, offset)
    assert torch.equal(state.z, seeded(0))
    assert state.describe() == "seed 0"
    assert state.history == []


def test_a_coordinate_is_set_to_its_value_whatever_else_was_moved(state):
    state.move(0, 2.0)
    state.edit(2, 1.25)
    state.edit(3, -3.0)
    assert state.untruncated[2].item() == pytest.approx(1.25, abs=1e-6)
    assert state.untruncated[3].item() == pytest.approx(-3.0, abs=1e-6)
    assert torch.equal(state.untruncated[[0, 1, 4, 5]], seeded(0)[[0, 1, 4, 5]])
    assert state.describe() == "seed 0, direction 1 +2.0, 2 coordinates changed"
    state.undo(edits=True)
    assert torch.equal(state.untruncated, seeded(0) + torch.tensor([0, 0, 2.0, 0, 0, 0]))
    state.undo(moves=True)
    assert torch.equal(state.z, seeded(0))


def test_truncation_shortens_what_is_painted_and_nothing_else(state):
    state.move(0, 1.0)
    point = state.untruncated
    state.truncate(0.7)
    assert torch.equal(state.z, 0.7 * point)
    assert torch.equal(state.untruncated, point)
    state.go_to_seed(4)
    assert torch.equal(state.z, 0.7 * seeded(4))
    assert state.describe() == "seed 4, truncation 0.70"
    state.reset()
    assert torch.equal(state.z, seeded(4))


def test_a_z_of_wrong_length_is_refused(state):
    with pytest.raises(GanlibError, match=r"\(1, 7\)"):
        state.go_to(torch.zeros(7), "a file")
    assert state.describe() == "seed 0"


def test_going_back_brings_everything_back(state):
    state.move(1, 2.0)
    state.truncate(0.8)
    moved = state.z
    state.go_to_seed(5)
    state.go_to(torch.ones(DIM), "a file")
    assert torch.equal(state.z, torch.ones(DIM))
    assert [place.name for place in state.history] == ["seed 0", "seed 5"]
    state.go_back(2)
    assert torch.equal(state.z, moved)
    assert state.current.seed == 0
    assert state.history == []
    with pytest.raises(GanlibError, match="nothing to go back to"):
        state.go_back()


def test_a_place_can_be_visited_again_without_forgetting_those_since(state):
    for seed in (1, 2, 3):
        state.go_to_seed(seed)
    state.revisit(2)
    assert torch.equal(state.z, seeded(1))
    assert [place.name for place in state.history] == ["seed 0", "seed 1", "seed 2", "seed 3"]


def test_the_history_keeps_the_last_fifty(state):
    for seed in range(1, 80):
        state.go_to_seed(seed)
    assert [place.seed for place in state.history] == list(range(29, 79))


def test_going_where_one_is_leaves_no_trace(state):
    state.go_to_seed(0)
    state.reset()
    state.undo(moves=True, edits=True)
    assert state.history == []


def test_the_way_from_a_to_b_begins_and_ends_there_to_the_bit(state):
    state.move(0, 2.0)
    state.keep("A")
    start = state.untruncated
    state.go_to_seed(9)
    state.keep("B")
    state.go_between(0.0)
    assert torch.equal(state.z, start)
    assert state.describe() == "0% of the way from A to B"
    state.go_between(1.0)
    assert torch.equal(state.z, seeded(9))
    assert state.describe() == "100% of the way from A to B"
    state.go_between(0.25)
    assert torch.equal(state.z, slerp(start, seeded(9), torch.tensor([0.25]))[0])
    assert [place.name for place in state.history] == ["seed 0", "seed 9"]  # one step back


def test_the_way_is_described_even_where_a_slot_is_what_is_shown(state):
    state.keep("A")
    state.go_to_seed(9)
    state.keep("B")
    state.go_between(1.0)
    assert state.describe() == "100% of the way from A to B"
    assert [place.name for place in state.history] == ["seed 0"]


def test_there_is_no_way_without_a_and_b(state):
    for slot in "AB":
        with pytest.raises(GanlibError, match="Keep one picture as A"):
            state.go_between(0.5)
        state.keep(slot)
    state.go_between(0.5)


def test_neighbours_lie_around_as_far_from_the_mean(state):
    state.go_to_seed(3)
    near, far = state.neighbours(8, 0.1), state.neighbours(8, 1.0)
    length = state.untruncated.norm().item()
    for points in (near, far):
        assert points.norm(dim=1).tolist() == pytest.approx([length] * 8, rel=1e-5)
    apart = [(points - state.untruncated).norm(dim=1).mean().item() for points in (near, far)]
    assert 0.05 * length < apart[0] < 0.2 * length
    assert 0.4 * length < apart[1] < 1.2 * length
    assert torch.equal(near, state.neighbours(8, 0.1))
    rounds = torch.cat([state.neighbours(8, 0.1, round_) for round_ in range(3)])
    assert len(rounds.unique(dim=0)) == 24


def test_the_mean_has_neighbours_too(state):
    state.go_to(torch.zeros(DIM), "the mean")
    assert state.neighbours(4, 0.5).isfinite().all()


def test_favourites_are_what_was_painted(state):
    state.truncate(0.5)
    state.pin()
    z = state.z
    with pytest.raises(GanlibError, match="pinned already"):
        state.pin()
    state.go_to_seed(2)
    assert state.favourite(state.z) is None
    with pytest.raises(GanlibError, match="not pinned"):
        state.unpin()
    state.pin()
    state.go_to(state.favourites[0], "favourite 1")
    assert torch.equal(state.z, z)
    assert state.favourite(state.z) == 0
    state.unpin()
    assert len(state.favourites) == 1
    assert torch.equal(state.favourites[0], 0.5 * seeded(2))


def test_a_path_leads_from_a_to_b_and_back(state):
    with pytest.raises(GanlibError, match="as A"):
        state.path("A to B", 10, closed=True)
    state.keep("A")
    state.go_to_seed(1)
    state.keep("B")
    there = state.path("A to B", 9, closed=False)
    assert there.shape == (9, DIM)
    assert torch.equal(there[[0, -1]], torch.stack([seeded(0), seeded(1)]))
    loop = state.path("A to B", 8, closed=True)
    assert torch.equal(loop[0], seeded(0))
    assert torch.allclose(loop[4], seeded(1), atol=1e-6)
    assert torch.allclose(loop[1], loop[-1], atol=1e-5)


def test_a_path_leads_through_the_favourites(state):
    state.pin()
    with pytest.raises(GanlibError, match="2 or more favourites"):
        state.path("favourites", 10, closed=False)
    for seed in (1, 2):
        state.go_to_seed(seed)
        state.pin()
    path = state.path("favourites", 2, closed=False)  # fewer than stops: one picture each
    assert torch.equal(path, torch.stack([seeded(0), seeded(1), seeded(2)]))


def test_pictures_along_all_directions(state):
    state.truncate(0.5)
    points = state.along(range(3), [-1.0, 0.0, 1.0])
    assert points.shape == (9, DIM)
    for row in range(3):
        assert torch.equal(points[3 * row + 1], state.z)
        step = 0.5 * state.vectors[row]
        assert torch.allclose(points[3 * row + 2] - state.z, step, atol=1e-6)
        assert torch.allclose(points[3 * row] - state.z, -step, atol=1e-6)


def test_directions_have_names(state):
    state.rename(1, "  big   smile ")
    state.move(1, 2.0)
    assert state.describe() == "seed 0, big smile +2.0"
    state.rename(1, "big smile")
    for name in ("", "   ", "x" * 21, "direction 1"):
        with pytest.raises(GanlibError):
            state.rename(1, name)
    assert state.names == ["direction 1", "big smile", "direction 3"]


def test_a_second_set_leaves_points_before_it_as_they_were(state):
    state.move(1, 2.0)
    before = state.z
    state.go_to_seed(7)
    state.add_directions("GANSpace", torch.eye(DIM)[[0, 3]])
    state.move(4, 1.0)
    assert state.describe() == "seed 7, GANSpace 2 +1.0"
    assert torch.equal(state.z, seeded(7) + torch.eye(DIM)[3])
    state.go_back()
    assert torch.equal(state.z, before)
    assert state.current.offset(4) == 0
    state.move(3, -1.0)
    assert state.describe() == "seed 0, direction 2 +2.0, GANSpace 1 -1.0"


def test_sliders_are_moved_and_hidden_within_their_set(state):
    state.add_directions("GANSpace", torch.eye(DIM)[[0, 3]])
    assert state.shown == [3, 4]
    state.open_set = "SeFa"
    state.shift_direction(2, -1)
    assert state.shown == [0, 2, 1]
    state.hide(2)
    state.shift_direction(0, 5)
    assert state.shown == [1, 0]
    state.hide(0)
    with pytest.raises(GanlibError, match="the last slider"):
        state.hide(1)
    state.hidden.clear()
    assert sorted(state.shown) == [0, 1, 2]


def test_seeds_out_of_range_are_refused(state):
    with pytest.raises(GanlibError, match="out of range"):
        state.go_to_seed(-1)
    assert state.describe() == "seed 0"
