"""How well a run restores held-out items.

trial    the base of the observations that are made of each item
masked   those in which a part is known
trials   the others, and the list of all
course   items are observed and restored; the report
outcome  an item, its observation and its restorations
likeness how near they are to the truth
figures  the measures of one trial
display  pictures and sounds of one trial
"""
