"""First floor: training, told to a stranger.

The engine is handed a module, a function from a batch to one loss per sample, and a function from
a step number to that step's batch. It never learns what the samples are or what the loss means.

Read in this order: ``loop`` (the training loop), ``events`` (what it says while it works),
``settings`` (what can be asked of it), ``state`` (what a checkpoint must hold), ``checkpoint``.
"""
