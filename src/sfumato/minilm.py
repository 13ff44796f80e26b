WIDTH = 384


class MiniLM:
    pass
