"""The eight metrics: each a function of a view and of what the method of the view is given."""
