"""The sizes at which every family is tried."""

SIZES = (32, 64, 128, 256, 512)
ALL_SIZES = (*SIZES, 48, 80, 96, 112, "64x96", "96x64", "48x80", "320x384")
