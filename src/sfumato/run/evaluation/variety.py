"""How much of the variety of real items samples cover, and how often they repeat themselves."""
