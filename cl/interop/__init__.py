"""Ways out: recordings and live events in the forms that other programs read.

Each part stands behind an extra and is imported when it is used; nothing of it is loaded by `import cl`.
"""
