"""Nets that know classes, in every family."""

import pytest
import torch

from ganlib.nets.base import shares
from ganlib.nets.registry import FAMILIES

CLASSES = 3


@pytest.fixture(params=FAMILIES)
def nets(request):
    family = FAMILIES[request.param]
    return family.generator(32, 10, 2, classes=CLASSES).eval(), family.discriminator(
        32, 2, classes=CLASSES
    ).eval()


def test_a_class_changes_the_picture_and_the_logit(nets):
    generator, discriminator = nets
    z = torch.randn(CLASSES, 10)[:1].expand(CLASSES, -1)
    images = generator(z, torch.arange(CLASSES))
    assert images.shape == (CLASSES, 3, 32, 32)
    logits = discriminator(images[:1].expand(CLASSES, -1, -1, -1), torch.arange(CLASSES))
    assert logits.shape == (CLASSES,)
    for values in (images, logits):
        assert not torch.equal(values[0], values[1])


def test_a_share_of_each_class_is_a_blend(nets):
    generator, discriminator = nets
    z, one = torch.randn(2, 10), torch.tensor([1, 1])
    whole = shares(one, CLASSES)
    assert torch.equal(generator(z, one), generator(z, whole))
    between = generator(z, torch.tensor([[0.5, 0.5, 0.0]] * 2))
    assert not torch.equal(between, generator(z, one))
    assert torch.equal(discriminator(between, one), discriminator(between, whole))


def test_the_projection_adds_what_was_learnt_of_the_class(nets):
    _, discriminator = nets
    images = torch.randn(2, 3, 32, 32)
    none = discriminator(images)
    of_each = torch.stack([discriminator(images, torch.full((2,), k)) - none for k in range(CLASSES)])
    blend = torch.tensor([[0.2, 0.3, 0.5]] * 2)
    torch.testing.assert_close(
        discriminator(images, blend) - none, (of_each * blend.T).sum(0), atol=1e-4, rtol=0
    )


def test_z_decides_for_a_class_in_their_proportions(nets):
    generator, _ = nets
    generator.class_shares.copy_(torch.tensor([0.1, 0.6, 0.3]))
    found = generator._class_of(torch.randn(4000, 10), torch.empty(4000, 0))
    assert found.sum(1).eq(1).all()
    torch.testing.assert_close(found.mean(0), generator.class_shares, atol=0.03, rtol=0)


def test_a_chosen_class_is_that_of_every_picture(nets):
    generator, _ = nets
    z = torch.randn(4, 10)
    generator.chosen = torch.tensor([0.0, 0.0, 1.0])
    assert torch.equal(generator(z), generator(z, torch.full((4,), 2)))


def test_z_may_hold_the_share_of_each_class(nets):
    generator, _ = nets
    z, blend = torch.randn(2, 10), torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]])
    held = generator(torch.cat([z, 3 * blend], 1))
    torch.testing.assert_close(held, generator(z, blend))
    assert torch.equal(generator(torch.cat([z, torch.zeros(2, CLASSES)], 1)), generator(z))


@pytest.mark.parametrize("name", FAMILIES)
def test_without_classes_nothing_is_added(name):
    family = FAMILIES[name]
    generator, discriminator = family.generator(32, 10, 2), family.discriminator(32, 2)
    assert "class_shares" not in generator.state_dict()
    assert discriminator(generator(torch.randn(2, 10))).shape == (2,)
