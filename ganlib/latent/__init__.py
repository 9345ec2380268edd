"""The latent space: z, directions in it, and the z of a given picture."""
