"""First floor: training any module, with exact resume.

The engine is handed a module, a function from a batch to one loss per sample, and a function from
a step number to that step's batch. It never learns what the samples are or what the loss means.

Read in this order: ``loop`` (the training loop), ``step`` (one optimiser step), ``watch`` (what
else is done on the way), ``events`` (what the loop yields), ``settings``, ``state`` (what a
checkpoint must hold), ``checkpoint``. ``docs/trainer.md`` shows how to train a module of your own.
"""
