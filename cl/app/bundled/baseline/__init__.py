"""The bundled application `baseline`: a program above the package, which imports `cl` as any other does."""
