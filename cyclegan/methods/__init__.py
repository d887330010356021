"""Training algorithms: one file, one LightningModule, whose `training_step` reads like its paper.

`game` is the base that all of them share. Losses, networks and what happens beside training are elsewhere.
"""
