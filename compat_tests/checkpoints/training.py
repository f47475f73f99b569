"""Small training runs of every architecture, as plain PyTorch code: what a checkpoint has to carry.

A `Training` has modules, optimizers and schedulers by name, gives logits in evaluation mode and
takes one step at a time.
"""

import torch
import torch.nn.functional as F
from models_generative import VAE, Discriminator, Generator
from models_text import GPT, Bert, LSTMLanguageModel, Seq2Seq
from models_vision import MLP, VGG, MobileNetV2, UNet, ViT, resnet18, resnet50


class Training:
    """One module, one optimizer; subclasses say otherwise."""

    def __init__(self, model, optimizer, batch, loss, scheduler=None, clip=None):
        self.parts = {"model": model, "optimizer": optimizer}
        if scheduler is not None:
            self.parts["scheduler"] = scheduler
        self.batch = batch
        self.loss = loss
        self.clip = clip

    def checkpoint(self):
        return {"epoch": 2, **{name: part.state_dict() for name, part in self.parts.items()}}

    def resume(self, checkpoint):
        for name, part in self.parts.items():
            part.load_state_dict(checkpoint[name])

    def modules(self):
        return [part for part in self.parts.values() if isinstance(part, torch.nn.Module)]

    def logits(self):
        for module in self.modules():
            module.eval()
        with torch.no_grad():
            out = self.parts["model"](*self.batch[:-1])
        for module in self.modules():
            module.train()
        return out[0] if isinstance(out, tuple) else out

    def step(self):
        model, optimizer = self.parts["model"], self.parts["optimizer"]
        optimizer.zero_grad()
        loss = self.loss(model(*self.batch[:-1]), self.batch[-1])
        loss.backward()
        if self.clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), self.clip)
        optimizer.step()
        if "scheduler" in self.parts:
            self.parts["scheduler"].step()
        return loss.item()


class GANTraining(Training):
    """A generator and a discriminator in turn."""

    def __init__(self, generator, discriminator, images):
        adam = {"lr": 2e-4, "betas": (0.5, 0.999)}
        self.parts = {
            "model": generator,
            "discriminator": discriminator,
            "optimizer": torch.optim.Adam(generator.parameters(), **adam),
            "d_optimizer": torch.optim.Adam(discriminator.parameters(), **adam),
        }
        self.images = images
        self.batch = (torch.randn(len(images), 8, 1, 1), None)

    def step(self):
        generator, discriminator = self.parts["model"], self.parts["discriminator"]
        loss = F.binary_cross_entropy_with_logits
        real = torch.ones(len(self.images))
        made = generator(torch.randn(len(self.images), 8, 1, 1))
        discriminator.zero_grad()
        real_loss = loss(discriminator(self.images), real)
        real_loss.backward()
        fake_loss = loss(discriminator(made.detach()), torch.zeros_like(real))
        fake_loss.backward()
        self.parts["d_optimizer"].step()
        generator.zero_grad()
        fooled = loss(discriminator(made), real)
        fooled.backward()
        self.parts["optimizer"].step()
        return (real_loss + fake_loss + fooled).item()


def images(n, size):
    return torch.randn(n, 3, size, size)


def classes(n, count=5):
    return torch.arange(n) % count


def token_loss(logits, words):
    return F.cross_entropy(logits.flatten(0, -2), words.flatten())


def mlp():
    model = MLP(inputs=12, width=16, classes=5)
    optimizer = torch.optim.NAdam(model.parameters(), lr=0.01)
    return Training(model, optimizer, (torch.randn(6, 3, 4), classes(6)), F.cross_entropy)


def resnet_18():
    model = resnet18(width=4, classes=5)
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.1)
    return Training(model, optimizer, (images(4, 33), classes(4)), F.cross_entropy, scheduler)


def resnet_50():
    model = resnet50(width=4, classes=5)
    optimizer = torch.optim.SGD(model.parameters(), 1e-2, momentum=0.9, dampening=0.1)
    return Training(model, optimizer, (images(4, 48), classes(4)), F.cross_entropy)


