"""What `analyse_criticality` is made of: avalanches, power laws, shapes, scaling, branching."""
