"""Media: from files to items to tensors, and back.

::

    medium, numbers      what a medium is; the base of media whose items are arrays of one shape
    facts, folder        the facts that a run stores about its data; folders for samples
    report, display      reports on data sets; samples as HTML
    registry             all media, and their recipes by name
    image, audio, text   one package for each medium: settings, reading, recipes, samples
"""