def vgg():
    model = VGG(width=2, size=2, hidden=16, classes=5)
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.01)
    return Training(model, optimizer, (images(4, 32), classes(4)), F.cross_entropy)


def mobilenet_v2():
    plan = ((1, 4, 1, 1), (6, 8, 2, 2), (6, 8, 1, 2))
    model = MobileNetV2(plan, first=4, last=32, classes=5)
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=8)
    return Training(model, optimizer, (images(4, 24), classes(4)), F.cross_entropy, scheduler)


def unet():
    model = UNet(width=4, depth=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, amsgrad=True)
    target = (images(2, 18)[:, 0] > 0).long()
    return Training(model, optimizer, (images(2, 18), target), F.cross_entropy)


def vit():
    model = ViT(image=16, patch=8, width=16, depth=2, heads=4, classes=5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (step + 1) / 10)
    return Training(model, optimizer, (images(4, 16), classes(4)), F.cross_entropy, scheduler)


def lstm_language_model():
    model = LSTMLanguageModel(words=20, width=12)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    words = torch.randint(20, (8, 4))
    return Training(model, optimizer, (words[:-1], words[1:]), token_loss, clip=0.25)


def seq2seq():
    model = Seq2Seq(words=20, width=12)
    optimizer = torch.optim.Adamax(model.parameters(), lr=0.01)
    source, target = torch.randint(1, 20, (3, 6)), torch.randint(1, 20, (3, 5))
    batch = (source, torch.tensor([4, 6, 2]), target[:, :-1], target[:, 1:])
    return Training(model, optimizer, batch, token_loss, clip=1.0)


def bert():
    model = Bert(words=40, width=16, depth=2, heads=4, positions=12)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    words = torch.randint(1, 40, (3, 8))
    mask = torch.ones(3, 8, dtype=torch.long)
    mask[1, 5:] = 0
    labels = torch.where(torch.rand(3, 8) < 0.3, words, -100)

    def loss(out, labels):
        masked = F.cross_entropy(out[0].view(-1, 40), labels.view(-1), ignore_index=-100)
        return masked + F.cross_entropy(out[1], torch.tensor([0, 1, 1]))

    return Training(model, optimizer, (words, (words > 20).long(), mask, labels), loss)


def gpt2():
    model = GPT(words=30, width=16, depth=2, heads=4, positions=10)
    optimizer = torch.optim.AdamW(model.decay_groups(0.1), lr=3e-3, betas=(0.9, 0.95))
    words = torch.randint(30, (3, 9))
    return Training(model, optimizer, (words[:, :-1], words[:, 1:]), token_loss, clip=1.0)


def dcgan():
    return GANTraining(Generator(noise=8, width=4), Discriminator(width=4), images(4, 16))


def vae():
    model = VAE(inputs=16, width=12, latent=4)
    optimizer = torch.optim.RMSprop(model.parameters(), 1e-3, centered=True, momentum=0.9)
    batch = torch.rand(5, 16)

    def loss(out, x):
        made, mean, logvar = out
        divergence = -0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp())
        return F.binary_cross_entropy(made, x, reduction="sum") + divergence

    return VAETraining(model, optimizer, (batch, batch), loss)


class VAETraining(Training):
    """Looked at through its decoder, which draws no noise."""

    def logits(self):
        with torch.no_grad():
            return self.parts["model"].decode(torch.linspace(-1, 1, 20).view(5, 4))


RUNS = (mlp, resnet_18, resnet_50, vgg, mobilenet_v2, unet, vit, lstm_language_model, seq2seq,
        bert, gpt2, dcgan, vae)  # fmt: skip

# The real sizes, built without memory on the meta device.
REAL = {
    "resnet18": resnet18, "resnet50": resnet50, "vgg": VGG, "mobilenet_v2": MobileNetV2,
    "unet": UNet, "vit": ViT, "lstm": LSTMLanguageModel, "seq2seq": Seq2Seq, "bert": Bert,
    "gpt2": GPT, "generator": Generator, "discriminator": Discriminator, "vae": VAE, "mlp": MLP,
}  # fmt: skip
