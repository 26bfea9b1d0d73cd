"""Small seeded runs with every fault of the emulator, cut anywhere and gone on with, judged by the org."""
