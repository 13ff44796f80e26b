"""How well a run restores held-out items.

trials   the observations that are made of each item
course   items are observed and restored; the report
figures  the measures of one trial
display  pictures and sounds of one trial
"""
