import copy

import torch
from torch.nn.functional import binary_cross_entropy

from ganlib.augment import Augment
from ganlib.losses import adversarial_loss
from ganlib.nets.dcgan import DCGANDiscriminator, DCGANGenerator
from ganlib.training.steps import discriminator_step, frozen, generator_step

BCE = adversarial_loss("bce")


def players():
    generator, discriminator = DCGANGenerator(32, 8, 4), DCGANDiscriminator(32, 4)
    adam = [torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999)) for net in (generator, discriminator)]
    return generator, discriminator, *adam


def test_three_steps_equal_the_plain_loop():
    generator, discriminator, g_adam, d_adam = players()
    plain_g, plain_d = copy.deepcopy(generator), copy.deepcopy(discriminator)
    plain_g_adam = torch.optim.Adam(plain_g.parameters(), 2e-4, (0.5, 0.999))
    plain_d_adam = torch.optim.Adam(plain_d.parameters(), 2e-4, (0.5, 0.999))
    for _ in range(3):
        real, z = torch.rand(6, 3, 32, 32) * 2 - 1, torch.randn(6, 8)
        fake = generator(z)
        d_loss, real_logits, fake_logits = discriminator_step(discriminator, d_adam, BCE, real, fake)
        g_loss = generator_step(discriminator, g_adam, BCE, fake)

        plain_fake = plain_g(z)
        plain_d_adam.zero_grad()
        plain_real_p, plain_fake_p = plain_d(real).sigmoid(), plain_d(plain_fake.detach()).sigmoid()
        plain_d_loss = binary_cross_entropy(plain_real_p, torch.ones(6))
        plain_d_loss = plain_d_loss + binary_cross_entropy(plain_fake_p, torch.zeros(6))
        plain_d_loss.backward()
        plain_d_adam.step()
        plain_g_adam.zero_grad()
        plain_g_loss = binary_cross_entropy(plain_d(plain_fake).sigmoid(), torch.ones(6))
        plain_g_loss.backward()
        plain_g_adam.step()

        assert torch.allclose(d_loss, plain_d_loss, atol=1e-5)
        assert torch.allclose(g_loss, plain_g_loss, atol=1e-5)
        assert torch.allclose(real_logits.sigmoid(), plain_real_p, atol=1e-5)
        assert torch.allclose(fake_logits.sigmoid(), plain_fake_p, atol=1e-5)
    for ours, plain in ((generator, plain_g), (discriminator, plain_d)):
        for name, tensor in ours.state_dict().items():
            assert torch.allclose(tensor, plain.state_dict()[name], atol=1e-5), name


def test_the_discriminator_s_step_gives_the_generator_no_gradient():
    generator, discriminator, _, d_adam = players()
    before = copy.deepcopy(generator.state_dict())
    fake = generator(torch.randn(4, 8))
    discriminator_step(discriminator, d_adam, BCE, torch.rand(4, 3, 32, 32), fake)
    assert all(weights.grad is None for weights in generator.parameters())
    assert torch.equal(before["main.0.weight"], generator.state_dict()["main.0.weight"])


def test_the_generator_s_step_computes_no_gradient_for_the_discriminator():
    generator, discriminator, g_adam, _ = players()
    before = copy.deepcopy(discriminator.state_dict())
    first = generator.main[0].weight.clone()
    generator_step(discriminator, g_adam, BCE, generator(torch.randn(4, 8)))
    assert all(weights.grad is None for weights in discriminator.parameters())
    assert all(weights.requires_grad for weights in discriminator.parameters())
    assert torch.equal(before["main.0.weight"], discriminator.state_dict()["main.0.weight"])
    assert not torch.equal(first, generator.main[0].weight)


def test_what_is_frozen_thaws_after_an_error():
    discriminator = DCGANDiscriminator(32, 4)
    try:
        with frozen(discriminator):
            assert not any(weights.requires_grad for weights in discriminator.parameters())
            raise ValueError
    except ValueError:
        pass
    assert all(weights.requires_grad for weights in discriminator.parameters())


def test_both_players_see_augmented_pictures():
    generator, discriminator, g_adam, d_adam = players()
    seen = []

    class Spy(Augment):
        def __call__(self, images):
            seen.append(images)
            return images

    fake, real = generator(torch.randn(4, 8)), torch.rand(4, 3, 32, 32)
    discriminator_step(discriminator, d_adam, BCE, real, fake, Spy())
    generator_step(discriminator, g_adam, BCE, fake, Spy())
    assert seen[0] is real
    assert torch.equal(seen[1], fake)
    assert seen[2] is fake
