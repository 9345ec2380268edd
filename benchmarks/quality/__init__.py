"""Picture quality at equal budgets: what each way to train a GAN makes of the same pictures and minutes."""
